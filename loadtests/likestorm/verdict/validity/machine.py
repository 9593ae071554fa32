"""Checks whether the generator's machines disturbed the measurement: throttling, steal, pressure and clocks."""

from likestorm.results.record import Record
from likestorm.results.record.traffic import Generator
from likestorm.results.record.verdict import CheckStatus, ValidityCheck
from likestorm.scenario import Limits
from likestorm.verdict.validity.limits import at_most, worst

WAITING = {"cpu": "some tasks waited for a core", "io": "all for the disk", "memory": "all for memory"}


def check_throttling(record: Record, limits: Limits) -> ValidityCheck:
    """Without a cgroup with a quota there is no throttling."""
    percent = worst(record, lambda process: process.throttled_percent)
    advice = "The generator's cgroup throttled it: raise its CPU quota (cpu.max, `--cpus`, or the pod's limit)."
    limit, unit = limits.throttled_percent, "% of the window"
    return at_most("generator throttled", percent, limit, "{:.2f} %", unit, advice, _absent(record))


def check_steal(record: Record, limits: Limits) -> ValidityCheck:
    """The hypervisor gives the machine its CPU time."""
    percent = worst(record, lambda process: process.steal_percent)
    advice = "Other machines on the same host took CPU time from this one: run again, or on a machine of its own."
    limit, unit = limits.steal_percent, "% of the machine's CPU time"
    return at_most("stolen CPU", percent, limit, "{:.2f} %", unit, advice, _absent(record))


def _absent(record: Record) -> CheckStatus:
    """The status of a value that not every machine has."""
    return "noted" if record.generator.vitals else "unknown"


def check_pressure(record: Record) -> ValidityCheck:
    """Pressure only explains other checks: a target on the same machine causes it, and its effect on load is lag."""
    highest: dict[str, float] = {}
    for process in record.generator.vitals:
        for resource, percent in process.pressure_percent.items():
            highest[resource] = max(percent, highest.get(resource, 0.0))
    waits = [f"{WAITING[resource]} {percent:.1f} %" for resource, percent in highest.items() if resource in WAITING]
    return ValidityCheck(
        "pressure on the generator's machine",
        "none: a possible cause of lag",
        ", ".join(waits) or "not known",
        "noted",
        "A target on the same machine causes such pressure; its effect on the measurement is in the lags above.",
    )


def check_clock_steps(record: Record, limits: Limits) -> ValidityCheck:
    """The wall clock relates requests to samples of Prometheus."""
    step = worst(record, lambda process: process.clock_step_s)
    advice = "The wall clock jumped, so times of requests and of Prometheus do not match: keep NTP from stepping it."
    unit = "s from one second to the next"
    return at_most("clock steps", step, limits.clock_step_s, "{:.3f} s", unit, advice)


def check_clock_skew(generator: Generator, limits: Limits) -> ValidityCheck:
    """A worker whose clock is ahead starts too early; the measured skew has an error."""
    name, limit = "clock skew between workers", f"≤ {limits.clock_skew_s:g} s"
    advice = "The workers' clocks disagree, so their arrivals came at wrong times: synchronise the clocks (NTP)."
    if not generator.workers:
        return ValidityCheck(name, limit, "one process", "ok", advice)
    furthest = max(generator.workers, key=lambda worker: abs(worker.clock_ahead_ms))
    skew_ms = abs(furthest.clock_ahead_ms) - furthest.clock_error_ms
    observed = f"{furthest.name} {furthest.clock_ahead_ms:+.2f} ms (± {furthest.clock_error_ms:.2f} ms)"
    return ValidityCheck(name, limit, observed, "failed" if skew_ms > limits.clock_skew_s * 1e3 else "ok", advice)
