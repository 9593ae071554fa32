"""Checks whether the generator's processes kept up: lag, garbage collection and CPU."""

from likestorm.results.record import Record
from likestorm.results.record.traffic import Generator
from likestorm.results.record.verdict import ValidityCheck
from likestorm.scenario import Limits
from likestorm.verdict.validity.limits import at_most, worst

CPU_SPAN_S = 5
FULL_MACHINE_PERCENT = 20.0
"""CPU pressure from which a full machine is named as the cause of a late generator."""


def check_dispatch_lag(record: Record, limits: Limits) -> ValidityCheck:
    """Arrivals start when they are due."""
    lag = record.generator.dispatch_lag_ms.p99
    advice = f"Arrivals started late: {_cause(record.generator, limits)}."
    return at_most("dispatch lag p99", lag, limits.dispatch_lag_p99_s * 1e3, "{:.2f} ms", "ms", advice)


def check_loop_lag(record: Record, limits: Limits) -> ValidityCheck:
    """A blocked event loop notices answers late, so a fast target looks slow."""
    lag = worst(record, lambda process: process.loop_lag_ms.p99)
    advice = f"The generator's event loop was blocked, and noticed answers late: {_cause(record.generator, limits)}."
    return at_most("event-loop lag p99", lag, limits.loop_lag_p99_s * 1e3, "{:.2f} ms", "ms", advice)


def check_collections(record: Record, limits: Limits) -> ValidityCheck:
    """Garbage collection stops the process."""
    name, limit = "garbage collection", f"≤ {limits.gc_percent:g} % of the window, none over {limits.gc_pause_s:g} s"
    advice = "Python's garbage collector stopped the generator: keep fewer objects alive in the user class's tasks."
    if not record.generator.vitals:
        return ValidityCheck(name, limit, "not known", "unknown", advice)
    share = max(100 * each.gc_total_s / record.scenario.duration_s for each in record.generator.vitals)
    longest = max(each.gc_longest_s for each in record.generator.vitals)
    is_bad = share > limits.gc_percent or longest > limits.gc_pause_s
    return ValidityCheck(name, limit, f"{share:.2f} %, {longest:.3f} s at most", "failed" if is_bad else "ok", advice)


def check_cpu(record: Record, limits: Limits) -> ValidityCheck:
    """A generator process uses one core at most."""
    advice = "The load generator was short of CPU: lower RATE, or give it more processes or a core of its own."
    busiest = _busiest(record.generator.cpu_percent)
    unit = f"% of a core over {CPU_SPAN_S} s"
    return at_most("generator CPU", busiest, limits.cpu_percent, "{:.0f} % at most", unit, advice)


def _busiest(percents: list[float]) -> float | None:
    """The highest mean over CPU_SPAN_S consecutive seconds, or over all seconds of a shorter window."""
    span = min(CPU_SPAN_S, len(percents))
    if not span:
        return None
    return max(sum(percents[k : k + span]) / span for k in range(len(percents) - span + 1))


def _cause(generator: Generator, limits: Limits) -> str:
    """The likeliest cause of a late generator, and what to change."""
    processes = generator.vitals
    if any((each.throttled_percent or 0.0) > limits.throttled_percent for each in processes):
        return "its cgroup throttled it; raise its CPU quota"
    if any((each.steal_percent or 0.0) > limits.steal_percent for each in processes):
        return "other machines on the same host took its CPU time; run again, or on a machine of its own"
    if any(each.gc_longest_s > limits.gc_pause_s for each in processes):
        return "Python's garbage collector stopped it; keep fewer objects alive in the tasks"
    if (_busiest(generator.cpu_percent) or 0.0) > limits.cpu_percent:
        return "its own core was full; lower RATE, or give it more processes"
    if any(each.pressure_percent.get("cpu", 0.0) > FULL_MACHINE_PERCENT for each in processes):
        return "the machine was full; lower RATE, or give the generator a core or a machine of its own"
    return "something stopped it (a task that blocks, a stopped process, a paused machine); look for what ran beside it"
