"""Decides of a record whether the measurement itself can be trusted: pure checks, each with its limit and its advice.

What the generator does not control is never held against the measurement: a target that is slow, that fails or drops
requests, or that fills a machine which it shares with the generator, shows in its own budgets. A check fails only where
something was late, lost or disturbed on the measuring side, or where two accounts of the same thing differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from likestorm.results.record import Record
from likestorm.results.record.target import Hops
from likestorm.results.record.traffic import Generator, Vitals
from likestorm.results.record.verdict import BudgetResult, CheckStatus, ValidityCheck
from likestorm.scenario import Limits, Scenario, Target
from likestorm.scenario.schedule import arrivals
from likestorm.verdict.lost_load import missing
from likestorm.verdict.warmup import check_warm_up

CPU_SPAN_S = 5
WAITING = {"cpu": "somebody waited for a core", "io": "all for the disk", "memory": "all for memory"}
SWARM_LOG = "look into logs/swarm.log"
GAP_INTERVALS = 3
"""What is scraped less often than each second may miss two scrapes: rates stand on five intervals."""
FULL_MACHINE_PERCENT = 20.0
"""From so much waiting for cores on, a machine's fullness is named as the cause of a late generator."""


def check_validity(record: Record, scenario: Scenario, budgets: Iterable[BudgetResult]) -> list[ValidityCheck]:
    """The checks of the measurement itself; `budgets` tell how long an answer may take and still be in time."""
    limits = scenario.limits
    return [
        _workers(record, scenario),
        _accounting(record),
        _schedule(record, scenario),
        _mix(record),
        _dispatch_lag(record, limits),
        _loop_lag(record, limits),
        _collections(record, limits),
        _generator_cpu(record, limits),
        _throttling(record, limits),
        _steal(record, limits),
        _pressure(record),
        _clock_steps(record, limits),
        _clock_skew(record.generator, limits),
        check_warm_up(record, scenario),
        _drain(record, scenario, budgets),
        _scraping(record, scenario),
        _hops(record.hops),
        _ledger(record, scenario.target),
    ]


def _workers(record: Record, scenario: Scenario) -> ValidityCheck:
    """Also says what part of the load is missing with those that were lost: the k-th worker has the k-th part.

    One that came back has offered its part, and to its clients its own network's outage looked like a slow target.
    """
    workers = record.generator.workers
    lost = [index for index, worker in enumerate(workers) if worker.lost]
    silent = [f"{each.name} for {each.silent_s + 3:.0f} s" for each in workers if each.silent_s and not each.lost]
    said = f"{len(workers) - len(lost)} of {len(workers)}" if workers else "one process"
    if lost:
        parts = missing(scenario, record.scenario.duration_s, lost, len(workers))
        part = ", ".join(f"{name} {count} of {total}" for name, (count, total) in parts.items())
        said += f", lost: {', '.join(workers[index].name for index in lost)}; their part: {part}"
    return ValidityCheck(
        "workers",
        "none lost, none silent for 3 s",
        said + (f", silent: {', '.join(silent)}" if silent else ""),
        "failed" if lost or silent else "ok",
        "A process of the generator died or was cut off: look into logs/swarm-worker-*.log, and at its host's network.",
    )


def _accounting(record: Record) -> ValidityCheck:
    load = record.load
    ended = load.completed + load.failed + load.dropped + load.unfinished
    return ValidityCheck(
        "every arrival accounted for",
        "offered = completed + failed + dropped + unfinished",
        f"{load.offered} = {ended}" if load.offered == ended else f"{load.offered} ≠ {ended}",
        "ok" if load.offered == ended and load.offered else "failed",
        f"The load generator lost track of arrivals: {SWARM_LOG}.",
    )


def _schedule(record: Record, scenario: Scenario) -> ValidityCheck:
    """What the seed asks for is worked out anew here, so that a swarm which cuts its schedule short cannot hide it."""
    start = scenario.warm_up_s
    end = start + record.scenario.duration_s
    asked = Counter(each.name for each in arrivals(scenario.courses(), scenario.seed) if start <= each.due < end)
    offered = {name: record.arrivals[name].load.offered if name in record.arrivals else 0 for name in scenario.arrivals}
    wrong = [f"{name} {count} of {asked[name]}" for name, count in offered.items() if count != asked[name]]
    is_closed = bool(scenario.closed)
    return ValidityCheck(
        "offered against schedule",
        "of each schedule, all arrivals that the seed asks for",
        ", ".join(wrong) or f"{sum(offered.values())} of {asked.total()}",
        "failed" if wrong or not (asked or is_closed) else "ok",
        f"The load generator did not offer what the scenario asks for: {SWARM_LOG}.",
    )


