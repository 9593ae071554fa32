"""The Compose file of a topology, as data: each part's own command line, with its container's settings."""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from compose.connection_limits import plan
from compose.containers.images import BASE, OUR_USER, PROGRAMS, health, image, is_ours
from compose.containers.inside import CODE, CONFIGURATION, LOGS, SCRATCH, STACK, Inside, kind, volume
from compose.credentials import Credentials
from compose.layout import CLONE
from compose.parts import Part
from compose.parts.service import worker_part
from compose.parts.stores import MEMCACHED_MB
from compose.registry import list_parts
from compose.scraping import INSTANCE_PORT
from compose.topology import ANY, APP, Topology

COMMITTED = CLONE / "compose" / "compose.yaml"
FOLDER = "${LIKESTORM_CONTAINERS:-../.containers}"
CACHE = CODE / ".cache"
METRICS = f"{ANY}:{INSTANCE_PORT}"
WEB_PORT = 8089
GRAFANA_PORT = 3000
# Folders of the configuration that a service mounts beside its own.
_ALSO_READS: Mapping[str, tuple[str, ...]] = {"app": ("shards",), "worker": ("shards", "fakes")}
_ALSO_LOGS = frozenset({"nginx", "cdn", "collectors"})
# Python programs that would ignore SIGTERM as the first process of a container.
_WITH_INIT = frozenset({"signer", "collectors"})
_HEADER = """# Made by `python -m compose.containers file`: change compose/containers/, make it again.
# It wants the configuration that `python -m compose.containers configure` writes, with secrets made anew:
#   python -m compose.containers configure && docker compose -f compose/compose.yaml up
# Images: LIKESTORM_…_IMAGE. Published on loopback: the front, Grafana, and of the profile generator Locust's web UI.
"""
_READY, _DONE = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}


class _Plain(yaml.SafeDumper):
    """Writes repeated values in full, without aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def text(topology: Topology) -> str:
    """compose.yaml for a topology."""
    return _HEADER + yaml.dump(dict(describe(topology)), Dumper=_Plain, sort_keys=False, width=120)


def parts(topology: Topology, credentials: Credentials) -> tuple[Part, ...]:
    """The parts in containers: one app, for any number of instances."""
    listed = list_parts(topology, Inside(), credentials, PROGRAMS)
    return tuple(part for part in listed if part.name not in topology.app_instances[1:])


def name(part: Part, topology: Topology) -> str:
    """The part's service."""
    return APP if part.name in topology.app_instances else part.name


def describe(topology: Topology) -> Mapping[str, Any]:
    """The whole file."""
    listed = {name(part, topology): part for part in parts(topology, Credentials())}
    services = {service: _service(service, part, topology) for service, part in listed.items()}
    services |= {"migrate": _migrate(), "grafana": _grafana(), **_generator(topology)}
    for service in services:
        if (after := _after(service, topology)) is not None:
            services[service]["depends_on"] = after
    kept: dict[str, Any] = {_volume_name(service): {} for service in services if volume(service)}
    memory = {"type": "tmpfs", "device": "tmpfs", "o": "mode=1777,nr_blocks=131072"}
    return {
        "name": "likestorm",
        "services": services,
        "volumes": {**kept, "grafana-data": {}, "cache": {}, "logs": {"driver": "local", "driver_opts": memory}},
    }


def _service(service: str, part: Part, topology: Topology) -> dict[str, Any]:
    chosen = image(service)
    described: dict[str, Any] = {"image": chosen.reference}
    if is_ours(service):
        base = {"BASE": f"${{LIKESTORM_BASE_IMAGE:-{BASE}}}"}
        described["build"] = {"context": "..", "dockerfile": "compose/Dockerfile", "args": base}
    described |= {
        "user": chosen.user,
        "entrypoint": list(_command(service, part)),
        "working_dir": str(CODE if is_ours(service) else SCRATCH),
        "env_file": [_env_file(service)],
        "volumes": _mounts(service),
        **_hardened(),
        "healthcheck": _checked(health(service, topology)),
        "restart": "unless-stopped",
        "stop_signal": f"SIG{part.stop_signal}",
        "stop_grace_period": f"{part.patience_s}s",
        **_limits(service, topology),
    }
    if kind(service) in _WITH_INIT:
        described["init"] = True
    if service == APP:
        described["deploy"] = {"mode": "replicated", "replicas": topology.app}
    if service == "front":
        port = topology.ports["front"]
        described["ports"] = [f"${{LIKESTORM_FRONT:-127.0.0.1:{port}}}:{port}"]
    return described


