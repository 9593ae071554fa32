"""Sums up what the generator's processes measured, and writes the outcome of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import msgspec
from hdrh.log import HistogramLogWriter

from likestorm.generator.abort_rule import EarlyEnd
from likestorm.generator.counts import Counts, Second, Share, total
from likestorm.generator.plan import Plan
from likestorm.results import server_timing
from likestorm.results.histogram import of
from likestorm.results.outcome import Outcome, Traffic
from likestorm.results.progress import Progress, Rates
from likestorm.results.record.traffic import Arrivals, Generator, Load, Timeline, Worker
from likestorm.scenario.schedule import arrivals


def write(plan: Plan, starts_at: float, shares: Sequence[Share], ending: EarlyEnd, workers: Sequence[Worker]) -> None:
    """Write the outcome and the HDR logs of a plan whose schedules began at `starts_at` (Unix time)."""
    counts = total(share.counts for share in shares)
    counts.place_given_up()
    start, end = plan.scenario.warm_up_s, ending.end_s
    outcome = Outcome(
        window_start=starts_at + start,
        window_end=starts_at + end,
        arrivals=_arrivals(plan, counts, end),
        requests={name: request.summary() for name, request in sorted(counts.requests.items())},
        generator=_generator(counts, shares, workers),
        journals=total(share.journals for share in shares),
        traffic=_traffic(counts),
        unfinished=counts.unfinished,
        aborted=ending.aborted,
        timing=server_timing.merge(share.timing for share in shares),
    )
    _write_logs(Path(plan.histograms), plan, counts, starts_at, end)
    Path(plan.outcome).write_bytes(msgspec.json.encode(outcome))


def progress(reports: Sequence[Progress]) -> Progress:
    """The latest reports of all processes as one; percentiles are those of the slowest process."""
    latest = reports[-1]
    rates = {name: _rates([report.rates[name] for report in reports]) for name in latest.rates}
    return Progress(latest.phase, latest.left_s, sum(report.busy for report in reports), rates)


def arrivals_of(
    counts: Counts, name: str, start: float, end: float, steps: list[str], scheduled: int, rate: float
) -> Arrivals:
    """The window's arrivals of one schedule, which holds `scheduled` arrivals at a mean of `rate` a second."""
    seconds = _window(counts, name, start, end)
    whole = of(value for second in seconds for value in second.responses)
    dropped, unfinished = sum(s.dropped for s in seconds), sum(s.unfinished for s in seconds)
    whole.censored = dropped + unfinished + sum(s.timed_out for s in seconds)
    offered, failed = sum(s.offered for s in seconds), sum(s.failed for s in seconds)
    return Arrivals(
        rate=rate,
        scheduled=scheduled,
        load=Load(offered, whole.completed, failed, dropped, unfinished),
        steps=steps,
        response_time_ms=whole.percentiles(),
        histogram=whole.encode(),
        timeline=_timeline(seconds),
    )


def _arrivals(plan: Plan, counts: Counts, end: float) -> dict[str, Arrivals]:
    """Every schedule's arrivals beside what its seed asks for; closed-model users have no schedule but their rounds."""
    scenario, start = plan.scenario, plan.scenario.warm_up_s
    courses, steps = scenario.courses(), scenario.steps
    scheduled = dict.fromkeys(courses, 0)
    for arrival in arrivals(courses, scenario.seed):
        scheduled[arrival.name] += start <= arrival.due < end
    found = {
        name: arrivals_of(counts, name, start, end, steps[name], scheduled[name], course.mean(start, end))
        for name, course in courses.items()
    }
    for name, closed in scenario.closed.items():
        rounds = sum(second.offered for second in _window(counts, name, start, end))
        whole = arrivals_of(counts, name, start, end, steps[name], rounds, rounds / (end - start))
        found[name] = replace(whole, closed_users=closed.users)
    return found


def _timeline(seconds: Sequence[Second]) -> Timeline:
    p50_ms, p99_ms = zip(*(second.percentiles_ms(50, 99) for second in seconds), strict=True)
    return Timeline(
        offered=[s.offered for s in seconds],
        completed=[len(s.responses) for s in seconds],
        failed=[s.failed + s.dropped + s.unfinished for s in seconds],
        p50_ms=list(p50_ms),
        p99_ms=list(p99_ms),
    )


def _window(counts: Counts, name: str, start: float, end: float) -> list[Second]:
    """The seconds of the window in order."""
    seconds = counts.seconds.get(name, {})
    return [seconds.get(number) or Second() for number in range(math.ceil(end - start))]


def _write_logs(folder: Path, plan: Plan, counts: Counts, starts_at: float, end: float) -> None:
    """Write one HDR log a schedule, with an interval a second and response times in µs."""
    folder.mkdir(parents=True, exist_ok=True)
    start = plan.scenario.warm_up_s
    for name in plan.scenario.steps:
        with (folder / f"{name}.hlog").open("w") as file:
            log = HistogramLogWriter(file)
            log.output_comment(f"response times of whole arrivals of {name!r} in us, by the second they were due")
            log.output_log_format_version()
            log.output_legend()
            for number, second in enumerate(_window(counts, name, start, end)):
                began = starts_at + start + number
                log.output_interval_histogram(of(second.responses).hdr, began, began + 1, max_value_unit_ratio=1000.0)


def _generator(counts: Counts, shares: Sequence[Share], workers: Sequence[Worker]) -> Generator:
    """How well all processes kept up; each second has the CPU share of the busiest process."""
    seconds = zip_longest(*(share.cpu_percent for share in shares), fillvalue=0.0)
    return Generator(
        dispatch_lag_ms=counts.lag.percentiles(),
        cpu_percent=[max(each) for each in seconds],
        users_max=sum(share.users_max for share in shares),
        realtime=all(share.realtime for share in shares),
        workers=list(workers),
        vitals=[share.health for share in shares],
    )


def _traffic(counts: Counts) -> dict[str, Traffic]:
    addresses = sorted(counts.answered.keys() | counts.failed.keys())
    return {each: Traffic(counts.answered.get(each, 0), counts.failed.get(each, 0)) for each in addresses}


def _rates(rates: Sequence[Rates]) -> Rates:
    return Rates(
        offered=sum(each.offered for each in rates),
        achieved=sum(each.achieved for each in rates),
        p50_ms=max((each.p50_ms for each in rates if each.p50_ms is not None), default=None),
        p99_ms=max((each.p99_ms for each in rates if each.p99_ms is not None), default=None),
        errors=sum(each.errors for each in rates),
    )