def _mix(record: Record) -> ValidityCheck:
    """An arrival that completed made each of its steps and succeeded, so no step succeeded less often than that."""
    needed: Counter[str] = Counter()
    for each in record.arrivals.values():
        needed.update({step: each.load.completed * each.steps.count(step) for step in set(each.steps)})
    made = {name: asked.count - asked.failures for name, asked in record.requests.items()}
    wrong = [
        f"{step} succeeded {made.get(step, 0)} times, completed arrivals needed it {count} times"
        for step, count in needed.items()
        if made.get(step, 0) < count
    ]
    # Where a locustfile of one's own leaves out the steps, whatever it asks for belongs to it.
    if all(each.steps for each in record.arrivals.values()):
        wrong += [f"{name} was asked, but is no arrival's step" for name in sorted(made.keys() - needed.keys())]
    return ValidityCheck(
        "mix of requests",
        "every completed arrival made all of its steps, and nothing else was asked",
        "; ".join(wrong) or f"{len(record.requests)} kinds of requests",
        "failed" if wrong else "ok",
        "The user class does not do what the scenario says: make its tasks and the scenario's `steps` agree.",
    )


def _dispatch_lag(record: Record, limits: Limits) -> ValidityCheck:
    lag = record.generator.dispatch_lag_ms.p99
    why = f"Arrivals started late: {_why_late(record.generator, limits)}."
    return _at_most("dispatch lag p99", lag, limits.dispatch_lag_p99_s * 1e3, "{:.2f} ms", "{:g} ms", why)


def _loop_lag(record: Record, limits: Limits) -> ValidityCheck:
    """Answers are noticed as late as timers are, so a blocked loop makes a fast target look slow."""
    lag = _worst(record, lambda vitals: vitals.loop_lag_ms.p99)
    why = (
        f"The generator's event loop stood still, so answers were noticed late: {_why_late(record.generator, limits)}."
    )
    return _at_most("event-loop lag p99", lag, limits.loop_lag_p99_s * 1e3, "{:.2f} ms", "{:g} ms", why)


def _collections(record: Record, limits: Limits) -> ValidityCheck:
    name, limit = "garbage collection", f"≤ {limits.gc_percent:g} % of the window, none over {limits.gc_pause_s:g} s"
    advice = "Python's collector stopped the generator: let the tasks of the user class keep fewer objects alive."
    if not record.generator.vitals:
        return ValidityCheck(name, limit, "not known", "unknown", advice)
    share = max(100 * v.gc_total_s / record.scenario.duration_s for v in record.generator.vitals)
    longest = max(v.gc_longest_s for v in record.generator.vitals)
    bad = share > limits.gc_percent or longest > limits.gc_pause_s
    return ValidityCheck(name, limit, f"{share:.2f} %, {longest:.3f} s at most", "failed" if bad else "ok", advice)


def _generator_cpu(record: Record, limits: Limits) -> ValidityCheck:
    busiest = _busiest(record.generator.cpu_percent)
    why = "The load generator was short of CPU: lower RATE, or give it more processes or a core of its own."
    limit = "{:g} % of a core over 5 s"
    return _at_most("generator CPU", busiest, limits.cpu_percent, "{:.0f} % at most", limit, why)


def _busiest(percents: list[float]) -> float | None:
    """The highest mean over CPU_SPAN_S neighbouring seconds (over all, where there are fewer)."""
    span = min(CPU_SPAN_S, len(percents))
    if not span:
        return None
    return max(sum(percents[k : k + span]) / span for k in range(len(percents) - span + 1))