def _command(service: str, part: Part) -> tuple[str, ...]:
    """The part's command line with the paths of its image, after the command that prepares it."""
    own = tuple(_inside(word) for word in part.command)
    folder, writable = CONFIGURATION / service, volume(service)
    before: Mapping[str, tuple[object, ...]] = {
        "postgres": (
            "sh", folder / "start.sh", "replica" if service.endswith("-replica") else "primary", folder,
            f"{writable}/data",
        ),
        "nginx": ("sh", folder / "follow.sh", APP, folder / "apps.conf", SCRATCH / "apps.conf"),
        "app": ("python", "-m", "compose.containers.instance", service, METRICS),
        "worker": ("python", "-m", "compose.containers.instance", service, METRICS),
        "store": ("python", "-m", "compose.containers.bucket", Inside().objects),
    }  # fmt: skip
    return (*map(str, before.get(kind(service), ())), *own)


def _inside(word: str) -> str:
    return "python" if word == sys.executable else word.replace(str(CLONE), str(CODE))


def _env_file(service: str) -> str:
    return f"{FOLDER}/env/{service}.env"


def _volume_name(service: str) -> str:
    return f"{service}-data"


def _mounts(service: str) -> list[str]:
    folders = (service, *_ALSO_READS.get(kind(service), ()))
    mounts = [f"{FOLDER}/{folder}:{CONFIGURATION / folder}:ro" for folder in folders]
    if kind(service) in _ALSO_LOGS:
        mounts.append(f"logs:{LOGS}{':ro' if service == 'collectors' else ''}")
    kept = volume(service)
    return [*mounts, f"{_volume_name(service)}:{kept}"] if kept else mounts


