"""python -m compose.signer [HOST:]PORT: sign nginx's requests with the keys in LIKESTORM_S3_…, until SIGTERM."""

import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from compose.errors import UsageError
from compose.signer.signing import Signer, Store
from compose.topology import LOOPBACK

OBJECT = "X-Object"


def serve(port: int, signer: Signer, host: str = LOOPBACK) -> ThreadingHTTPServer:
    """A server bound to the port, to be run by serve_forever(); OSError when the port is taken.

    GET with the path in X-Object: 204 with the signed headers, 403 for a path that is not served.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            signed = signer.sign(self.headers.get(OBJECT, ""))
            self.send_response_only(HTTPStatus.FORBIDDEN if signed is None else HTTPStatus.NO_CONTENT)
            if signed is None:
                self.send_header("Content-Length", "0")
            for name, value in (signed or {}).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: nginx logs each request."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    return server


def main(arguments: list[str]) -> int:
    host, _, port = arguments[0].rpartition(":") if len(arguments) == 1 else ("", "", "")
    if not port.isdecimal():
        print("usage: python -m compose.signer [HOST:]PORT", file=sys.stderr)
        return 2
    try:
        server = serve(int(port), Signer(Store.from_env()), host or LOOPBACK)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"port {port}: {error.strerror}", file=sys.stderr)
        return 1
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
