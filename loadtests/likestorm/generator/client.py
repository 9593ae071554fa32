"""What Locust's client works out anew for every request, worked out once: the same bytes go over the wire."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import ParseResult

from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.header import Headers
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FastHttpSession, FastRequest

_PLAIN_URL = re.compile(r"(https?://[\w.-]+(?::\d+)?)(/[\w.~/-]*)(?:\?([\w.~/&=-]+))?", re.ASCII)
"""An URL that is sent as it is written: nothing in it is quoted, and nothing need be."""
_PLAIN_TARGET = re.compile(r"/(?!/)[\w.~/?&=-]*", re.ASCII)
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_REMEMBERED = 4096
"""Sets of header lines: more than there are people who are logged in."""


class Address(URL):
    """A plain URL, of which the host and the port were taken apart before."""

    __slots__ = ("_host", "_port")

    def __init__(self, origin: str, path: str, query: str) -> None:
        scheme, netloc, self._host, self._port = _take_apart(origin)
        self._parsed = ParseResult(scheme, netloc, path, "", query, "")

    @property
    def host(self) -> str:
        """As URL's."""
        return self._host

    @property
    def port(self) -> int | None:
        """As URL's."""
        return self._port

    @property
    def quoted_uri(self) -> str:
        """As URL's: what is plain needs no quotes."""
        return self.request_uri

    def redirect(self, other: str | URL) -> URL:
        """As URL's, and any URL may come of it."""
        return URL(self._parsed).redirect(other)

    def __eq__(self, other: object) -> bool:
        return URL(self._parsed) == other

    __hash__ = None  # type: ignore[assignment]  # as URL's


class Request(FastRequest):
    """Locust's request."""

    def set_url(self, url: str | URL, params: Any = None) -> None:
        """As CompatRequest's."""
        plain = _PLAIN_URL.fullmatch(url) if params is None and isinstance(url, str) else None
        if plain is None:
            super().set_url(url, params)
            return
        address = Address(*plain.groups(""))
        self.url, self.url_split = plain.string, address
        self.type, self.host, self.selector = address.scheme, address.netloc, address.request_uri


class Client(HTTPClient):
    """geventhttpclient's client of one host; equal header lines are checked and written once, for all such clients."""

    _lines: ClassVar[dict[tuple[Any, ...], str]] = {}

    def _build_request(
        self, method: str, request_uri: str, body: Any = b"", headers: Any = None, chunked: bool | None = None
    ) -> str:
        """As HTTPClient's, which is asked whenever something is out of the ordinary."""
        if (
            chunked is not False
            or not isinstance(headers, Headers)
            or not isinstance(body, bytes)
            or method not in _METHODS
            or "content-length" in headers
            or not _PLAIN_TARGET.fullmatch(request_uri)
            or self.use_proxy
        ):
            return super()._build_request(method, request_uri, body, headers, chunked)
        lines = self._written(headers)
        if body or method in _METHODS_WITH_BODY:
            lines += f"Content-Length: {len(body)}\r\n"
        return f"{method} {request_uri} {self.version}\r\n{lines}\r\n"

    def _written(self, headers: Headers) -> str:
        """The lines of a request without a body."""
        entries = (*dict.values(self.default_headers), None, *dict.values(headers))
        key = (self._base_url_string, self.version, *(tuple(e) if isinstance(e, list) else e for e in entries))
        lines = self._lines.get(key)
        if lines is None:
            whole = super()._build_request("GET", "/", b"", headers, chunked=False)
            lines = whole.partition("\r\n")[2].removesuffix("\r\n")
            if len(self._lines) >= _REMEMBERED:
                self._lines.clear()
            self._lines[key] = lines
        return lines


class Clients(HTTPClientPool):
    """Makes such a client of each host."""

    def get_client(self, url: str | URL) -> HTTPClient:
        """As HTTPClientPool's."""
        url = url if isinstance(url, URL) else URL(url)
        key = url.host, url.port
        if key not in self.clients:
            self.clients[key] = Client.from_url(url, **self.client_args)
        return self.clients[key]


def quicken(session: FastHttpSession) -> None:
    """Have a session that has made no request yet make its requests so; one whose author changed it stays as it is."""
    agent = session.client
    if agent.request_type is FastRequest and type(agent.clientpool) is HTTPClientPool:
        agent.request_type = Request  # type: ignore[misc]  # of this agent alone
        agent.clientpool = Clients(**agent.clientpool.client_args)


@lru_cache(_REMEMBERED)
def _take_apart(origin: str) -> tuple[str, str, str, int | None]:
    url = URL(origin)
    return url.scheme, url.netloc, url.host, url.port
