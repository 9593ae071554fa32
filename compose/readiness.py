"""Real questions to each part that only a part that works can answer."""

import http.client
import socket
from collections.abc import Callable, Mapping

from compose.credentials import HOST, ROLE, Credentials, postgres_url
from compose.topology import Topology

Probe = Callable[[], None]
"""Returns when the part is ready, raises (mostly OSError) with the reason when it is not."""

_TIMEOUT_S = 1.0


class NotReadyError(Exception):
    """The part answered, but not what a working one answers."""


def list_probes(topology: Topology, credentials: Credentials) -> Mapping[str, Probe]:
    """One probe a part; parts without a port of their own are asked through what knows of them."""
    ports = topology.ports
    probes: dict[str, Probe] = {
        "postgres": _sql("postgres", credentials.superuser, ports["postgres"], "postgres"),
        "pgbouncer": _sql(ROLE, credentials.database, ports["pgbouncer"]),
        "redis": _redis(ports["redis"], credentials.redis),
        "memcached": _memcached(ports["memcached"]),
        "store": _http(ports["store"], "/", status=403),  # it refuses whoever does not sign
        "nginx": _http(ports["nginx-status"], "/stub_status"),
        "prometheus": _http(ports["prometheus"], "/-/ready"),
        "collectors": _http(ports["collectors"], "/"),
    }
    probes |= {name: _http(ports[name], "/readyz") for name in topology.app_instances}
    probes |= {name: _http(ports[name], "/") for name in ports if name.startswith("exporter-")}
    probes |= {
        name: _workers(ports["redis"], credentials.redis, queue, topology.workers[queue])
        for name, queue in topology.worker_instances.items()
    }
    return probes


def _sql(user: str, password: str, port: int, database: str | None = None) -> Probe:
    url = postgres_url(user, password, port, database) if database else postgres_url(user, password, port)

    def probe() -> None:
        import psycopg

        with psycopg.connect(url, connect_timeout=2, prepare_threshold=None) as connection:
            connection.execute("SELECT 1")

    return probe


def _http(port: int, path: str, status: int = 200) -> Probe:
    def probe() -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != status:
                raise NotReadyError(f"GET {path} gives {answer.status}: {answer.read(300).decode(errors='replace')}")
        finally:
            connection.close()

    return probe


def _redis(port: int, password: str) -> Probe:
    def probe() -> None:
        _ask(port, f"AUTH {password}\r\nPING\r\n", "+OK\r\n+PONG\r\n")

    return probe


def _memcached(port: int) -> Probe:
    def probe() -> None:
        _ask(port, "version\r\n", "VERSION ")

    return probe


def _workers(port: int, password: str, queue: str, count: int) -> Probe:
    """All workers of the queue have registered; they cannot be told apart by part."""

    def probe() -> None:
        _ask(port, f"AUTH {password}\r\nSCARD rq:workers:{queue}\r\n", f"+OK\r\n:{count}\r\n")

    return probe


def _ask(port: int, question: str, answer: str) -> None:
    """Both stores speak lines of text, and a client library would take longer to import than the store to start."""
    with socket.create_connection((HOST, port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(question.encode())
        received = b""
        while len(received) < len(answer):
            piece = connection.recv(256)
            if not piece:
                break
            received += piece
    if not received.startswith(answer.encode()):
        raise NotReadyError(f"answered {received[:100]!r}")
