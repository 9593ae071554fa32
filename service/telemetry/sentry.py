"""The Sentry SDK configured so that events contain nothing that may come from a user."""

from collections.abc import Callable, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.consts import CompressionAlgo
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

SHUTDOWN_S = 2
"""How long a process that ends waits until its last errors are sent."""


def start(dsn: str, release: str, tags: Mapping[str, str], find_route: Callable[[], str | None]) -> Callable[[], None]:
    """Send this process's errors to `dsn`; `tags` has at least `instance`. Returns a function that ends it."""

    def clean(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
        route = find_route()
        if route is not None:
            event.setdefault("tags", {})["route"] = route
        return _clean(event)

    sentry_sdk.init(
        dsn=dsn,
        release=release,
        server_name=tags["instance"],
        environment="likestorm",
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, sentry_logs_level=None),
            DedupeIntegration(),
            AtexitIntegration(callback=_end_quietly),
        ],
        before_send=clean,  # type: ignore[arg-type]
        include_local_variables=False,
        max_breadcrumbs=0,
        traces_sample_rate=None,
        auto_session_tracking=False,
        shutdown_timeout=SHUTDOWN_S,
        # The SDK prefers brotli where it is installed, and not every server understands brotli.
        _experiments={"transport_compression_algo": CompressionAlgo.GZIP},
    )
    for name, value in tags.items():
        sentry_sdk.set_tag(name, value)
    return lambda: sentry_sdk.get_client().close(timeout=SHUTDOWN_S)


def _end_quietly(_pending: int, _timeout: float) -> None:
    """Replaces the SDK's message on standard error when a process ends with unsent errors."""


def _clean(event: dict[str, Any]) -> dict[str, Any]:
    """The event without anything that may come from a user.

    An exception's text and a log line's arguments may quote a request: both are removed.
    """
    for name in ("request", "user", "extra", "breadcrumbs", "modules"):
        event.pop(name, None)
    if "logentry" in event:
        event["logentry"] = {"message": event["logentry"].get("message", ""), "params": []}
    for exception in event.get("exception", {}).get("values", ()):
        exception["value"] = ""
        for frame in exception.get("stacktrace", {}).get("frames", ()):
            frame.pop("vars", None)
    return event
