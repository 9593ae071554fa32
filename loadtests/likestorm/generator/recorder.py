"""Counts what happens to arrivals and requests while the generator runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from likestorm.generator.abort_rule import BudgetCounter, Limit
from likestorm.generator.counts import Counts, Second
from likestorm.results.progress import Rates
from likestorm.results.server_timing import ServerTimings
from likestorm.scenario.schedule import Arrival

SHOWN_S = 5
"""The live display shows percentiles of this many seconds."""
COMPLETED, FAILED, DROPPED, UNFINISHED = OUTCOMES = ("completed", "failed", "dropped", "unfinished")


class Recorder:
    """Counts every arrival by the second in which it was due, and every request of the measured window.

    Times are seconds since the start of the schedules. Arrivals due before `warm_up_s` appear in the live display and
    in no result.
    """

    def __init__(
        self, steps: Mapping[str, list[str]], warm_up_s: float, duration_s: float, limits: Sequence[Limit] = ()
    ) -> None:
        self.counts = Counts()
        self.budgets = BudgetCounter(list(limits))
        self.timing = ServerTimings()
        self.started: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = {name: Counter() for name in steps}
        self._steps = steps
        self._start, self._end = warm_up_s, warm_up_s + duration_s
        self._completed: dict[str, Counter[int]] = {name: Counter() for name in steps}

    def end_at(self, end: float) -> None:
        """Move the window's end."""
        self._end = end

    def dispatched(self, arrival: Arrival, lag: float) -> None:
        """An arrival was dispatched, `lag` seconds after it was due."""
        self.offered(arrival)
        if self._measured(arrival):
            self.counts.lag.record(lag)

    def offered(self, arrival: Arrival) -> None:
        """A round of a closed-model user began, due when it began."""
        self._second(arrival).offered += 1
        self.started[arrival.name] += 1

    def request_ended(
        self,
        arrival: Arrival,
        name: str,
        response: float,
        service: float,
        *,
        error: str | None,
        timed_out: bool,
        server_timing: str | None = None,
    ) -> None:
        """A request was answered or failed, `response` seconds after it was due and `service` after it was sent.

        server_timing: the answer's Server-Timing header.
        """
        if not self._measured(arrival):
            return
        counts = self.counts.requests[name]
        counts.count += 1
        if not self._steps[arrival.name]:
            self.counts.requested[arrival.name][name] += 1
        counts.service.record(service)
        self.budgets.count(name, response, failed=error is not None, censored=timed_out)
        if error is None:
            counts.response.record(response)
            if server_timing is not None:
                self.timing.note(name, response, service, server_timing)
            return
        counts.failed.record(response)
        counts.errors[error] += 1
        counts.timeouts += timed_out
        counts.response.censored += timed_out

    def sent(self, url: str, *, failed: bool) -> None:
        """A request to this URL ended, inside or outside of the window and of an arrival."""
        address = url.split("/", 3)[2]
        (self.counts.failed if failed else self.counts.answered)[address] += 1

    def arrival_ended(self, arrival: Arrival, response: float, now: float, *, failed: bool, timed_out: bool) -> None:
        """All steps of an arrival ended, `response` seconds after it was due, at `now`."""
        second = self._second(arrival)
        self.outcomes[arrival.name][FAILED if failed else COMPLETED] += 1
        if failed:
            second.failed += 1
            second.timed_out += timed_out
        else:
            second.responses.append(response)
            self._completed[arrival.name][int(now)] += 1

    def arrival_dropped(self, arrival: Arrival) -> None:
        """An arrival was given up because it waited too long for a free virtual user."""
        self._second(arrival).dropped += 1
        self.outcomes[arrival.name][DROPPED] += 1
        self._censor(arrival, 0)

    def arrival_unfinished(self, arrival: Arrival, steps_done: int) -> None:
        """The run ended while an arrival waited, or was in the step after `steps_done`."""
        self._second(arrival).unfinished += 1
        self.outcomes[arrival.name][UNFINISHED] += 1
        self.counts.unfinished += 1
        self._censor(arrival, steps_done)

    def rates(self, now: float) -> dict[str, Rates]:
        """The state of each schedule for the live display."""
        return {name: self._rates(name, int(now) - 1) for name in self._steps}

    def _measured(self, arrival: Arrival) -> bool:
        return self._start <= arrival.due < self._end

    def _second(self, arrival: Arrival) -> Second:
        return self.counts.seconds[arrival.name][self._number(arrival.due)]

    def _number(self, due: float) -> int:
        """The second's number, counted from the window's start, so that each second is inside or outside of it."""
        return math.floor(due - self._start)

    def _censor(self, arrival: Arrival, steps_done: int) -> None:
        """Count the request that an arrival did not come to as slower than all others."""
        steps = self._steps[arrival.name]
        if not self._measured(arrival):
            return
        if not steps:
            self.counts.unplaced[arrival.name] += 1
        elif steps_done < len(steps):
            self.counts.requests[steps[steps_done]].response.censored += 1
            self.budgets.count(steps[steps_done], math.inf, failed=True, censored=True)

    def _rates(self, name: str, last: int) -> Rates:
        seconds, number = self.counts.seconds[name], self._number(last + 0.5)
        recent = Second()
        for k in range(SHOWN_S):
            recent.responses += seconds[number - k].responses
        p50, p99 = recent.percentiles_ms(50, 99)
        errors = self.outcomes[name][FAILED] + self.outcomes[name][DROPPED]
        return Rates(seconds[number].offered, self._completed[name][last], p50, p99, errors)
