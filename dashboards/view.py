"""Serves the dashboards as pages on loopback: of a running stack, or of a finished run."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from likestorm.panels.model import window_of
from likestorm.results.prometheus import Prometheus, PrometheusError, Sampled

from dashboards import DashboardsError, page

HOST = "127.0.0.1"
POINTS = 240
"""Points of a chart; more could not be seen."""
DEFAULT_MINUTES = 15


@dataclass(frozen=True)
class Source:
    """A Prometheus whose data are shown, and its name on the page.

    interval_s: seconds between two scrapes. window: start and end (Unix times) of a finished run; None for live data.
    """

    prometheus: Prometheus
    of: str
    interval_s: float = 1.0
    window: tuple[float, float] | None = None

    def view(self, minutes: int) -> tuple[page.View, str]:
        """The period to show, and the window of rates, which contains enough scrapes and leaves none out."""
        if self.window:
            return page.View(self.of, *self.window), window_of(self.interval_s)
        end = time.time()
        start = end - 60 * minutes
        return page.View(self.of, start, end, minutes), window_of(self.interval_s, step_s(end - start))


def found_at(url: str) -> Source:
    """Live data of any Prometheus, with its own scrape interval; 1 s where it has no scrapes or does not answer."""
    prometheus = Prometheus(url)
    try:
        return Source(prometheus, url, prometheus.scrape_interval_s(time.time()))
    except PrometheusError:
        return Source(prometheus, url)


def step_s(seconds: float) -> float:
    """Whole seconds between two points of a chart over so many seconds."""
    return max(1.0, round(seconds / POINTS))


def draw(source: Source, name: str, minutes: int) -> str:
    """The page of that name; it says so where Prometheus does not answer."""
    view, window = source.view(minutes)
    try:
        series = _ask(source.prometheus, name, view, window)
    except PrometheusError as error:
        series, view = {}, replace(view, trouble=str(error))
    return page.render(name, view, series, window)


def _ask(prometheus: Prometheus, name: str, view: page.View, window: str) -> Mapping[str, Sequence[Sampled]]:
    """The series of each panel of a page, queried one after another to keep the load low."""
    step = step_s(view.end - view.start)
    # A page that is fetched again shows the same points, because they are at whole steps.
    start, end = (step * (at // step) for at in (view.start, view.end))
    panels = {panel.id: panel for each in page.panels_of(name) for panel in each.panels}
    return {key: prometheus.range(panel.promql(window), start, end, step) for key, panel in panels.items()}


class Pages:
    """The pages of a source; for any number of readers, each page is drawn at most once in `kept_s` seconds."""

    def __init__(self, source: Source, kept_s: float = page.REFRESH_S / 2) -> None:
        self._source = source
        self._kept_s = kept_s
        self._drawn: dict[tuple[str, int], tuple[float, str]] = {}
        self._lock = threading.Lock()

    def get(self, name: str, minutes: int) -> str:
        """The page's HTML."""
        with self._lock:
            at, text = self._drawn.get((name, minutes), (-self._kept_s, ""))
            if time.monotonic() - at >= self._kept_s:
                text = draw(self._source, name, minutes)
                self._drawn[name, minutes] = (time.monotonic(), text)
            return text


def serve(source: Source, port: int) -> ThreadingHTTPServer:
    """A server on a port of loopback (0: any free one), for serve_forever(); DashboardsError where it is taken."""
    pages = Pages(source)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "likestorm", ""

        def do_GET(self) -> None:
            status, text = _answer(self.path, self.headers.get("Host", ""), pages.get)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing: there would be one line for each refresh."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise DashboardsError(f"port {port} cannot be used: {error.strerror}") from error
    server.daemon_threads = True
    return server


def _answer(path: str, host: str, get: Callable[[str, int], str]) -> tuple[HTTPStatus, str]:
    """Status and body for a request with this path and Host header."""
    if host.rpartition(":")[0] not in (HOST, "localhost"):
        # DNS rebinding: a foreign page whose name resolves to this machine.
        return HTTPStatus.FORBIDDEN, "only for this machine\n"
    address = urlsplit(path)
    name = address.path.strip("/") or page.EVERYTHING
    if not page.panels_of(name):
        return HTTPStatus.NOT_FOUND, "no such dashboard\n"
    minutes = parse_qs(address.query).get("minutes", [""])[0]
    return HTTPStatus.OK, get(name, int(minutes) if minutes in map(str, page.PERIODS) else DEFAULT_MINUTES)
