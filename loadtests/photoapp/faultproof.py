"""Shows that a run names the right tier: `python -m loadtests.photoapp.faultproof`.

On one small stack each tier is slowed down in turn, for some requests or for all, and a short drive attributes its slow
responses to a tier. Prints each answer; exit status 1 when fewer than 90 % are right. Takes four minutes; nothing else
may run: on a machine without a free core every tier is slow.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likestorm import attribution
from likestorm.attribution import Cause
from likestorm.generator import launcher
from likestorm.generator.plan import Plan
from likestorm.results import collect, server_timing
from likestorm.results.outcome import Outcome
from likestorm.results.prometheus import Prometheus, PrometheusError
from likestorm.scenario import Budgets, Scenario, objectives
from likestorm.scenario.workload import ArrivalPlan
from rich.console import Console

from compose import local
from compose.errors import StackError
from compose.faults import network, processes, repeated, stores
from compose.layout import STATE
from compose.local import Target
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, LOOPBACK, named
from loadtests.photoapp.target import DATABASE_WAIT
from service import catalog

LEAST_RIGHT = 0.9
WARM_UP_S = 1.0
DELAY_S = 0.15
HOLD_S, EVERY_S = 0.15, 1.0
"""A tier stands still for HOLD_S of every EVERY_S: about one request in seven is hit."""
STEPS = {"like": ["like"], "upload": ["upload-ask", "upload-put", "upload-confirm"]}

Url = str


Apply = Callable[[Target], AbstractContextManager[object]]


@dataclass(frozen=True)
class Fault:
    """One way to slow a tier down.

    tiers: the right answers. apply: a context in which the tier is slow; it yields a URL where another one is to be
    driven. request: whose slowest responses are explained. likes, uploads: arrivals a second. users_max: of the
    generator's pool.
    """

    name: str
    tiers: frozenset[str]
    apply: Apply
    request: str = "like"
    likes: float = 40.0
    uploads: float = 4.0
    seconds: float = 10.0
    users_max: int = 256


def _fault(name: str, tiers: str, apply: Apply, **options: Any) -> Fault:
    return Fault(name, frozenset(tiers.split()), apply, **options)


def _now_and_then(apply: Callable[[Target], AbstractContextManager[None]]) -> Apply:
    return lambda target: repeated(lambda: apply(target), HOLD_S, EVERY_S)


def _frozen(kind: str) -> Apply:
    """All parts whose names begin so stand still now and then, replicas left out."""

    def freeze(target: Target) -> AbstractContextManager[None]:
        parts = [part for part in target.states() if part.startswith(kind) and not part.endswith("-replica")]
        return processes.frozen(target, *parts)

    return _now_and_then(freeze)


@contextlib.contextmanager
def _slow_network(target: Target) -> Iterator[Url]:
    with network.slow_wire(target.topology.ports["front"], network.one_in_eight(DELAY_S)) as port:
        yield f"http://{LOOPBACK}:{port}"


# A small machine bears fewer uploads than likes.
_UPLOADS: Mapping[str, Any] = {"request": "upload-confirm", "likes": 2.0, "uploads": 20.0, "seconds": 16.0}
FAULTS = (
    _fault("every shard's likes are locked now and then", "db", _now_and_then(lambda t: stores.locked(t, "likes"))),
    _fault("PostgreSQL stands still now and then", "db", _frozen("postgres-")),
    _fault("every like's INSERT sleeps", "db", lambda target: stores.slow_likes(target, DELAY_S)),
    _fault("PgBouncer pauses now and then", "pool", _now_and_then(processes.pooler_paused)),
    _fault("Redis pauses its clients now and then", "redis",
           _now_and_then(lambda target: stores.redis_paused(target, HOLD_S))),
    _fault("Redis stands still now and then", "redis", _frozen("redis")),
    _fault("memcached stands still now and then", "cache", _frozen("memcached-")),
    _fault("the object store stands still now and then", "store", _frozen("store"), **_UPLOADS),
    # Requests that wait for an app that stands still are its backlog.
    _fault("the app stands still now and then", "app wait", _frozen("app-")),
    _fault("all threads of the app are busy now and then", "wait", _now_and_then(network.busy_threads)),
    _fault("nginx stands still now and then", "nginx", _frozen("nginx-")),
    _fault("the wire to the stack is slow now and then", "network", _slow_network),
    # The balancer's own socket is the far end of the network.
    _fault("the balancer stands still now and then", "network", _frozen("front")),
    _fault("the generator has one virtual user", "client-queue", contextlib.nullcontext, uploads=8.0, users_max=1),
    _fault("one enqueue of jobs in eight is slow", "queue",
           lambda target: network.slow_enqueue(target, 2 * DELAY_S), **_UPLOADS),
)  # fmt: skip


def prove(base_port: int, state: Path, console: Console, chosen: str = "") -> float:
    """Print the answer under each fault whose name contains `chosen`, and return the share of right answers."""
    right = 0
    tried = [fault for fault in FAULTS if chosen in fault.name]
    with local.up(named(DEFAULT, base_port), state=state) as target, tempfile.TemporaryDirectory() as folder:
        manifest = local.seed(target, users=2000, photos_per_user=3, follows_per_user=5, seed=1)
        for number, fault in enumerate(tried):
            with fault.apply(target) as url:
                address = url if isinstance(url, str) else target.url
                outcome = _drive(fault, address, manifest, Path(folder), f"f{number}")
            cause = _ask(fault, target, outcome)
            is_right = cause.tier in fault.tiers
            right += is_right
            verdict = "right" if is_right else f"wrong, it is {' or '.join(sorted(fault.tiers))}"
            console.print(f"{fault.name} → {cause.tier or 'not known'} ({verdict}): {cause.text}", highlight=False)
    console.print(f"{right} of {len(tried)} right; wanted: {LEAST_RIGHT:.0%}")
    return right / len(tried)


def _drive(fault: Fault, url: Url, manifest: Path, folder: Path, salt: str) -> Outcome:
    rates = {"like": fault.likes, "upload": fault.uploads}
    scenario = Scenario(
        name="faults",
        description=fault.name,
        users="loadtests.photoapp.users.members:Member",
        arrivals={name: ArrivalPlan(rate=rate, schedule="poisson", steps=STEPS[name]) for name, rate in rates.items()},
        budgets=Budgets(),
        warm_up_s=WARM_UP_S,
        duration_s=fault.seconds,
        users_max=fault.users_max,
    )
    plan = Plan(scenario, salt, salt, True, str(manifest), str(folder / "outcome.json"), str(folder / "hdr"))
    return launcher.run(plan, url, folder / "generator.log", lambda _: None, lambda _: None)


def _ask(fault: Fault, target: Target, outcome: Outcome) -> Cause:
    """The tier to which the drive attributes the slowest responses of the fault's request."""
    split = server_timing.summarize(outcome.timing).get(fault.request)
    if split is None:
        return Cause(None, "no answer told where its time went")
    prometheus = Prometheus(target.prometheus_url)
    wait = collect.tier_wait(prometheus, DATABASE_WAIT, outcome.window_start, outcome.window_end)
    limit_ms = objectives.load(catalog.OBJECTIVES).routes[fault.request].seconds * 1e3
    return attribution.explain(split, outcome.requests[fault.request], limit_ms, [wait] if wait else [])


def main(arguments: list[str]) -> int:
    """Prove and print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.photoapp.faultproof", description=__doc__)
    parser.add_argument("--base-port", type=int, default=DEFAULT_BASE_PORT)
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the stack (%(default)s)")
    parser.add_argument("--only", default="", metavar="WORDS", help="the faults whose names contain these words")
    options = parser.parse_args(arguments)
    if not any(options.only in fault.name for fault in FAULTS):
        parser.error(f"no fault's name contains {options.only!r}")
    try:
        share = prove(options.base_port, options.state.resolve(), Console(), options.only)
    except (StackError, launcher.GeneratorError, PrometheusError, TimeoutError) as error:
        print(f"likestorm: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0 if share >= LEAST_RIGHT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
