"""Heads of requests as clients usually send them, each read by one regular expression.

gunicorn looks at every line, name and value by itself, for a quarter of all that a like takes outside of its stores.
What is read here is a part of what gunicorn takes, and comes to the same; all else is left to gunicorn, with its limits
and refusals.
"""

import os
import re
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

_TARGET = re.compile(rb"([A-Z]{3,20}) (/[!\"$->@-~]*)(?:\?([!\"$-~]*))? HTTP/1\.1")
"""A method, a path from the root, and what follows its first question mark; no fragment."""

_FIELD = re.compile(r"^([!#$%&'*+.^`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r\n", re.MULTILINE)
"""A line whose name has no underscore: whether such a one is taken depends on who sends it."""

_UNPREFIXED = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}


class PlainRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request; `is_plain` when each of its fields comes once, and none has a say in how others are to be read."""

    is_plain = False

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Set method, path and version."""
        found = _TARGET.fullmatch(line_bytes)
        if found is None:
            super().parse_request_line(line_bytes)
            return
        method, path, query = found.groups(b"")
        self.method, self.path, self.query = method.decode(), path.decode(), query.decode()
        self.uri = line_bytes[len(method) + 1 : -len(" HTTP/1.1")].decode()
        self.fragment = ""
        self.version = (1, 1)

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        """The fields, their names in capitals."""
        if not from_trailer and len(data) + len("\r\n") <= self.limit_request_field_size:
            text = data.decode("latin-1") + "\r\n"
            fields = [(name.upper(), value.strip(" \t")) for name, value in _FIELD.findall(text)]
            by_name = dict(fields)
            self.is_plain = (
                # Every line is a field, and no name comes twice.
                text.count("\n") == len(fields) == len(by_name) <= self.limit_request_fields
                and "EXPECT" not in by_name
                and by_name.keys().isdisjoint(self.cfg.secure_scheme_headers)
                and self.proxy_protocol_info is None
            )
            if self.is_plain:
                return fields
        return list(super().parse_headers(data, from_trailer))


class PlainParser(RequestParser):  # type: ignore[misc]
    """What a connection sends, as PlainRequests."""

    mesg_class = PlainRequest

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Whether the last request's body has been read away; mostly there is nothing left of it."""
        if self.mesg and getattr(self.mesg.body.reader, "length", None) == 0:
            return True
        return bool(super().finish_body(deadline, max_bytes))


class Environs:
    """The WSGI environments of one connection's plain requests; what all of them share is made once.

    As gunicorn's own, without its callback for early hints.
    """

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        # With a Unix socket each request tells the server's name, with a SCRIPT_NAME its path is cut.
        self._is_usual = isinstance(client, tuple) and isinstance(server, tuple) and "SCRIPT_NAME" not in os.environ
        self._shared = wsgi.base_environ(cfg)
        if self._is_usual:
            self._shared |= {
                "gunicorn.socket": sock,
                "SERVER_PROTOCOL": "HTTP/1.1",
                "REMOTE_ADDR": client[0],
                "REMOTE_PORT": str(client[1]),
                "SERVER_NAME": server[0],
                "SERVER_PORT": str(server[1]),
                "SCRIPT_NAME": "",
            }

    def make(self, request: PlainRequest) -> dict[str, Any] | None:
        """The environment; None where gunicorn is to make it."""
        if not (request.is_plain and self._is_usual and request.version == (1, 1)):
            return None
        environ: dict[str, Any] = self._shared.copy()
        environ["wsgi.input"] = request.body
        environ["wsgi.url_scheme"] = request.scheme
        environ["REQUEST_METHOD"] = request.method
        environ["QUERY_STRING"] = request.query
        environ["RAW_URI"] = request.uri
        path = request.path
        environ["PATH_INFO"] = util.unquote_to_wsgi_str(path) if "%" in path else path
        for name, value in request.headers:
            environ[_UNPREFIXED.get(name) or "HTTP_" + name.replace("-", "_")] = value
        return environ
