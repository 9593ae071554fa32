"""The service's own processes: app instances, and for each queue one parent of its workers."""

import http.client
import sys
import urllib.request
from collections.abc import Mapping

import msgspec

from compose.connection_limits import plan
from compose.layout import CLONE, Layout
from compose.parts import BACKGROUND, Part, metrics_folder, python
from compose.topology import Topology

# What a password's hash takes (8 MiB) goes back to the system with each: malloc, once it has given back such a piece,
# would keep the next ones, and every thread that hashes beside another one would make the process grow for good.
_GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20)}


def worker_part(queue: str) -> str:
    """The name of the part with all workers of a queue."""
    return f"worker-{queue}"


def list_instances(topology: Topology) -> tuple[str, ...]:
    """The parts that are instances of the service; each has its own metrics."""
    return (*topology.app_instances, *(worker_part(queue) for queue in topology.workers))


class _Health(msgspec.Struct):
    """The fields of /healthz that are read."""

    http_parser: str


def read_facts(topology: Topology) -> Mapping[str, str]:
    """What the first app instance says about its server, for a run's record; empty when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{topology.address('app-1')}/healthz", timeout=2) as response:
            return {"http parser": msgspec.json.decode(response.read(), type=_Health).http_parser}
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return {}


def list_service(topology: Topology, layout: Layout, common: Mapping[str, str]) -> tuple[Part, ...]:
    """App instances, then workers; `common` as service_environment() returns it."""
    capacity = plan(topology)

    def environment(instance: str, pool: int) -> Mapping[str, str]:
        return {
            **common,
            "LIKESTORM_INSTANCE": instance,
            "LIKESTORM_DB_POOL_SIZE": str(pool),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(layout, instance)),
        }

    apps = (
        Part(
            instance, "service",
            (sys.executable, "-m", "gunicorn", "-c", f"{CLONE}/service/gunicorn.conf.py",
             "--bind", f"{topology.listen}:{topology.ports[instance]}", "--workers", "1",
             "--threads", str(topology.app_threads), "service.app:from_env()"),
            environment={**environment(instance, capacity.app_pool), **_GIVE_BACK},
            # Longer than gunicorn's own patience with requests that are being answered.
            patience_s=12,
        )
        for instance in topology.app_instances
    )  # fmt: skip
    workers = (
        Part(
            worker_part(queue), "service",
            python(layout, worker_part(queue), "-m", "service.worker", queue, "--count", str(count)),
            environment=environment(worker_part(queue), capacity.worker_pool),
            niceness=BACKGROUND,
            # A thumbnail may come seconds late; a push may not.
            is_leisurely=queue != "push",
        )
        for queue, count in topology.workers.items()
    )  # fmt: skip
    return (*apps, *workers)
