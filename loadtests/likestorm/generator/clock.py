"""Times requests from when they were due, and passes the corrected times to Locust's own listeners."""

from __future__ import annotations

import time
from typing import Any

from locust.env import Environment

from likestorm.generator.recorder import Recorder
from likestorm.results.server_timing import header_of
from likestorm.scenario.schedule import Arrival


class RequestClock:
    """Receives one virtual user's request events in place of Locust and times the requests from when they were due.

    An arrival's first request is due when the arrival is, each later one when the one before it ends. Locust's own
    listeners (statistics, web UI, CSV) get the corrected response time. Requests outside of an arrival (on_start,
    on_stop) are passed on unchanged and counted nowhere.
    """

    def __init__(self, environment: Environment, recorder: Recorder) -> None:
        self._event = environment.events.request
        self._recorder = recorder
        self.arrival: Arrival | None = None
        self.due = 0.0
        self.steps_done = 0
        self.failed = self.timed_out = False

    def begin(self, arrival: Arrival, due: float) -> None:
        """Start an arrival whose first request was due at `due` (perf_counter seconds)."""
        self.arrival, self.due = arrival, due
        self.steps_done = 0
        self.failed = self.timed_out = False

    def rest(self) -> None:
        """End the arrival: the user's next requests belong to none."""
        self.arrival = None

    def fire(self, **meta: Any) -> None:
        """Receive a request that Locust's client finished."""
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
            error=error, timed_out=timed_out, server_timing=header_of(meta.get("response")),
        )  # fmt: skip
        meta["response_time"] = response * 1e3
        self._event.fire(**meta)  # type: ignore[no-untyped-call]
        self.due = now
        self.steps_done += 1
        self.failed |= error is not None
        self.timed_out |= timed_out


def failure(exception: BaseException | None) -> tuple[str | None, bool]:
    """The error of a request, None without one, and whether the error is a timeout."""
    if exception is None:
        return None, False
    cause = getattr(exception, "original", exception)  # geventhttpclient wraps the error of its last attempt
    # gevent's Timeout and those of `requests` have this name, and are no TimeoutError.
    timed_out = isinstance(cause, TimeoutError) or any(base.__name__ == "Timeout" for base in type(cause).__mro__)
    return f"{type(exception).__name__}: {exception}", timed_out
