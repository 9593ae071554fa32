"""The story of the drills: a stack, traffic, calm, one fault after the other, the account."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.drills import DrillError, matrix, stage, webhook
from alerts.drills.acts import FAILURES, Scene
from alerts.drills.faults import FAULTS, Fault
from alerts.drills.load import Load
from alerts.drills.matrix import SLOW, Result, Row
from alerts.drills.stage import Stage, await_true
from alerts.drills.webhook import Receiver
from compose import local
from compose.topology import Topology

SETTLE_S = 150.0
HEALTH_S = 60.0
PAST_S = 300.0
# A stack that has just begun is slow, and the windows hold nothing else yet.
WARM_UP_S = 30.0
# Messages come late by Alertmanager's group interval, in fast motion.
LAST_MESSAGES_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """faults: to be done, in this order. out: folder for what is found.

    warm_up_s, then calm_s: for how long nothing is done first; in the calm no alert may fire.
    users: how many the stack is filled with. load: the share of the background's arrivals that is offered.
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
    """Do every fault to a stack of its own and leave matrix.json, matrix.md and webhooks.jsonl in `out`."""
    options.out.mkdir(parents=True, exist_ok=True)
    with webhook.receiver(options.out / "webhooks.jsonl") as receiver:
        with local.up(options.topology, on_phase=say, state=options.state) as target:
            manifest = local.seed(target, users=options.users, photos_per_user=3, follows_per_user=20, seed=2011)
            scene = Scene(
                stage.prepare(target, receiver.url), Load(target, manifest, options.out / "load"), options.out
            )
            scene.load.start_background(options.load)
            calm_alerts = _calm(options, scene.stage, receiver, say)
            rows = tuple(_do(fault, scene, receiver, say) for fault in options.faults)
            scene.load.stop_all()
            account = scene.load.account()
    ledger = tuple(
        f"{entry.name}: {entry.lost} lost, {entry.phantom} phantom" for entry in account if entry.lost or entry.phantom
    )
    result = Result(rows, options.calm_s, calm_alerts, ledger, _skipped(options.faults))
    (options.out / "matrix.json").write_text(json.dumps(result.as_json(), indent=1))
    (options.out / "matrix.md").write_text(matrix.markdown(result))
    return result


def _skipped(done: Sequence[Fault]) -> dict[str, str]:
    """Only of a whole set; whoever names faults knows what they left out."""
    left = {fault.name for fault in FAULTS} - {fault.name for fault in done}
    return {f.name: "it would harm whatever else runs here" for f in FAULTS if f.name in left and f.only_if_named}


def _calm(options: Options, on: Stage, receiver: Receiver, say: Say) -> tuple[str, ...]:
    """The alerts that fire although nothing is done; first it must be warm, and have a past where a fault needs one."""
    say("warming up")
    time.sleep(options.warm_up_s)
    # What Alertmanager takes for open it does not tell of again.
    if not await_true(lambda: not (on.stirring() | matrix.open_alerts(receiver.since(0))) - SLOW, PAST_S):
        names = (on.stirring() | matrix.open_alerts(receiver.since(0))) - SLOW
        raise DrillError(f"before anything is done there are alerts: {', '.join(sorted(names))}")
    if any(fault.needs_past for fault in options.faults):
        say("waiting for a past to compare with")
        if not await_true(lambda: on.ask("min(service:likestorm_photos:increase5m offset 185s > 0)") != [], PAST_S):
            raise DrillError("no photos were recorded: the load does not run")
    if not options.calm_s:
        return ()
    say(f"calm, for {options.calm_s:.0f} s")
    began = time.time()
    time.sleep(options.calm_s)
    return tuple(sorted({notice.name for notice in receiver.since(began) if notice.is_firing} - SLOW))


def _do(fault: Fault, scene: Scene, receiver: Receiver, say: Say) -> Row:
    """One fault, from its begin until all is calm again."""
    say(f"{fault.name}: {fault.what}")
    began = ended = time.time()
    ailments, fired = [], set[str]()
    try:
        with fault.act(scene):
            # A fault that takes a while to be done counts from its begin: that is when somebody would want to know.
            if not await_true(lambda: set(fault.alerts) <= _told(receiver, began), fault.patience_s):
                fired = scene.stage.stirring("firing") & set(fault.alerts)
            ended = time.time()
    except FAILURES as error:
        ailments.append(f"the fault could not be done, or not ended: {error}")
    if not await_true(lambda: not scene.stage.ailments(), HEALTH_S):
        ailments += scene.stage.ailments()
    # An alert that this fault has stirred up is not to fire in the next one's time.
    if not await_true(lambda: not scene.stage.stirring() - SLOW, SETTLE_S):
        ailments.append(f"there still are alerts: {', '.join(sorted(scene.stage.stirring() - SLOW))}")
    await_true(lambda: not matrix.open_alerts(receiver.since(began)) - SLOW, LAST_MESSAGES_S)
    ailments += [f"{name} fired, and nobody was told" for name in sorted(fired - _told(receiver, began))]
    row = matrix.judge(fault.name, fault.alerts, fault.symptoms, receiver.since(began), began, ended, ailments)
    for cell in row.cells:
        say(f"  {cell.alert}: fired after {cell.fired_s} s, resolved after {cell.resolved_s} s")
    for name in row.others:
        say(f"  {name} should not have fired")
    for ailment in row.ailments:
        say(f"  not well: {ailment}")
    return row


def _told(receiver: Receiver, since: float) -> set[str]:
    return {notice.name for notice in receiver.since(since) if notice.is_firing}
