"""Shows that a run names the right tier: `python -m loadtests.photoapp.faultproof`.

On one small stack each tier is slowed down in turn, for some requests or for all, and a short drive's own account of
where the time went is asked which tier grew. Prints each answer; exit status 1 when fewer than 90 % are right. Takes
four minutes; nothing else should run, since on a machine without a core to spare every tier is slow.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
from compose.layout import STATE
from compose.local import Target
from compose.topology import DEFAULT, DEFAULT_BASE_PORT, named
from loadtests.photoapp import tier_faults
from loadtests.photoapp.target import DATABASE_WAIT
from service import catalog

LEAST_RIGHT = 0.9
WARM_UP_S = 1.0
DELAY_S = 0.15
STEPS = {"like": ["like"], "upload": ["upload-ask", "upload-put", "upload-confirm"]}

Url = str


@dataclass(frozen=True)
class Fault:
    """One way to slow a tier down.

    apply: a context in which the tier is slow, giving the address to drive. request: whose slowest answers are asked
    about. tiers: the right answers. likes, uploads: arrivals a second, for so many seconds. users_max: of the
    generator's pool.
    """

    name: str
    tiers: frozenset[str]
    apply: Callable[[Target], contextlib.AbstractContextManager[Url]]
    request: str = "like"
    likes: float = 40.0
    uploads: float = 4.0
    seconds: float = 10.0
    users_max: int = 256


def _on_the_way(
    make: Callable[[Target], contextlib.AbstractContextManager[None]],
) -> Callable[[Target], contextlib.AbstractContextManager[Url]]:
    """A fault within the stack: its address stays the same."""

    @contextlib.contextmanager
    def apply(target: Target) -> Iterator[Url]:
        with make(target):
            yield target.url

    return apply


def _standstill(*kinds: str) -> Callable[[Target], contextlib.AbstractContextManager[Url]]:
    """All parts whose names begin so stand still now and then, replicas left out."""

    def make(target: Target) -> contextlib.AbstractContextManager[None]:
        parts = [part for part in target.states() if part.startswith(kinds) and not part.endswith("-replica")]
        return tier_faults.standstill(target, *parts)

    return _on_the_way(make)


@contextlib.contextmanager
def _slow_network(target: Target) -> Iterator[Url]:
    with tier_faults.slow_wire(target.topology.ports["front"], tier_faults.seldom(DELAY_S)) as port:
        yield f"http://127.0.0.1:{port}"


def _fault(name: str, tiers: str, apply: Callable[[Target], contextlib.AbstractContextManager[Url]]) -> Fault:
    return Fault(name, frozenset(tiers.split()), apply)


def _uploads(fault: Fault) -> Fault:
    """The same, seen by who confirms an upload; of these a small machine bears fewer."""
    return Fault(fault.name, fault.tiers, fault.apply, "upload-confirm", likes=2.0, uploads=20.0, seconds=16.0)


FAULTS = (
    _fault("every shard's likes are locked now and then", "db", _on_the_way(tier_faults.locked_likes)),
    _fault("PostgreSQL stands still now and then", "db", _standstill("postgres-")),
    _fault("every like's INSERT sleeps", "db", _on_the_way(lambda target: tier_faults.slow_likes(target, DELAY_S))),
    _fault("PgBouncer pauses now and then", "pool", _on_the_way(tier_faults.pooler_pause)),
    _fault("Redis pauses its clients now and then", "redis", _on_the_way(tier_faults.redis_pause)),
    _fault("Redis stands still now and then", "redis", _standstill("redis")),
    _fault("memcached stands still now and then", "cache", _standstill("memcached-")),
    _uploads(_fault("the object store stands still now and then", "store", _standstill("store"))),
    # What waits for an app that stands still is its backlog.
    _fault("the app stands still now and then", "app wait", _standstill("app-")),
    _fault("all threads of the app are busy now and then", "wait", _on_the_way(tier_faults.busy_threads)),
    _fault("nginx stands still now and then", "nginx", _standstill("nginx-")),
    _fault("the wire to the stack is slow now and then", "network", _slow_network),
    # The balancer's own socket is the far end of the network.
    _fault("the balancer stands still now and then", "network", _standstill("front")),
    Fault(
        "the generator has one virtual user", frozenset({"client-queue"}),
        _on_the_way(lambda _: contextlib.nullcontext()), likes=40.0, uploads=8.0, users_max=1,
    ),
    _uploads(
        _fault("one hand-over of jobs in eight is slow", "queue",
               _on_the_way(lambda target: tier_faults.slow_enqueue(target, 2 * DELAY_S))),
    ),
)  # fmt: skip


def prove(base_port: int, state: Path, console: Console, chosen: str = "") -> float:
    """Print what a run says under each fault (those whose names hold `chosen`), and return the share that is right."""
    right = 0
    tried = [fault for fault in FAULTS if chosen in fault.name]
    with local.up(named(DEFAULT, base_port), state=state) as target, tempfile.TemporaryDirectory() as folder:
        manifest = local.seed(target, users=2000, photos_per_user=3, follows_per_user=5, seed=1)
        for number, fault in enumerate(tried):
            with fault.apply(target) as url:
                outcome = _drive(fault, url, manifest, Path(folder), f"f{number}")
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
    """What the run's own account says of the request that the fault is for, under its objective's limit."""
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
    parser.add_argument("--only", default="", metavar="WORDS", help="the faults whose names hold these words")
    options = parser.parse_args(arguments)
    if not any(options.only in fault.name for fault in FAULTS):
        parser.error(f"no fault's name holds {options.only!r}")
    try:
        share = prove(options.base_port, options.state.resolve(), Console(), options.only)
    except (StackError, launcher.GeneratorError, PrometheusError, TimeoutError) as error:
        print(f"likestorm: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0 if share >= LEAST_RIGHT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
