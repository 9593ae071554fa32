"""Serves the dashboards as pages on loopback: of a stack that is up, or of a finished run."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from likestorm.results.prometheus import Prometheus, PrometheusError, Sampled

from dashboards import DashboardsError, page
from dashboards.panels import window_of

HOST = "127.0.0.1"
POINTS = 240
"""So many steps over the time that is shown: more could not be seen."""
DEFAULT_MINUTES = 15


@dataclass(frozen=True)
class Finished:
    """A run that is over: Unix times of its window; `interval_s` lay between two scrapes."""

    prometheus: Prometheus
    of: str
    start: float
    end: float
    interval_s: float = 1.0

    def view(self, _minutes: int) -> tuple[page.View, str]:
        """Always the same window, at the run's own rates."""
        return page.View(self.of, self.start, self.end, live=False, minutes=0), window_of(self.interval_s)


@dataclass(frozen=True)
class Live:
    """A stack that is up; `interval_s` lies between two scrapes."""

    prometheus: Prometheus
    of: str
    interval_s: float

    def view(self, minutes: int) -> tuple[page.View, str]:
        """The last minutes, and the window of rates that leaves no scrape out."""
        end = time.time()
        start = end - 60 * minutes
        window = window_of(self.interval_s, step_s(end - start))
        return page.View(self.of, start, end, live=True, minutes=minutes), window


Source = Finished | Live


def found_at(url: str) -> Live:
    """Some Prometheus; its scrapes tell how often it has one, once a second where it has none or is away."""
    prometheus = Prometheus(url)
    try:
        interval_s = prometheus.scrape_interval_s(time.time())
    except PrometheusError:
        interval_s = 1.0
    return Live(prometheus, url, interval_s)


def step_s(seconds: float) -> float:
    """Whole seconds between two points of a drawing that goes over so many seconds."""
    return max(1.0, round(seconds / POINTS))


def draw(source: Source, name: str, minutes: int) -> str:
    """The page of that name; where Prometheus is away, the page says so."""
    view, window = source.view(minutes)
    try:
        answers = _ask(source.prometheus, name, view, window)
    except PrometheusError as error:
        answers, view = {}, page.View(view.of, view.start, view.end, view.live, view.minutes, str(error))
    return page.render(name, view, answers, window)


def _ask(prometheus: Prometheus, name: str, view: page.View, window: str) -> Mapping[str, Sequence[Sampled]]:
    """What each panel of a page gives, one after another: looking on is not to be a load."""
    step = step_s(view.end - view.start)
    # On whole steps, so that a page that is fetched again shows the same points.
    start, end = (step * (at // step) for at in (view.start, view.end))
    panels = {panel.id: panel for each in page.panels_of(name) for panel in each.panels}
    return {key: prometheus.range(panel.promql(window), start, end, step) for key, panel in panels.items()}


class Pages:
    """The pages of a source; however many look on, each is drawn at most once in `kept_s` seconds."""

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
    """A server bound to the port of loopback (0: any free one), to be run by serve_forever().

    DashboardsError when the port is taken.
    """
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
            """Nothing: a line a refresh would say only that somebody looks."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise DashboardsError(f"port {port} cannot be had: {error.strerror}") from error
    server.daemon_threads = True
    return server


def _answer(path: str, host: str, get: Callable[[str, int], str]) -> tuple[HTTPStatus, str]:
    """What is said to a request for a path, by a client that called us `host`."""
    if host.rpartition(":")[0] not in (HOST, "localhost"):
        # A page elsewhere whose name was made to lead here.
        return HTTPStatus.FORBIDDEN, "only for this machine\n"
    address = urlsplit(path)
    name = address.path.strip("/") or page.EVERYTHING
    if not page.panels_of(name):
        return HTTPStatus.NOT_FOUND, "no such dashboard\n"
    minutes = parse_qs(address.query).get("minutes", [""])[0]
    return HTTPStatus.OK, get(name, int(minutes) if minutes in map(str, page.PERIODS) else DEFAULT_MINUTES)
