"""The course of the drills: a stack, traffic, calm, one fault after the other, the report."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from likestorm.generator.launcher import GeneratorError

from alerts.drills import DrillError, matrix, stage, webhook
from alerts.drills.faults import FAULTS, Fault, Scene
from alerts.drills.load import Load
from alerts.drills.matrix import SLOW, Result, Row
from alerts.drills.stage import Stage, await_true
from alerts.drills.webhook import Receiver
from compose import local
from compose.faults import FAILURES
from compose.topology import Topology

SETTLE_S = 150.0
HEALTH_S = 60.0
PAST_S = 300.0
# A stack that has just started is slow, and the alerts' windows hold no other data yet.
WARM_UP_S = 30.0
# Messages come late by Alertmanager's group interval, divided by the factor.
LAST_MESSAGES_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """faults: in the order in which they are made. out: folder for the results.

    warm_up_s, then calm_s: the time before the first fault; in the calm no alert may fire.
    users: number of seeded users. load: the share of the background's arrivals.
    """

    faults: tuple[Fault, ...]
    warm_up_s: float
    calm_s: float
    out: Path
    topology: Topology
    state: Path
    users: int = 1000
    load: float = 1.0


def run(options: Options, say: Say) -> Result:
    """Make every fault on a stack of its own, and write matrix.json, matrix.md and webhooks.jsonl into `out`."""
    options.out.mkdir(parents=True, exist_ok=True)
    with webhook.receiver(options.out / "webhooks.jsonl") as receiver:
        with local.up(options.topology, on_phase=say, state=options.state) as target:
            manifest = local.seed(target, users=options.users, photos_per_user=3, follows_per_user=20, seed=2011)
            load = Load(target, manifest, options.out / "load")
            scene = Scene(stage.prepare(target, receiver.url), load, options.out)
            load.start_background(options.load)
            calm_alerts = _calm(options, scene.stage, receiver, say)
            rows = tuple(_make(fault, scene, receiver, say) for fault in options.faults)
            load.stop_all()
            account = load.account()
    ledger = tuple(
        f"{entry.name}: {entry.lost} lost, {entry.phantom} phantom" for entry in account if entry.lost or entry.phantom
    )
    result = Result(rows, options.calm_s, calm_alerts, ledger, _skipped(options.faults))
    (options.out / "matrix.json").write_text(json.dumps(result.as_json(), indent=1))
    (options.out / "matrix.md").write_text(matrix.markdown(result))
    return result


def _skipped(made: Sequence[Fault]) -> dict[str, str]:
    """The faults that are made only by name, unless they were made."""
    return {f.name: "it harms other programs of the machine" for f in FAULTS if f.only_if_named and f not in made}


def _calm(options: Options, on: Stage, receiver: Receiver, say: Say) -> tuple[str, ...]:
    """The alerts that fire without a fault, after the warm-up and, where a fault needs it, a past to compare with."""

    def open_alerts() -> set[str]:
        return (on.alerts() | matrix.open_alerts(receiver.since(0))) - SLOW

    say("warming up")
    time.sleep(options.warm_up_s)
    # Alertmanager sends no new message for an alert that is open already.
    if not await_true(lambda: not open_alerts(), PAST_S):
        raise DrillError(f"before the first fault there are alerts: {', '.join(sorted(open_alerts()))}")
    if any(fault.needs_past for fault in options.faults):
        say("waiting for a past to compare with")
        if not await_true(lambda: on.ask("min(service:likestorm_photos:increase5m offset 185s > 0)") != [], PAST_S):
            raise DrillError("no photos were recorded: the load does not run")
    if not options.calm_s:
        return ()
    say(f"calm, for {options.calm_s:.0f} s")
    began = time.time()
    time.sleep(options.calm_s)
    return tuple(sorted(_fired(receiver, began) - SLOW))


def _make(fault: Fault, scene: Scene, receiver: Receiver, say: Say) -> Row:
    """One fault, from its begin until the stack is well and no alert is open."""
    say(f"{fault.name}: {fault.what}")
    began = ended = time.time()
    ailments, fired = [], set[str]()
    try:
        with fault.act(scene):
            # The clock starts before the fault is complete: a person wants the message from then on.
            if not await_true(lambda: set(fault.alerts) <= _fired(receiver, began), fault.patience_s):
                fired = scene.stage.alerts("firing") & set(fault.alerts)
            ended = time.time()
    except (DrillError, GeneratorError, *FAILURES) as error:
        ailments.append(f"the fault could not be made or undone: {error}")
    if not await_true(lambda: not scene.stage.ailments(), HEALTH_S):
        ailments += scene.stage.ailments()
    # An alert of this fault must not fire in the next fault's time.
    if not await_true(lambda: not scene.stage.alerts() - SLOW, SETTLE_S):
        ailments.append(f"there still are alerts: {', '.join(sorted(scene.stage.alerts() - SLOW))}")
    await_true(lambda: not matrix.open_alerts(receiver.since(began)) - SLOW, LAST_MESSAGES_S)
    ailments += [f"{name} fired without a message" for name in sorted(fired - _fired(receiver, began))]
    row = matrix.judge(fault.name, fault.alerts, fault.symptoms, receiver.since(began), began, ended, ailments)
    for line in matrix.describe(row):
        say(f"  {line}")
    return row


def _fired(receiver: Receiver, since: float) -> set[str]:
    return {notice.name for notice in receiver.since(since) if notice.is_firing}
