"""The Sentry SDK as error tracking wants it: events without anything that may come from a user."""

from collections.abc import Callable, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.consts import CompressionAlgo
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

SHUTDOWN_S = 2
"""How long a process that ends waits for its last errors to be sent."""


def start(dsn: str, release: str, tags: Mapping[str, str], find_route: Callable[[], str | None]) -> Callable[[], None]:
    """Send this process's errors to `dsn`; `tags` has at least `instance`. Returns what ends that."""

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
        # Where brotli is installed it would be used, and not every server understands that.
        _experiments={"transport_compression_algo": CompressionAlgo.GZIP},
    )
    for name, value in tags.items():
        sentry_sdk.set_tag(name, value)
    return lambda: sentry_sdk.get_client().close(timeout=SHUTDOWN_S)


def _end_quietly(_pending: int, _timeout: float) -> None:
    """By default the SDK writes to standard error when a process ends with errors that are not sent yet."""


def _clean(event: dict[str, Any]) -> dict[str, Any]:
    """The event without anything that may come from a user.

    An exception's text may quote what somebody sent, and so may a log line's arguments: both stay here.
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
