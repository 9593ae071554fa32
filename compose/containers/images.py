"""The image, the user and the health check of each kind of part."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from compose.containers.inside import kind
from compose.scraping import INSTANCE_PORT
from compose.topology import Topology

OURS = "likestorm"
VERSION = "0.1.0"  # of pyproject.toml
# As in the Dockerfile, both.
BASE = "docker.io/library/python:3.11.13-slim-bookworm"
OUR_USER = "10001:10001"


@dataclass(frozen=True)
class Image:
    """variable: LIKESTORM_{variable}_IMAGE replaces the image. name: its default. user: of its processes."""

    variable: str
    name: str
    user: str

    @property
    def reference(self) -> str:
        """The image in the syntax of a Compose file."""
        return f"${{LIKESTORM_{self.variable}_IMAGE:-{self.name}}}"


# Versions and flags are those of Debian 12, which the local processes and the tests use. The user id of nobody is the
# same in all images.
_NOBODY = "65534:65534"
_IMAGES: Mapping[str, Image] = MappingProxyType(
    {
        "postgres": Image("POSTGRES", "docker.io/library/postgres:15.13-bookworm", "postgres"),
        "redis": Image("REDIS", "docker.io/library/redis:7.0.15-bookworm", "redis"),
        "memcached": Image("MEMCACHED", "docker.io/library/memcached:1.6.18", "memcache"),
        "pgbouncer": Image("PGBOUNCER", "docker.io/edoburu/pgbouncer:1.18.0", "postgres"),
        "nginx": Image("NGINX", "docker.io/library/nginx:1.22.1", "nginx"),
        "cdn": Image("NGINX", "docker.io/library/nginx:1.22.1", "nginx"),
        "front": Image("HAPROXY", "docker.io/library/haproxy:2.6.12", "haproxy"),
        "prometheus": Image("PROMETHEUS", "docker.io/prom/prometheus:v2.42.0", _NOBODY),
        "alertmanager": Image("ALERTMANAGER", "docker.io/prom/alertmanager:v0.25.0", _NOBODY),
        "exporter-node": Image("NODE_EXPORTER", "docker.io/prom/node-exporter:v1.5.0", _NOBODY),
        "exporter-postgres": Image(
            "POSTGRES_EXPORTER", "quay.io/prometheuscommunity/postgres-exporter:v0.11.1", _NOBODY
        ),
        "exporter-redis": Image("REDIS_EXPORTER", "docker.io/oliver006/redis_exporter:v1.45.0-alpine", _NOBODY),
        "exporter-blackbox": Image("BLACKBOX_EXPORTER", "docker.io/prom/blackbox-exporter:v0.23.0", _NOBODY),
        "grafana": Image("GRAFANA", "docker.io/grafana/grafana:12.0.2", "472:0"),
    }
)
_OUR_IMAGE = Image("SERVICE", f"localhost/{OURS}:{VERSION}", OUR_USER)

# The servers that a report names, each with a part that runs it.
SERVERS: Mapping[str, str] = MappingProxyType(
    {
        "PostgreSQL": "postgres-1",
        "PgBouncer": "pgbouncer",
        "Redis": "redis",
        "memcached": "memcached-1",
        "nginx": "nginx-1",
        "Prometheus": "prometheus",
    }
)

# By part, like binaries.locate() for this machine.
PROGRAMS: Mapping[str, str] = MappingProxyType(
    {
        "haproxy": "haproxy",
        "nginx": "nginx",
        "pgbouncer": "pgbouncer",
        "redis": "redis-server",
        "memcached": "memcached",
        "postgres": "postgres",
        "prometheus": "/bin/prometheus",
        "alertmanager": "/bin/alertmanager",
        "exporter-node": "/bin/node_exporter",
        "exporter-postgres": "/bin/postgres_exporter",
        "exporter-redis": "/redis_exporter",
        "exporter-blackbox": "/bin/blackbox_exporter",
    }
)


def image(part: str) -> Image:
    """The image of a part; the project's own where there is no official one."""
    return _IMAGES.get(kind(part), _OUR_IMAGE)


def resolve(part: str) -> str:
    """The image of a part, with the replacement that the environment names."""
    chosen = image(part)
    return os.environ.get(f"LIKESTORM_{chosen.variable}_IMAGE") or chosen.name


def is_ours(part: str) -> bool:
    """Whether a part runs in the image that compose/Dockerfile makes."""
    return image(part) is _OUR_IMAGE


def health(part: str, topology: Topology) -> list[str]:
    """A command that succeeds in the part's container when the part is healthy, with the programs of its image."""
    port = str(topology.ports.get(part, INSTANCE_PORT))
    own: Mapping[str, list[str]] = {
        "postgres": ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", port],
        "pgbouncer": ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", port],
        "redis": ["sh", "-c", f"redis-cli -p {port} ping | grep -q PONG"],
        "memcached": _ask(port, "version", "^VERSION "),
        "front": _get(port, "/healthz"),
        "nginx": _get(port, "/healthz"),
        "cdn": _get(str(topology.ports["cdn-status"]), "/stub_status"),
        "app": _get(str(topology.ports["app-1"]), "/healthz"),
        "worker": _get(port, "/metrics"),
        "store": _get(port, "/", "403"),
        "signer": _get(port, "/", "403"),
        "fakes": _get(port, "/healthz"),
        "collectors": _get(port, "/"),
        "prometheus": _wget(port, "/-/ready"),
        "alertmanager": _wget(port, "/-/ready"),
        "grafana": _wget("3000", "/api/health"),
    }
    return own.get(kind(part)) or _wget(port, "/")


def _get(port: str, path: str, status: str = "200") -> list[str]:
    return _ask(port, f"GET {path} HTTP/1.0\\r\\n", f"^HTTP/1.. {status} ")


def _ask(port: str, question: str, answer: str) -> list[str]:
    """Images of a single server have no HTTP client; bash has sockets."""
    return [
        "bash",
        "-c",
        f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{question}\\r\\n' >&3; head -n 1 <&3 | grep -q '{answer}'",
    ]


def _wget(port: str, path: str) -> list[str]:
    return ["wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}{path}"]