def _throttling(record: Record, limits: Limits) -> ValidityCheck:
    """Where there is no cgroup with a quota, nothing can be throttled."""
    return _at_most(
        "generator throttled",
        _worst(record, lambda vitals: vitals.throttled_percent),
        limits.throttled_percent,
        "{:.2f} %",
        "{:g} % of the window",
        "The generator's cgroup held it back: raise its CPU quota (cpu.max, `--cpus`, or the pod's limit).",
        absent="noted" if record.generator.vitals else "unknown",
    )


def _steal(record: Record, limits: Limits) -> ValidityCheck:
    return _at_most(
        "stolen CPU",
        _worst(record, lambda vitals: vitals.steal_percent),
        limits.steal_percent,
        "{:.2f} %",
        "{:g} % of the machine's CPU time",
        "Other machines on the same host took CPU time from this one: run again, or on a machine of its own.",
        absent="noted" if record.generator.vitals else "unknown",
    )


def _pressure(record: Record) -> ValidityCheck:
    """Decides nothing: a target on the same machine makes pressure itself, and what it does to the generator is lag."""
    worst: dict[str, float] = {}
    for vitals in record.generator.vitals:
        for resource, percent in vitals.pressure_percent.items():
            worst[resource] = max(percent, worst.get(resource, 0.0))
    said = [f"{WAITING[resource]} {percent:.1f} %" for resource, percent in worst.items() if resource in WAITING]
    return ValidityCheck(
        "pressure on the generator's machine",
        "none: it tells what a lag may come from",
        ", ".join(said) or "not known",
        "noted",
        "A target on the same machine makes this pressure itself; what it costs the measurement is in the lags above.",
    )


def _clock_steps(record: Record, limits: Limits) -> ValidityCheck:
    worst = _worst(record, lambda vitals: vitals.clock_step_s)
    why = (
        "The wall clock jumped, so requests and what Prometheus saw do not belong together: keep NTP from stepping it."
    )
    return _at_most("clock steps", worst, limits.clock_step_s, "{:.3f} s", "{:g} s from one second to the next", why)


def _clock_skew(generator: Generator, limits: Limits) -> ValidityCheck:
    """A worker whose clock is ahead begins as much too early; the comparison is right to within its error."""
    name, limit = "clock skew between workers", f"≤ {limits.clock_skew_s:g} s"
    advice = (
        "The workers' clocks disagree, so their arrivals were not offered when they should: synchronise them (NTP)."
    )
    if not generator.workers:
        return ValidityCheck(name, limit, "one process", "ok", advice)
    worst = max(generator.workers, key=lambda worker: abs(worker.clock_ahead_ms))
    apart = abs(worst.clock_ahead_ms) - worst.clock_error_ms
    said = f"{worst.name} {worst.clock_ahead_ms:+.2f} ms (± {worst.clock_error_ms:.2f} ms)"
    return ValidityCheck(name, limit, said, "failed" if apart > limits.clock_skew_s * 1e3 else "ok", advice)


def _drain(record: Record, scenario: Scenario, budgets: Iterable[BudgetResult]) -> ValidityCheck:
    """An answer that would still have been in time must not be given up: then the percentiles are too bad."""
    latest = max((b.limit / 1e3 for b in budgets if b.unit == "ms"), default=0.0)
    unfinished = record.load.unfinished
    cut = unfinished > 0 and scenario.drain_s < latest
    return ValidityCheck(
        "drain",
        f"≥ {latest:g} s, the longest latency budget, where arrivals were unfinished",
        f"{scenario.drain_s:g} s, {unfinished} unfinished",
        "failed" if cut else "ok",
        "The run ended before answers could come that would have been in time: make drain_s longer.",
    )


def _scraping(record: Record, scenario: Scenario) -> ValidityCheck:
    """A target need not have a Prometheus; a budget on what Prometheus lacks is inconclusive by itself."""
    worst = max(record.scrapes, key=lambda s: s.longest_gap_s, default=None)
    slow = [s.interval_s for s in record.scrapes if s.interval_s > 1]
    longest_s = max([scenario.limits.scrape_gap_s, *(GAP_INTERVALS * interval for interval in slow)])
    limit = f"no gap over {longest_s:g} s"
    advice = (
        "Prometheus missed samples of a part: look into logs/prometheus.log and whether the machine was overloaded."
    )
    if worst is None:
        return ValidityCheck("scraping", limit, "no target was scraped", "noted", advice)
    seen = f"{worst.longest_gap_s:.1f} s at most ({worst.job}/{worst.instance}), {len(record.scrapes)} targets"
    return ValidityCheck("scraping", limit, seen, "ok" if worst.longest_gap_s <= longest_s else "failed", advice)


