"""Error tracking: errors in the log go to a Sentry-compatible server, with the stack but without data.

Logging is the only source: routes and workers log unexpected errors, and do not know Sentry.
"""

from collections.abc import Callable
from typing import Protocol


class Settings(Protocol):
    """The part of the configuration that error tracking uses; without a DSN nothing is tracked."""

    @property
    def sentry_dsn(self) -> str | None: ...

    @property
    def release(self) -> str: ...

    @property
    def run(self) -> str: ...

    @property
    def instance(self) -> str: ...


def configure(config: Settings, find_route: Callable[[], str | None] = lambda: None, **tags: str) -> Callable[[], None]:
    """Track this process's errors under `tags`; call it after the last fork. Does nothing without a DSN.

    find_route: returns the rule of this thread's request, None outside of a request. Returns a function that sends the
    pending errors and ends the tracking.
    """
    if config.sentry_dsn is None:
        return lambda: None
    # The SDK takes megabytes in each process: import it only where errors are tracked.
    from service.telemetry import sentry

    values = {"run": config.run, "instance": config.instance, **tags}
    return sentry.start(config.sentry_dsn, config.release, values, find_route)
