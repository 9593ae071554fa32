"""An app server small enough to be restarted often: what it was sent it tells, what is written it keeps in a file."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[str, bytes]


def answer(environ: dict[str, Any]) -> Answer:
    """GET and POST /echo, POST /written (a line each into the file WRITTEN names), GET /slow?s=SECONDS, probes.

    GET /timed says that it took a millisecond. POST /crash writes its line and dies before it answers.
    """
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    if path in ("/healthz", "/readyz"):
        return "200 OK", b"{}"
    if path in ("/written", "/crash"):
        with Path(os.environ["WRITTEN"]).open("ab") as file:
            file.write(body + b"\n")
        if path == "/crash":
            os.kill(os.getpid(), signal.SIGKILL)
        return "201 Created", b"{}"
    if path == "/slow":
        time.sleep(float(parse_qs(environ["QUERY_STRING"])["s"][0]))
        return "200 OK", b"{}"
    if path == "/timed":
        return "200 OK", b"{}"
    if path == "/echo":
        headers = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
        told = {"instance": os.environ["LIKESTORM_INSTANCE"], "headers": headers, "length": len(body)}
        return "200 OK", json.dumps(told).encode()
    return "404 Not Found", b"{}"


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    status, body = answer(environ)
    timing = [("Server-Timing", "app;dur=1.000")] if environ["PATH_INFO"] == "/timed" else []
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *timing])
    return [body]