def _hops(hops: Hops | None) -> ValidityCheck:
    """A request that failed for the client may have reached a hop or not, one that was repeated reached it twice."""
    name = "requests counted alike"
    if hops is None or not hops.counts:
        said = "no counters to compare with"
        return ValidityCheck(name, "every hop counts what clients count", said, "noted", "The target has no counters.")
    most = hops.answered + hops.unsure + hops.repeated
    limit = f"{hops.answered}" if most == hops.answered else f"{hops.answered} to {most}"
    few = [c for c in hops.counts if c.count is not None and c.count < hops.answered]
    many = [c for c in hops.counts if c.count is not None and c.count > most]
    unknown = [c for c in hops.counts if c.count is None]
    said = ", ".join(f"{c.hop} {c.problem if c.count is None else c.count}" for c in hops.counts)
    advice = _why_counts_differ(few and few[0].hop, many and many[0].hop)
    status: CheckStatus = "failed" if few or many else "unknown" if unknown else "ok"
    return ValidityCheck(name, f"clients {limit} at every hop", said, status, advice)


def _why_counts_differ(few: object, many: object) -> str:
    if few:
        return (
            f"Not every request that clients had answered came to the {few}: something before it answers by itself "
            "(a cache, a redirect, another server), or its counters were lost in a restart."
        )
    if many:
        return f"The {many} saw requests that this run did not send: keep others away from the target while it runs."
    return "Where a hop cannot be asked, nobody knows whether requests took the way that they should."


def _ledger(record: Record, target: Target) -> ValidityCheck:
    """Without an audit there is no ledger; with one, no acknowledged effect means that nothing could be compared."""
    absent: CheckStatus = "unknown" if record.ledger or target.audit else "noted"
    lost = sum(entry.lost for entry in record.ledger)
    phantom = sum(entry.phantom for entry in record.ledger)
    acknowledged = sum(entry.acknowledged for entry in record.ledger)
    return ValidityCheck(
        "ledger",
        "lost = phantom = 0",
        f"lost {lost}, phantom {phantom} of {acknowledged} acknowledged" if record.ledger else "no audit",
        "failed" if lost or phantom else "ok" if acknowledged else absent,
        "What the target acknowledged and what it stored differ: its answers, and so these figures, mean nothing.",
    )


def _at_most(
    name: str, seen: float | None, limit: float, say: str, say_limit: str, advice: str, absent: CheckStatus = "unknown"
) -> ValidityCheck:
    """A value that must not be over its limit; without a value the status is `absent`."""
    wanted = f"≤ {say_limit.format(limit)}"
    if seen is None:
        return ValidityCheck(name, wanted, "not known", absent, advice)
    return ValidityCheck(name, wanted, say.format(seen), "ok" if seen <= limit else "failed", advice)


def _worst(record: Record, value: Callable[[Vitals], float | None]) -> float | None:
    """The highest of the generator's processes."""
    return _highest(value(vitals) for vitals in record.generator.vitals)


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _why_late(generator: Generator, limits: Limits) -> str:
    """The likeliest cause of a late generator, and what to change."""
    vitals = generator.vitals
    if any((v.throttled_percent or 0.0) > limits.throttled_percent for v in vitals):
        return "its cgroup held it back; raise its CPU quota"
    if any((v.steal_percent or 0.0) > limits.steal_percent for v in vitals):
        return "other machines on the same host took its CPU time; run again, or on a machine of its own"
    if any(v.gc_longest_s > limits.gc_pause_s for v in vitals):
        return "Python's collector stopped it; let the tasks keep fewer objects alive"
    if (_busiest(generator.cpu_percent) or 0.0) > limits.cpu_percent:
        return "its own core was full; lower RATE, or give it more processes"
    if any(v.pressure_percent.get("cpu", 0.0) > FULL_MACHINE_PERCENT for v in vitals):
        return "the machine was full; lower RATE, or give the generator a core or a machine of its own"
    return "something stopped it (a task that blocks, a stopped process, a paused machine); look for what ran beside it"
