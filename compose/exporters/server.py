"""Serves the collectors over HTTP."""

import struct
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from compose.cdn.requests import Requests
from compose.exporters.access_log import AccessLog
from compose.exporters.backend import DEADLINE_SHARE, Backend, Read
from compose.exporters.configuration import CdnConfiguration, Configuration, SupervisorConfiguration
from compose.exporters.instances import Instance
from compose.exporters.memcached import Memcached
from compose.exporters.nginx import Nginx
from compose.exporters.pgbouncer import PgBouncer
from compose.exporters.postgres import Postgres
from compose.exporters.processes import Processes
from compose.exporters.rq import Queues
from compose.exporters.store import Store
from compose.local.supervision import Supervisor
from compose.topology import LOOPBACK

Page = Callable[[], bytes | None]
"""The text of a page; None when its subject is down (status 503)."""


def list_pages(configuration: Configuration) -> Mapping[str, Page]:
    """Every path and its page; the first part of a backend's path is the prefix of its metrics."""
    backends: dict[str, Read] = {
        "pgbouncer": PgBouncer(configuration.pgbouncer),
        "rq": Queues(configuration.redis, configuration.queues),
        "store": Store(configuration.store),
        **({"process": _processes(configuration.supervisor)} if configuration.supervisor else {}),
        "cdn": _cdn(configuration.cdn),
        **{f"pg/{name}": Postgres(url) for name, url in configuration.postgres.items()},
        **{f"memcached/{name}": Memcached(address) for name, address in configuration.memcached.items()},
        **{f"nginx/{name}": _nginx(name, configuration) for name in configuration.nginx},
    }
    deadline_s = DEADLINE_SHARE * configuration.interval_s
    pages: dict[str, Page] = {
        f"/{path}": _backend_page(path.partition("/")[0], read, deadline_s) for path, read in backends.items()
    }
    for name, folder in configuration.instances.items():
        pages[f"/service/{name}"] = _instance_page(Instance(configuration.stack, name, Path(folder)))
    paths = "".join(f"{path}\n" for path in pages).encode()
    return {"/": lambda: paths, **pages}


def _processes(configuration: SupervisorConfiguration) -> Processes:
    supervisor = Supervisor(configuration.port, configuration.password)
    return Processes(
        Path(configuration.pid_file), lambda: {state.name: state.pid for state in supervisor.states().values()}
    )


def _nginx(name: str, configuration: Configuration) -> Read:
    """One nginx's counters, then the metrics of its log: without counters nginx is down, whatever its log says."""
    counters = Nginx(configuration.nginx[name])
    log = AccessLog(Path(configuration.access_logs[name]), configuration.app_servers)
    return lambda: [*counters(), *log()]


def _cdn(configuration: CdnConfiguration) -> Read:
    counters = Nginx(configuration.status)
    requests = Requests(Path(configuration.edge_log), Path(configuration.origin_log))

    def read() -> Iterable[Metric]:
        counters()  # raises when nginx is down
        return requests()

    return read


def _backend_page(name: str, read: Read, deadline_s: float) -> Page:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Backend(name, read, deadline_s))
    return lambda: generate_latest(registry)


def _instance_page(instance: Instance) -> Page:
    def page() -> bytes | None:
        try:
            return instance.expose() if instance.is_alive() else None
        except (psutil.NoSuchProcess, FileNotFoundError, struct.error):
            # The instance is starting or ending: the next scrape finds its files complete.
            return None

    return page


def serve(port: int, pages: Mapping[str, Page], listen: str = LOOPBACK) -> ThreadingHTTPServer:
    """A server bound to the port, to be run by serve_forever(); OSError when the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = pages.get(self.path)
            text = page() if page else None
            if text is not None:
                self._answer(HTTPStatus.OK, text)
            elif page:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"not alive\n")
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"no such path\n")

        def _answer(self, status: HTTPStatus, text: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a line for each scrape has no use."""

    server = ThreadingHTTPServer((listen, port), Handler)
    server.daemon_threads = True
    return server
