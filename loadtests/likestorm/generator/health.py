"""What a process of the generator notices of itself: late timers, collections, clocks, and what its machine lacks."""

from __future__ import annotations

import gc
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from likestorm.results.histogram import Histogram
from likestorm.results.record.traffic import Vitals

TICK_S = 0.01
CLOCKS_S = 1.0
PRESSURES = {"cpu": "some", "io": "full", "memory": "full"}
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """The kernel's running totals: CPU time of the machine in ticks, waiting by resource and throttling in seconds."""

    ticks: int
    stolen_ticks: int
    waited_s: Mapping[str, float]
    throttled_s: float | None


def read_machine() -> Machine:
    """The totals now; what this kernel does not tell is absent."""
    ticks, stolen = parse_cpu(_read(Path("/proc/stat")))
    pressures = {name: parse_pressure(_read(Path("/proc/pressure") / name), kind) for name, kind in PRESSURES.items()}
    waited = {name: seconds for name, seconds in pressures.items() if seconds is not None}
    return Machine(ticks, stolen, waited, _throttled())


def parse_cpu(stat: str) -> tuple[int, int]:
    """All ticks and stolen ones of /proc/stat's first line; guests' time is in user time already."""
    fields = [int(field) for field in stat.split("\n", 1)[0].split()[1:9]]
    return sum(fields), fields[7] if len(fields) > 7 else 0


def parse_pressure(text: str, kind: str) -> float | None:
    """Seconds in which `some` or `full` waited, of a file of /proc/pressure; None where the kernel does not count."""
    found = re.search(rf"^{kind} .*total=(\d+)", text, re.MULTILINE)
    return int(found[1]) / 1e6 if found else None


def parse_throttled(cpu_stat: str) -> float | None:
    """Seconds of throttling in a cgroup's cpu.stat (µs in version 2, ns in version 1); None where it has none."""
    found = re.search(r"^throttled_(usec|time) (\d+)", cpu_stat, re.MULTILINE)
    return None if found is None else int(found[2]) / (1e6 if found[1] == "usec" else 1e9)


def _throttled() -> float | None:
    """Of this process's own cgroup, in either version's hierarchy."""
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


def clocks_apart() -> float:
    """Wall clock minus monotonic clock in seconds, of three readings the one that was interrupted least."""
    best, apart = float("inf"), 0.0
    for _ in range(3):
        before = time.monotonic()
        wall = time.time()
        after = time.monotonic()
        if after - before < best:
            best, apart = after - before, wall - (before + after) / 2
    return apart


class VitalsWatch:
    """Watches this process from `begin` to `end` (perf_counter seconds) in a greenlet of its own."""

    def __init__(self, begin: float, end: float) -> None:
        self._begin, self._end = begin, end
        self._lag = Histogram()
        self._gc_began = self._gc_total = self._gc_longest = 0.0
        self._step = 0.0
        self._first = self._last = read_machine()
        self._apart = clocks_apart()
        self._began = self._ended = time.perf_counter()
        self._due, self._clocks_due = begin, begin + CLOCKS_S
        self._timer: Any = None
        self._over = Event()
        self._greenlet = gevent.spawn(self._watch)

    def end_at(self, end: float) -> None:
        """Watch until then, and not as planned."""
        self._end = end

    def finish(self) -> Vitals:
        """Stop watching, if it has not ended yet, and sum up."""
        if not self._greenlet.dead:
            self._greenlet.kill()
            if self._timer:
                self._timer.stop()
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
        self._first, self._apart, self._began = read_machine(), clocks_apart(), time.perf_counter()
        gc.callbacks.append(self._collecting)
        self._tick()
        self._over.wait()
        self._stop()

    def _tick(self) -> None:
        """See how late this is; straight from the loop, since waking a greenlet a hundred times a second costs more."""
        now = time.perf_counter()
        while self._due <= now and self._due < self._end:
            self._lag.record(now - self._due)
            self._due += TICK_S
        if now >= self._clocks_due:
            self._clocks_due = now + CLOCKS_S
            self._look_at_clocks()
        if self._due >= self._end:
            self._over.set()
            return
        self._timer = gevent.get_hub().loop.timer(max(0.0, self._due - time.perf_counter()))
        self._timer.start(self._tick)

    def _stop(self) -> None:
        if self._collecting in gc.callbacks:
            gc.callbacks.remove(self._collecting)
        self._look_at_clocks()
        self._last, self._ended = read_machine(), time.perf_counter()

    def _look_at_clocks(self) -> None:
        apart = clocks_apart()
        self._step = max(self._step, abs(apart - self._apart))
        self._apart = apart

    def _collecting(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._gc_began = time.perf_counter()
            return
        pause = time.perf_counter() - self._gc_began
        self._gc_total += pause
        self._gc_longest = max(self._gc_longest, pause)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
