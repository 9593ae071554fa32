"""Adds up what every process of a swarm measured, and writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

import msgspec

from likestorm.generator.abort_rule import Counts, EarlyEnd
from likestorm.generator.plan import Plan, Progress, Rates, Share
from likestorm.generator.recorder import Recorder
from likestorm.results.ledger import Journal
from likestorm.results.outcome import Outcome
from likestorm.results.record.traffic import Arrivals, Generator, Worker
from likestorm.scenario.schedule import arrivals


def conclude(
    plan: Plan,
    starts_at: float,
    recorder: Recorder,
    generator: Generator,
    journals: dict[str, Journal],
    ending: EarlyEnd,
) -> None:
    """Write the outcome of a plan whose schedules began at `starts_at` (Unix time), and its HDR logs."""
    recorder.end_at(ending.end_s)
    scenario = plan.scenario
    outcome = Outcome(
        window_start=starts_at + scenario.warm_up_s,
        window_end=starts_at + ending.end_s,
        arrivals=_arrivals(plan, recorder, ending.end_s),
        requests=recorder.requests(),
        generator=generator,
        journals=journals,
        traffic=recorder.traffic(),
        unfinished=recorder.unfinished,
        aborted=ending.aborted,
        timing=recorder.timing.export(),
    )
    recorder.write_logs(Path(plan.histograms), lambda run_time: starts_at + run_time)
    Path(plan.outcome).write_bytes(msgspec.json.encode(outcome))


def recorded(plan: Plan, shares: Iterable[Share]) -> Recorder:
    """One recorder that holds what all of these recorded."""
    scenario = plan.scenario
    recorder = Recorder(scenario.steps, scenario.warm_up_s, scenario.duration_s)
    for share in shares:
        recorder.add(share.recorded)
    return recorder


def generator(recorder: Recorder, shares: Sequence[Share], workers: Sequence[Worker] = ()) -> Generator:
    """How all of the processes kept up; of each second, the busiest one's CPU counts."""
    seconds = zip_longest(*(share.cpu_percent for share in shares), fillvalue=0.0)
    return Generator(
        dispatch_lag_ms=recorder.dispatch_lag(),
        cpu_percent=[max(each) for each in seconds],
        users_max=sum(share.users_max for share in shares),
        realtime=all(share.realtime for share in shares),
        workers=list(workers),
        vitals=[share.vitals for share in shares],
    )


def journals(shares: Iterable[Share]) -> dict[str, Journal]:
    """The union of what all of these did."""
    found: dict[str, Journal] = {}
    for share in shares:
        for name, journal in share.journals.items():
            into = found.setdefault(name, Journal())
            into.attempted |= journal.attempted
            into.acknowledged |= journal.acknowledged
            into.declined |= journal.declined
    return found


def progress(reports: Sequence[Progress]) -> Progress:
    """The latest reports of all processes as one; percentiles are those of the slowest."""
    latest = reports[-1]
    rates = {name: _rates([report.rates[name] for report in reports]) for name in latest.rates}
    return Progress(latest.phase, latest.left_s, sum(report.busy for report in reports), rates)


def counts(reports: Iterable[Progress]) -> Counts:
    """The sum of what these reports counted."""
    summed: Counts = {}
    for report in reports:
        for budget, (bad, total) in report.counts.items():
            before_bad, before_total = summed.get(budget, (0, 0))
            summed[budget] = before_bad + bad, before_total + total
    return summed


def _rates(rates: Sequence[Rates]) -> Rates:
    return Rates(
        offered=sum(each.offered for each in rates),
        achieved=sum(each.achieved for each in rates),
        p50_ms=max((each.p50_ms for each in rates if each.p50_ms is not None), default=None),
        p99_ms=max((each.p99_ms for each in rates if each.p99_ms is not None), default=None),
        errors=sum(each.errors for each in rates),
    )


def _arrivals(plan: Plan, recorder: Recorder, end: float) -> dict[str, Arrivals]:
    """What became of each schedule, beside what its seed asks for; of closed users, what they began is all there is."""
    scenario = plan.scenario
    start = scenario.warm_up_s
    courses = scenario.courses()
    scheduled = dict.fromkeys(courses, 0)
    for arrival in arrivals(courses, scenario.seed):
        scheduled[arrival.name] += start <= arrival.due < end
    rates = {name: course.mean(start, end) for name, course in courses.items()}
    closed = {name: recorder.closed(name, plan.users) for name, plan in scenario.closed.items()}
    return recorder.arrivals(scheduled, rates) | closed
