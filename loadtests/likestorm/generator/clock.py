"""Times requests from when they were due, and tells Locust's own listeners the time so corrected."""

from __future__ import annotations

import time
from typing import Any

from locust.env import Environment

from likestorm.generator.recorder import Recorder
from likestorm.results.server_timing import header_of
from likestorm.scenario.schedule import Arrival


class RequestClock:
    """Takes the place of Locust's request event for one virtual user, and times requests from when they were due.

    The first request of an arrival is due when the arrival is, each later one when the one before it ends. What is
    passed on to Locust's own listeners (statistics, web UI, CSV) has the response time so corrected. Requests outside
    of any arrival (on_start, on_stop) are passed on as they are and counted nowhere.
    """

    def __init__(self, environment: Environment, recorder: Recorder) -> None:
        self._event = environment.events.request
        self._recorder = recorder
        self.arrival: Arrival | None = None
        self.due = 0.0
        self.steps_done = 0
        self.failed = self.timed_out = False

    def begin(self, arrival: Arrival, due: float) -> None:
        """Turn to another arrival, whose first request was due at `due` (perf_counter seconds)."""
        self.arrival, self.due = arrival, due
        self.steps_done = 0
        self.failed = self.timed_out = False

    def rest(self) -> None:
        """The arrival is over: what the user asks for now belongs to none."""
        self.arrival = None

    def fire(self, **meta: Any) -> None:
        """Locust's client reports a finished request here."""
        now = time.perf_counter()
        error, timed_out = failure(meta.get("exception"))
        if url := meta.get("url"):
            self._recorder.sent(url, failed=error is not None)
        if self.arrival is None:
            self._event.fire(**meta)  # type: ignore[no-untyped-call]
            return
        response, service = now - self.due, meta["response_time"] / 1e3
        self._recorder.request_ended(
            self.arrival, meta["name"], response, service,
            error=error, timed_out=timed_out, told=header_of(meta.get("response")),
        )  # fmt: skip
        meta["response_time"] = response * 1e3
        self._event.fire(**meta)  # type: ignore[no-untyped-call]
        self.due = now
        self.steps_done += 1
        self.failed |= error is not None
        self.timed_out |= timed_out


def failure(exception: BaseException | None) -> tuple[str | None, bool]:
    """How a request failed, None if it did not, and whether its time ran out."""
    if exception is None:
        return None, False
    cause = getattr(exception, "original", exception)  # geventhttpclient wraps what ended its last try
    # gevent's own Timeout and all that `requests` knows are called so, and neither is a TimeoutError.
    timed_out = isinstance(cause, TimeoutError) or any(base.__name__ == "Timeout" for base in type(cause).__mro__)
    return f"{type(exception).__name__}: {exception}", timed_out
