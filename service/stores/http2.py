"""Many HTTP/2 requests at once over one kept connection to one server, by libcurl."""

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Generic, TypeVar

import pycurl

Request = TypeVar("Request")

_NO_SOCKET_PAUSE_S = 0.01


@dataclass(frozen=True)
class Answer:
    """A complete response; `retry_after` in seconds, 0 without that header."""

    status: int
    body: bytes
    retry_after: int


class Channel(Generic[Request]):
    """POST requests to the server at `url`; connects at the first one, and again when the connection was lost.

    ca: file with the authority to trust, None for the system's. most_streams: requests in flight at most. For one
    thread of one process.
    """

    def __init__(self, url: str, ca: Path | None, most_streams: int) -> None:
        self._url = url
        self._ca = ca
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, most_streams)
        self._idle = [self._create_handle() for _ in range(most_streams)]
        self._in_flight: dict[pycurl.Curl, tuple[Request, BytesIO]] = {}

    @property
    def in_flight(self) -> int:
        """How many requests wait for their answers."""
        return len(self._in_flight)

    @property
    def has_room(self) -> bool:
        """Whether another request can be sent now."""
        return bool(self._idle)

    def send(self, request: Request, path: str, headers: Sequence[str], body: bytes, timeout: float) -> None:
        """Start a request, which ends within `timeout` seconds; `receive` gives its outcome."""
        handle, answer = self._idle.pop(), BytesIO()
        handle.setopt(pycurl.URL, self._url + path)
        # An empty value removes a header that libcurl would add.
        handle.setopt(pycurl.HTTPHEADER, [*headers, "content-type:", "expect:"])
        handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.WRITEDATA, answer)
        handle.setopt(pycurl.TIMEOUT_MS, max(1, int(timeout * 1000)))
        self._in_flight[handle] = request, answer
        self._multi.add_handle(handle)

    def receive(self, timeout: float) -> list[tuple[Request, Answer | str]]:
        """The requests that ended, each with its answer or the reason why there is none; waits up to `timeout` s."""
        self._multi.perform()
        finished = self._collect()
        if not finished and timeout > 0:
            self._wait(timeout)
            self._multi.perform()
            finished = self._collect()
        return finished

    def close(self) -> None:
        """Abandon what is in flight and close the connection."""
        for handle in self._in_flight:
            self._multi.remove_handle(handle)
        self._in_flight.clear()
        self._multi.close()

    def _create_handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        # Wait for the one connection instead of opening another.
        handle.setopt(pycurl.PIPEWAIT, 1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROXY, "")
        system = ssl.get_default_verify_paths()
        if self._ca or system.cafile:
            handle.setopt(pycurl.CAINFO, str(self._ca or system.cafile))
        if not self._ca and system.capath:
            handle.setopt(pycurl.CAPATH, system.capath)
        return handle

    def _wait(self, timeout: float) -> None:
        timer = self._multi.timeout()
        wait = timeout if timer < 0 else min(timeout, timer / 1000)
        # select() does not wait without a socket, such as before the first connection.
        if any(self._multi.fdset()):
            self._multi.select(wait)
        else:
            time.sleep(min(timeout, _NO_SOCKET_PAUSE_S))

    def _collect(self) -> list[tuple[Request, Answer | str]]:
        finished: list[tuple[Request, Answer | str]] = []
        left = 1
        while left:
            left, answered, failed = self._multi.info_read()
            for handle in answered:
                request, body = self._release(handle)
                status, retry_after = handle.getinfo(pycurl.RESPONSE_CODE), handle.getinfo(pycurl.RETRY_AFTER)
                finished.append((request, Answer(status, body.getvalue(), retry_after)))
            for handle, _number, message in failed:
                request, _ = self._release(handle)
                finished.append((request, message))
        return finished

    def _release(self, handle: pycurl.Curl) -> tuple[Request, BytesIO]:
        self._multi.remove_handle(handle)
        self._idle.append(handle)
        return self._in_flight.pop(handle)
