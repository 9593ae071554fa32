"""Keeps what happens to arrivals and requests while a swarm runs, and sums it up at the end."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hdrh.log import HistogramLogWriter

from loadtests.histogram import Histogram, nearest_rank, of
from loadtests.plan import Rates
from loadtests.record import Arrivals, Generator, Load, Requests, Timeline
from loadtests.schedule import Arrival

SHOWN_S = 5


@dataclass
class _RequestTally:
    response: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    failed: Histogram = field(default_factory=Histogram)
    count: int = 0
    timeouts: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass
class _Second:
    """The arrivals of one schedule that were due in one second."""

    offered: int = 0
    failed: int = 0
    timed_out: int = 0
    dropped: int = 0
    unfinished: int = 0
    responses: array[float] = field(default_factory=lambda: array("d"))

    @property
    def completed(self) -> int:
        return len(self.responses)

    def percentile_ms(self, percentile: float) -> float | None:
        value = nearest_rank(sorted(self.responses), percentile)
        return None if value is None else round(value * 1e3, 3)


class Recorder:
    """Counts every arrival by the second in which it was due, and every request of the measured window.

    Times are seconds since the start of the schedules. Arrivals due before `warm_up_s` are shown while they run,
    but are in no result.
    """

    def __init__(self, steps: Mapping[str, list[str]], warm_up_s: float, duration_s: float) -> None:
        self._steps = steps
        self._start, self._end = warm_up_s, warm_up_s + duration_s
        self._requests: defaultdict[str, _RequestTally] = defaultdict(_RequestTally)
        self._seconds: dict[str, defaultdict[int, _Second]] = {name: defaultdict(_Second) for name in steps}
        self._finished: dict[str, Counter[int]] = {name: Counter() for name in steps}
        self._errors: Counter[str] = Counter()
        self._lag = Histogram()

    def dispatched(self, arrival: Arrival, lag: float) -> None:
        """An arrival was handed over, `lag` seconds after it was due."""
        self._second(arrival).offered += 1
        if self._measured(arrival):
            self._lag.record(lag)

    def request_ended(
        self, arrival: Arrival, name: str, response: float, service: float, *, error: str | None, timed_out: bool
    ) -> None:
        """A request got its answer, or failed, `response` seconds after it was due and `service` after it was sent."""
        if not self._measured(arrival):
            return
        tally = self._requests[name]
        tally.count += 1
        tally.service.record(service)
        if error is None:
            tally.response.record(response)
            return
        tally.failed.record(response)
        tally.errors[error] += 1
        if timed_out:
            tally.timeouts += 1
            tally.response.censored += 1

    def arrival_ended(self, arrival: Arrival, response: float, now: float, *, failed: bool, timed_out: bool) -> None:
        """All steps of an arrival are over, `response` seconds after it was due, at `now`."""
        second = self._second(arrival)
        if failed:
            second.failed += 1
            second.timed_out += timed_out
            self._errors[arrival.name] += 1
        else:
            second.responses.append(response)
            self._finished[arrival.name][int(now)] += 1

    def arrival_dropped(self, arrival: Arrival) -> None:
        """An arrival waited so long for a free virtual user that it was given up."""
        self._second(arrival).dropped += 1
        self._errors[arrival.name] += 1
        self._censor(arrival, 0)

    def arrival_unfinished(self, arrival: Arrival, steps_done: int) -> None:
        """The run ended while an arrival was still waiting or under way in the step after `steps_done`."""
        self._second(arrival).unfinished += 1
        self._censor(arrival, steps_done)

    def rates(self, now: float) -> dict[str, Rates]:
        """How each schedule goes, for a display."""
        return {name: self._rates(name, int(now) - 1) for name in self._steps}

    def arrivals(self, scheduled: Mapping[str, int], rates: Mapping[str, float]) -> dict[str, Arrivals]:
        """The window's arrivals by schedule; `scheduled` says how many the schedule holds, `rates` its mean rate."""
        return {name: self._arrivals(name, scheduled[name], rates[name]) for name in self._steps}

    def requests(self) -> dict[str, Requests]:
        """The window's requests by name."""
        return {name: _summary(tally) for name, tally in sorted(self._requests.items())}

    def generator(self, cpu_percent: list[float], users_max: int, *, realtime: bool) -> Generator:
        """How the generator kept up."""
        return Generator(self._lag.percentiles(), cpu_percent, users_max, realtime)

    def write_logs(self, folder: Path, epoch: Callable[[float], float]) -> None:
        """One HDR log a schedule, an interval a second, response times in µs; `epoch` turns run time into Unix time."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._steps:
            with (folder / f"{name}.hlog").open("w") as file:
                log = HistogramLogWriter(file)
                log.output_comment(f"response times of whole arrivals of {name!r} in us, by the second they were due")
                log.output_log_format_version()
                log.output_legend()
                for number, second in self._window(name):
                    log.output_interval_histogram(
                        of(second.responses).hdr, epoch(number), epoch(number + 1), max_value_unit_ratio=1000.0
                    )

    def _measured(self, arrival: Arrival) -> bool:
        return self._start <= arrival.due < self._end

    def _second(self, arrival: Arrival) -> _Second:
        return self._seconds[arrival.name][self._number(arrival.due)]

    def _number(self, due: float) -> int:
        """Seconds are counted from the window's start, so that each lies wholly inside or outside of it."""
        return math.floor(due - self._start)

    def _censor(self, arrival: Arrival, steps_done: int) -> None:
        steps = self._steps[arrival.name]
        if self._measured(arrival) and steps_done < len(steps):
            self._requests[steps[steps_done]].response.censored += 1

    def _rates(self, name: str, last: int) -> Rates:
        second = self._number(last + 0.5)
        recent = _Second()
        for k in range(SHOWN_S):
            recent.responses.extend(self._seconds[name][second - k].responses)
        return Rates(
            offered=self._seconds[name][second].offered,
            achieved=self._finished[name][last],
            p50_ms=recent.percentile_ms(50),
            p99_ms=recent.percentile_ms(99),
            errors=self._errors[name],
        )

    def _window(self, name: str) -> list[tuple[float, _Second]]:
        """(run time, counts) of each second of the window."""
        count = math.ceil(self._end - self._start)
        return [(self._start + k, self._seconds[name][k]) for k in range(count)]

    def _arrivals(self, name: str, scheduled: int, rate: float) -> Arrivals:
        seconds = [second for _, second in self._window(name)]
        whole = of(value for second in seconds for value in second.responses)
        dropped, unfinished = sum(s.dropped for s in seconds), sum(s.unfinished for s in seconds)
        whole.censored = dropped + unfinished + sum(s.timed_out for s in seconds)
        return Arrivals(
            rate=rate,
            scheduled=scheduled,
            load=Load(
                offered=sum(s.offered for s in seconds),
                completed=sum(s.completed for s in seconds),
                failed=sum(s.failed for s in seconds),
                dropped=dropped,
                unfinished=unfinished,
            ),
            steps=self._steps[name],
            response_time_ms=whole.percentiles(),
            histogram=whole.encode(),
            timeline=Timeline(
                offered=[s.offered for s in seconds],
                completed=[s.completed for s in seconds],
                failed=[s.failed + s.dropped + s.unfinished for s in seconds],
                p50_ms=[s.percentile_ms(50) for s in seconds],
                p99_ms=[s.percentile_ms(99) for s in seconds],
            ),
        )


def _summary(tally: _RequestTally) -> Requests:
    return Requests(
        count=tally.count,
        failures=tally.failed.completed,
        timeouts=tally.timeouts,
        censored=tally.response.censored,
        response_time_ms=tally.response.percentiles(),
        service_time_ms=tally.service.percentiles(),
        histogram=tally.response.encode(),
        service_histogram=tally.service.encode(),
        failure_histogram=tally.failed.encode(),
        errors=dict(tally.errors.most_common()),
    )
