"""The generator's health: late timers, garbage collections, clock steps, and the CPU time that the machine lacks."""

from __future__ import annotations

import gc
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gevent

from likestorm.results.histogram import Histogram
from likestorm.results.record.traffic import Vitals

TICK_S = 0.01
CLOCKS_S = 1.0
PRESSURES = {"cpu": "some", "io": "full", "memory": "full"}
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """The kernel's running totals: CPU time in ticks, waiting by resource and throttling in seconds."""

    ticks: int
    stolen_ticks: int
    waited_s: Mapping[str, float]
    throttled_s: float | None


def read_machine() -> Machine:
    """The totals now; a total that the kernel does not keep is absent."""
    ticks, stolen = parse_cpu(_read(Path("/proc/stat")))
    pressures = {name: parse_pressure(_read(Path("/proc/pressure") / name), kind) for name, kind in PRESSURES.items()}
    waited = {name: seconds for name, seconds in pressures.items() if seconds is not None}
    return Machine(ticks, stolen, waited, _throttled())


def parse_cpu(stat: str) -> tuple[int, int]:
    """All ticks and the stolen ticks of /proc/stat's first line; user time includes the time of guests."""
    fields = [int(field) for field in stat.split("\n", 1)[0].split()[1:9]]
    return sum(fields), fields[7] if len(fields) > 7 else 0


def parse_pressure(text: str, kind: str) -> float | None:
    """Seconds in which `some` or `full` tasks waited, from a file of /proc/pressure; None without that line."""
    found = re.search(rf"^{kind} .*total=(\d+)", text, re.MULTILINE)
    return int(found[1]) / 1e6 if found else None


def parse_throttled(cpu_stat: str) -> float | None:
    """Seconds of throttling in a cgroup's cpu.stat (µs in version 2, ns in version 1); None without that line."""
    found = re.search(r"^throttled_(usec|time) (\d+)", cpu_stat, re.MULTILINE)
    return None if found is None else int(found[2]) / (1e6 if found[1] == "usec" else 1e9)


def _throttled() -> float | None:
    """Seconds of throttling of this process's own cgroup, in the hierarchy of either version."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = CGROUPS / (controllers and "cpu") / path.lstrip("/")
        if (seconds := parse_throttled(_read(folder / "cpu.stat"))) is not None:
            return seconds
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def clock_offset() -> float:
    """Wall clock minus monotonic clock in seconds: of three readings, the one with the shortest interruption."""
    best, offset = float("inf"), 0.0
    for _ in range(3):
        before = time.monotonic()
        wall = time.time()
        after = time.monotonic()
        if after - before < best:
            best, offset = after - before, wall - (before + after) / 2
    return offset


class HealthWatch:
    """Watches this process from `begin` to `end` (perf_counter seconds) in a greenlet of its own."""

    def __init__(self, begin: float, end: float) -> None:
        self._begin, self._end = begin, end
        self._lag = Histogram()
        self._gc_began = self._gc_total = self._gc_longest = 0.0
        self._step = 0.0
        self._first = self._last = read_machine()
        self._offset = clock_offset()
        self._began = self._ended = time.perf_counter()
        self._greenlet = gevent.spawn(self._watch)

    def end_at(self, end: float) -> None:
        """Move the end (perf_counter seconds)."""
        self._end = end

    def finish(self) -> Vitals:
        """Stop watching and return the summary."""
        if not self._greenlet.dead:
            self._greenlet.kill()
            self._stop()
        seconds = max(self._ended - self._began, TICK_S)
        first, last = self._first, self._last
        ticks = last.ticks - first.ticks
        throttled = None if None in (first.throttled_s, last.throttled_s) else last.throttled_s - first.throttled_s  # type: ignore[operator]
        return Vitals(
            process=f"{platform.node()}:{os.getpid()}",
            loop_lag_ms=self._lag.percentiles(),
            gc_total_s=round(self._gc_total, 6),
            gc_longest_s=round(self._gc_longest, 6),
            clock_step_s=round(self._step, 6),
            throttled_percent=None if throttled is None else _percent(throttled, seconds),
            steal_percent=_percent(last.stolen_ticks - first.stolen_ticks, ticks) if ticks > 0 else None,
            pressure_percent={
                name: _percent(last.waited_s[name] - before, seconds)
                for name, before in first.waited_s.items()
                if name in last.waited_s
            },
        )

    def _watch(self) -> None:
        gevent.sleep(max(0.0, self._begin - time.perf_counter()))
        self._first, self._offset, self._began = read_machine(), clock_offset(), time.perf_counter()
        gc.callbacks.append(self._collecting)
        due, clocks_due = self._begin, self._begin + CLOCKS_S
        while due < self._end:
            gevent.sleep(max(0.0, due - time.perf_counter()))
            now = time.perf_counter()
            while due <= now and due < self._end:
                self._lag.record(now - due)
                due += TICK_S
            if now >= clocks_due:
                clocks_due = now + CLOCKS_S
                self._compare_clocks()
        self._stop()

    def _stop(self) -> None:
        if self._collecting in gc.callbacks:
            gc.callbacks.remove(self._collecting)
        self._compare_clocks()
        self._last, self._ended = read_machine(), time.perf_counter()

    def _compare_clocks(self) -> None:
        offset = clock_offset()
        self._step = max(self._step, abs(offset - self._offset))
        self._offset = offset

    def _collecting(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._gc_began = time.perf_counter()
            return
        pause = time.perf_counter() - self._gc_began
        self._gc_total += pause
        self._gc_longest = max(self._gc_longest, pause)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
