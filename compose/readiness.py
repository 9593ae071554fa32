"""Probes: a request to each part that only a part that works can answer."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping

from compose.credentials import DATABASE, ROLE, Credentials, postgres_url
from compose.parts.service import worker_part
from compose.topology import LOOPBACK, Topology

Probe = Callable[[], None]
"""Returns when the part is ready, raises (mostly OSError) with the reason when it is not."""

_TIMEOUT_S = 1.0


class NotReadyError(Exception):
    """The part answered, but not like a working one."""


def core_probes(topology: Topology, credentials: Credentials) -> Mapping[str, Probe]:
    """One probe a part; workers have no port, so Redis is asked for them."""
    ports, superuser = topology.ports, credentials.superuser
    probes: dict[str, Probe] = {
        "pgbouncer": _sql(ROLE, credentials.database, ports["pgbouncer"], topology.primary_instances[0]),
        "redis": _redis(ports["redis"], credentials.redis),
        "store": http_probe(ports["store"], "/", status=403),  # unsigned requests are refused
        "prometheus": http_probe(ports["prometheus"], "/-/ready"),
        "alertmanager": http_probe(ports["alertmanager"], "/-/ready"),
        "collectors": http_probe(ports["collectors"], "/"),
    }
    probes |= {name: _sql("postgres", superuser, ports[name], DATABASE) for name in topology.primary_instances}
    probes |= {name: _replica(superuser, ports[name]) for name in topology.replica_instances}
    probes |= {name: _memcached(ports[name]) for name in topology.memcached_instances}
    probes |= {name: http_probe(ports[name], "/readyz") for name in topology.app_instances}
    probes |= {name: http_probe(ports[name], "/") for name in ports if name.startswith("exporter-")}
    probes |= {
        worker_part(queue): _workers(ports["redis"], credentials.redis, queue, count)
        for queue, count in topology.workers.items()
    }
    return probes


def _sql(user: str, password: str, port: int, database: str, question: str = "SELECT true") -> Probe:
    url = postgres_url(user, password, port, database)

    def probe() -> None:
        import psycopg

        with psycopg.connect(url, connect_timeout=2, prepare_threshold=None) as connection:
            row = connection.execute(question.encode()).fetchone()
        if not row or not row[0]:
            raise NotReadyError(f"{question!r} is not true")

    return probe


def _replica(password: str, port: int) -> Probe:
    """It answers, and it follows its primary."""
    question = "SELECT bool_or(status = 'streaming') FROM pg_stat_wal_receiver"
    return _sql("postgres", password, port, DATABASE, question)


def http_probe(port: int, path: str, status: int = 200, *, is_encrypted: bool = False) -> Probe:
    """GET path gives this status; a certificate is not checked, since it is for the public name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def probe() -> None:
        connection = (
            http.client.HTTPSConnection(LOOPBACK, port, timeout=_TIMEOUT_S, context=context)
            if is_encrypted
            else http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT_S)
        )
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != status:
                body = response.read(300).decode(errors="replace")
                raise NotReadyError(f"GET {path} gives {response.status}: {body}")
        finally:
            connection.close()

    return probe


def wait_until(condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.05) -> bool:
    """Wait for the condition; False when it does not hold in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True


def _redis(port: int, password: str) -> Probe:
    def probe() -> None:
        _ask(port, f"AUTH {password}\r\nPING\r\n", "+OK\r\n+PONG\r\n")

    return probe


def _memcached(port: int) -> Probe:
    def probe() -> None:
        _ask(port, "version\r\n", "VERSION ")

    return probe


def _workers(port: int, password: str, queue: str, count: int) -> Probe:
    """All workers of the queue have registered."""

    def probe() -> None:
        _ask(port, f"AUTH {password}\r\nSCARD rq:workers:{queue}\r\n", f"+OK\r\n:{count}\r\n")

    return probe


def _ask(port: int, question: str, answer: str) -> None:
    """Both stores speak lines of text, and a client library takes longer to import than the store to start."""
    with socket.create_connection((LOOPBACK, port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(question.encode())
        received = b""
        while len(received) < len(answer):
            piece = connection.recv(256)
            if not piece:
                break
            received += piece
    if not received.startswith(answer.encode()):
        raise NotReadyError(f"answered {received[:100]!r}")
