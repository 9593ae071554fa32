"""Error tracking: what is logged as an error goes to a Sentry-compatible server, with the code's stack but no data.

Logging is the only source: routes and workers log what surprises them, and know nothing of Sentry.
"""

from collections.abc import Callable
from typing import Protocol


class Settings(Protocol):
    """What is needed of the configuration; without a DSN nothing is tracked."""

    @property
    def sentry_dsn(self) -> str | None: ...

    @property
    def release(self) -> str: ...

    @property
    def run(self) -> str: ...

    @property
    def instance(self) -> str: ...


def configure(config: Settings, find_route: Callable[[], str | None] = lambda: None, **tags: str) -> Callable[[], None]:
    """Track this process's errors under `tags`; to be called after the last fork, does nothing without a DSN.

    find_route: the rule of the request that this thread answers, None when it answers none. Returns what sends the
    errors that wait, and ends the tracking.
    """
    if config.sentry_dsn is None:
        return lambda: None
    # Megabytes in every process, for those only that track.
    from service.telemetry import sentry

    values = {"run": config.run, "instance": config.instance, **tags}
    return sentry.start(config.sentry_dsn, config.release, values, find_route)
