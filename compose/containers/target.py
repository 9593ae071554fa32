"""The stack as a process in one of its containers sees it, for load from within."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import requests

from compose.containers.inside import CODE, STACK_VARIABLE, Inside
from compose.errors import StackError
from compose.local import Target
from compose.local.supervision import State, Supervisor
from compose.parts.service import read_facts
from compose.scraping import ScrapeJob
from compose.topology import Topology

# On a volume that the load's workers share: they read the manifest and the JPEGs.
SHARED = CODE / ".cache" / "run"
# Jobs of the service: a dead instance is no failure of the instrument.
_INSTANCES = frozenset({"app", "worker"})
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Description:
    """The content of stack.json: the topology, and the image of each kind of server by the server's name."""

    topology: Topology
    images: dict[str, str]


class ContainerTarget(Target):
    """A stack whose processes run in other containers and cannot be seen from here."""

    def states(self) -> dict[str, State]:
        """Nothing: the engine runs the containers."""
        return {}

    def pids(self) -> dict[str, int]:
        """Nothing: the engine runs the containers."""
        return {}


class _Labels(msgspec.Struct):
    job: str
    instance: str


class _Active(msgspec.Struct):
    labels: _Labels


class _Targets(msgspec.Struct):
    active: list[_Active] = msgspec.field(name="activeTargets")


class _Answer(msgspec.Struct):
    data: _Targets


def attached() -> Target | None:
    """The stack whose network this process is in; None elsewhere. StackError when its Prometheus does not answer."""
    file = os.environ.get(STACK_VARIABLE)
    if not file:
        return None
    stack, layout = msgspec.json.decode(Path(file).read_bytes(), type=Description), Inside()
    topology = stack.topology
    SHARED.mkdir(parents=True, exist_ok=True)
    return ContainerTarget(
        topology=topology,
        url=f"http://{topology.address('front')}",
        prometheus_url=f"http://{topology.address('prometheus')}",
        store_url=f"http://{topology.address('store')}",
        cdn_url=f"http://{topology.address('cdn')}",
        state_dir=layout.state,
        run_dir=SHARED,
        logs_dir=layout.logs,
        storage=layout.storage,
        environment=dict(os.environ),
        scrape_jobs=_scraped(topology),
        supervisor=Supervisor(0, ""),
        supervisor_pid=0,
        hosts=("front", "store", "cdn"),
        facts={**stack.images, "containers": "each part in one of its own", **read_facts(topology)},
    )


def _scraped(topology: Topology) -> tuple[ScrapeJob, ...]:
    """Every active target of Prometheus, which alone knows the number of instances."""
    try:
        answer = requests.get(
            f"http://{topology.address('prometheus')}/api/v1/targets?state=active", timeout=_TIMEOUT_S
        )
        active = msgspec.json.decode(answer.content, type=_Answer).data.active
    except (requests.RequestException, msgspec.MsgspecError) as error:
        raise StackError(f"Prometheus does not list its targets: {error}") from error
    return tuple(
        ScrapeJob(each.labels.job, each.labels.instance, 0, "", each.labels.job not in _INSTANCES) for each in active
    )