def _hardened() -> dict[str, Any]:
    return {
        "read_only": True,
        "tmpfs": [f"{SCRATCH}:mode=1777"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _checked(command: Iterable[str]) -> dict[str, Any]:
    test = ["CMD", *(word.replace("$", "$$") for word in command)]
    return {"test": test, "interval": "3s", "timeout": "3s", "retries": 40, "start_period": "2s"}


def _limits(service: str, topology: Topology) -> dict[str, Any]:
    """Limits on memory, CPU and processes that follow from the topology."""
    capacity = plan(topology)
    workers = topology.workers.get(service.removeprefix("worker-"), 0)
    memory: Mapping[str, int] = {
        "postgres": 256 + 2 * capacity.shared_buffers_mb + 12 * capacity.max_connections,
        "redis": 512 + topology.media_map_entries * 20 // 2**20,
        "memcached": 2 * MEMCACHED_MB,
        "pgbouncer": 64 + capacity.client_connections // 20,
        "app": 256 + 8 * topology.app_threads,
        "worker": 192 + 128 * workers,
        "store": 512,
        "cdn": 512,
        "prometheus": 1024,
        "grafana": 512,
        "locust": 1024,
    }
    serving = kind(service) in ("postgres", "app", "worker", "store", "locust")
    return {"mem_limit": f"{memory.get(kind(service), 256)}m", "cpus": 1.0 if serving else 0.5, "pids_limit": 1024}


def _migrate() -> dict[str, Any]:
    """Makes the schema once; it retries where containers start without waiting for each other's health."""
    chosen = image("migrate")
    script = "until python -m service migrate; do sleep 2; done"
    return {
        "image": chosen.reference,
        "user": chosen.user,
        "entrypoint": ["timeout", "120", "sh", "-c", script],
        "working_dir": str(CODE),
        "env_file": [_env_file("service")],
        "volumes": [f"{FOLDER}/shards:{CONFIGURATION}/shards:ro"],
        **_hardened(),
        "restart": "no",
        "mem_limit": "256m",
        "cpus": 1.0,
    }


def _grafana() -> dict[str, Any]:
    chosen = image("grafana")
    return {
        "image": chosen.reference,
        "user": chosen.user,
        "env_file": [_env_file("grafana")],
        "environment": {
            "GF_PATHS_PROVISIONING": "/etc/likestorm/provisioning",
            "GF_SERVER_HTTP_PORT": str(GRAFANA_PORT),
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "LIKESTORM_DASHBOARDS": "/etc/likestorm/dashboards",
        },
        "volumes": [
            "../dashboards/provisioning:/etc/likestorm/provisioning:ro",
            "../dashboards/generated:/etc/likestorm/dashboards:ro",
            "grafana-data:/var/lib/grafana",
        ],
        **_hardened(),
        "healthcheck": _checked(["wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{GRAFANA_PORT}/api/health"]),
        "restart": "unless-stopped",
        "mem_limit": "512m",
        "cpus": 0.5,
        "ports": [f"${{LIKESTORM_GRAFANA:-127.0.0.1:{GRAFANA_PORT}}}:{GRAFANA_PORT}"],
    }


def _generator(topology: Topology) -> Mapping[str, dict[str, Any]]:
    """The load generator, as the caller's user: a run's coordinator, and workers that join it."""
    ours: dict[str, Any] = {
        "image": image("locust").reference,
        "user": f"${{LIKESTORM_USER:-{OUR_USER}}}",
        "working_dir": str(CODE),
        "volumes": [f"cache:{CACHE}"],
        **_hardened(),
        "restart": "no",
        **_limits("locust", topology),
        "profiles": ["generator"],
    }
    lead = ["run", "${SCENARIO:-likes}", "--processes", "0", "--expect-workers", "${LOCUST_WORKERS:-1}"]
    locust = {
        **ours,
        "entrypoint": ["python", "-m", "likestorm"],
        "command": [*lead, "--master-bind", ANY, "--web", "--web-host", ANY],
        "env_file": [_env_file("locust")],
        "volumes": [
            *ours["volumes"],
            f"{FOLDER}/{STACK.parent.name}:{STACK.parent}:ro",
            f"{FOLDER}/shards:{CONFIGURATION}/shards:ro",
            f"logs:{LOGS}:ro",
            f"${{LIKESTORM_RUNS:-../runs}}:{CODE}/runs",
        ],
        "ports": [f"${{LIKESTORM_LOCUST:-127.0.0.1:{WEB_PORT}}}:{WEB_PORT}"],
    }
    worker = {**ours, "entrypoint": ["python", "-m", "likestorm", "worker", "--master", "locust"]}
    return {"locust": locust, "locust-worker": worker}


def _after(service: str, topology: Topology) -> dict[str, Any] | None:
    """The services whose health a service's start waits for."""
    servers = topology.database_servers
    stores = (*servers, "pgbouncer", "redis", *topology.memcached_instances, "store")
    workers = tuple(worker_part(queue) for queue in topology.workers)
    waits: Mapping[str, Iterable[str]] = {
        "pgbouncer": servers,
        "migrate": stores,
        "cdn": ("signer", "store"),
        "nginx": (APP,),
        "front": topology.nginx_instances,
        "grafana": ("prometheus",),
        "app": ("fakes", *stores),
        "worker": ("fakes", *stores),
        "collectors": stores,
        "locust": ("front", "cdn", "prometheus", "collectors", *workers),
        "locust-worker": (),
    }
    names = waits.get(kind(service), ())
    if service.endswith("-replica"):
        names = (service.removesuffix("-replica"),)
    after: dict[str, Any] = dict.fromkeys(names, _READY)
    if kind(service) in ("app", "worker"):
        after["migrate"] = _DONE
    if service == "locust-worker":
        after["locust"] = {"condition": "service_started"}
    return after or None


def write(topology: Topology, file: Path) -> None:
    """Write the Compose file."""
    file.write_text(text(topology))


def services(content: str) -> Mapping[str, Any]:
    """The services of a Compose file's text, without those of a profile."""
    listed: Mapping[str, Any] = yaml.safe_load(content)["services"]
    return {service: described for service, described in listed.items() if not described.get("profiles")}


def published(content: str) -> Mapping[str, list[str]]:
    """The ports that each service publishes, variables filled with their defaults."""
    listed = yaml.safe_load(content)["services"]
    filled = {service: [_fill(port) for port in described.get("ports", ())] for service, described in listed.items()}
    return {service: ports for service, ports in filled.items() if ports}


def _fill(value: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
