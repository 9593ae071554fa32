"""Keeps what happens to arrivals and requests while a swarm runs, and sums it up at the end."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdrh.log import HistogramLogWriter

from likestorm.generator.abort_rule import Rule, Tally
from likestorm.generator.counts import RequestTally, Second
from likestorm.generator.plan import Rates
from likestorm.results.histogram import Histogram, decode, of
from likestorm.results.outcome import Traffic
from likestorm.results.record.traffic import Arrivals, Load, Percentiles, Requests, Timeline
from likestorm.results.server_timing import Kept, Samples
from likestorm.scenario.schedule import Arrival

SHOWN_S = 5


class Recorder:
    """Counts every arrival by the second in which it was due, and every request of the measured window.

    Times are seconds since the start of the schedules. Arrivals due before `warm_up_s` are shown while they run,
    but are in no result.
    """

    def __init__(
        self, steps: Mapping[str, list[str]], warm_up_s: float, duration_s: float, rules: Sequence[Rule] = ()
    ) -> None:
        self.tally = Tally(list(rules))
        self.timing = Samples()
        self._steps = steps
        self._start, self._end = warm_up_s, warm_up_s + duration_s
        self._requests: defaultdict[str, RequestTally] = defaultdict(RequestTally)
        self._seconds: dict[str, defaultdict[int, Second]] = {name: defaultdict(Second) for name in steps}
        self._finished: dict[str, Counter[int]] = {name: Counter() for name in steps}
        self._errors: Counter[str] = Counter()
        self._lag = Histogram()
        self._asked: dict[str, Counter[str]] = {name: Counter() for name in steps}
        self._unplaced: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self.unfinished = 0

    def end_at(self, end: float) -> None:
        """The window ends there, and not as planned."""
        self._end = end

    def dispatched(self, arrival: Arrival, lag: float) -> None:
        """An arrival was handed over, `lag` seconds after it was due."""
        self._second(arrival).offered += 1
        if self._measured(arrival):
            self._lag.record(lag)

    def offered(self, arrival: Arrival) -> None:
        """A closed-model user began a round, which is due whenever it begins."""
        self._second(arrival).offered += 1

    def request_ended(
        self,
        arrival: Arrival,
        name: str,
        response: float,
        service: float,
        *,
        error: str | None,
        timed_out: bool,
        told: str | None = None,
    ) -> None:
        """A request got its answer, or failed, `response` seconds after it was due and `service` after it was sent.

        told: the answer's Server-Timing header.
        """
        if not self._measured(arrival):
            return
        tally = self._requests[name]
        tally.count += 1
        if not self._steps[arrival.name]:
            self._asked[arrival.name][name] += 1
        tally.service.record(service)
        self.tally.count(name, response, failed=error is not None, censored=timed_out)
        if error is None:
            tally.response.record(response)
            if told is not None:
                self.timing.note(name, response, service, told)
            return
        tally.failed.record(response)
        tally.errors[error] += 1
        if timed_out:
            tally.timeouts += 1
            tally.response.censored += 1

    def sent(self, url: str, *, failed: bool) -> None:
        """A request to this URL ended, in the window or not, of an arrival or of none."""
        address = url.split("/", 3)[2]
        (self._failed if failed else self._answered)[address] += 1

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
        self.unfinished += 1
        self._censor(arrival, steps_done)

    def rates(self, now: float) -> dict[str, Rates]:
        """How each schedule goes, for a display."""
        return {name: self._rates(name, int(now) - 1) for name in self._steps}

    def arrivals(self, scheduled: Mapping[str, int], rates: Mapping[str, float]) -> dict[str, Arrivals]:
        """The window's arrivals by schedule; `scheduled` says how many the schedule holds, `rates` its mean rate."""
        return {name: self._arrivals(name, scheduled[name], rates[name]) for name in scheduled}

    def closed(self, name: str, users: int) -> Arrivals:
        """The window's rounds of so many closed-model users."""
        begun = sum(second.offered for _, second in self._window(name))
        return replace(self._arrivals(name, begun, begun / (self._end - self._start)), closed_users=users)

    def requests(self) -> dict[str, Requests]:
        """The window's requests by name."""
        return {name: tally.summary() for name, tally in sorted(self._place(self._requests).items())}

    def traffic(self) -> dict[str, Traffic]:
        """All requests that ended, by address."""
        addresses = sorted(self._answered.keys() | self._failed.keys())
        return {each: Traffic(self._answered[each], self._failed[each]) for each in addresses}

    def dispatch_lag(self) -> Percentiles:
        """How late the window's arrivals were handed over."""
        return self._lag.percentiles()

    def dump(self) -> dict[str, Any]:
        """All that was counted, as plain data for the `add` of another process's recorder."""
        return {
            "requests": {name: tally.dump() for name, tally in self._requests.items()},
            "seconds": {
                name: [(second, counts.dump()) for second, counts in seconds.items()]
                for name, seconds in self._seconds.items()
            },
            "asked": {name: dict(counts) for name, counts in self._asked.items()},
            "unplaced": dict(self._unplaced),
            "lag": self._lag.encode(),
            "timing": {name: (kept.seen, kept.columns) for name, kept in self.timing.export().items()},
            "sent": (dict(self._answered), dict(self._failed), self.unfinished),
        }

    def add(self, dumped: dict[str, Any]) -> None:
        """Add what another process counted of the same scenario."""
        for name, tally in dumped["requests"].items():
            self._requests[name].add(tally)
        for name, seconds in dumped["seconds"].items():
            for second, counts in seconds:
                self._seconds[name][second].add(counts)
        for name, asked in dumped["asked"].items():
            self._asked[name].update(asked)
        self._unplaced.update(dumped["unplaced"])
        self._lag.add(decode(dumped["lag"]))
        self.timing.add({name: Kept(seen, columns) for name, (seen, columns) in dumped["timing"].items()})
        answered, failed, unfinished = dumped["sent"]
        self._answered.update(answered)
        self._failed.update(failed)
        self.unfinished += unfinished

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

    def _second(self, arrival: Arrival) -> Second:
        return self._seconds[arrival.name][self._number(arrival.due)]

    def _number(self, due: float) -> int:
        """Seconds are counted from the window's start, so that each lies wholly inside or outside of it."""
        return math.floor(due - self._start)

    def _censor(self, arrival: Arrival, steps_done: int) -> None:
        steps = self._steps[arrival.name]
        if not self._measured(arrival):
            return
        if not steps:
            self._unplaced[arrival.name] += 1
        elif steps_done < len(steps):
            self._requests[steps[steps_done]].response.censored += 1
            self.tally.count(steps[steps_done], math.inf, failed=True, censored=True)

    def _place(self, requests: Mapping[str, RequestTally]) -> Mapping[str, RequestTally]:
        """Where nobody knows what given-up arrivals would have asked for: censor each name by its share, rounded up."""
        for name, unplaced in self._unplaced.items():
            asked = self._asked[name]
            for request, count in asked.items():
                requests[request].response.censored += math.ceil(unplaced * count / asked.total())
        self._unplaced.clear()
        return requests

    def _rates(self, name: str, last: int) -> Rates:
        second = self._number(last + 0.5)
        recent = Second()
        for k in range(SHOWN_S):
            recent.responses.extend(self._seconds[name][second - k].responses)
        p50, p99 = recent.percentiles_ms(50, 99)
        return Rates(
            offered=self._seconds[name][second].offered,
            achieved=self._finished[name][last],
            p50_ms=p50,
            p99_ms=p99,
            errors=self._errors[name],
        )

    def _window(self, name: str) -> list[tuple[float, Second]]:
        """(run time, counts) of each second of the window."""
        count = math.ceil(self._end - self._start)
        return [(self._start + k, self._seconds[name][k]) for k in range(count)]

    def _arrivals(self, name: str, scheduled: int, rate: float) -> Arrivals:
        seconds = [second for _, second in self._window(name)]
        whole = of(value for second in seconds for value in second.responses)
        dropped, unfinished = sum(s.dropped for s in seconds), sum(s.unfinished for s in seconds)
        whole.censored = dropped + unfinished + sum(s.timed_out for s in seconds)
        middles, tails = zip(*(second.percentiles_ms(50, 99) for second in seconds), strict=True)
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
                p50_ms=list(middles),
                p99_ms=list(tails),
            ),
        )
