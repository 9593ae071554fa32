"""Error tracking: what is logged as an error goes to a Sentry-compatible server, with the code's stack but no data.

Logging is the only source: routes and workers log what surprises them, and know nothing of Sentry.
"""

from typing import Any, Protocol

import sentry_sdk
from flask import has_request_context, request
from sentry_sdk.consts import CompressionAlgo
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

SHUTDOWN_S = 2
"""How long a process that ends waits for its last errors to be sent."""


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


def configure(config: Settings, **tags: str) -> None:
    """Track this process's errors under `tags`; to be called after the last fork, does nothing without a DSN."""
    if config.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=config.sentry_dsn,
        release=config.release,
        server_name=config.instance,
        environment="likestorm",
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, sentry_logs_level=None),
            DedupeIntegration(),
            AtexitIntegration(callback=_end_quietly),
        ],
        before_send=_clean,  # type: ignore[arg-type]
        include_local_variables=False,
        max_breadcrumbs=0,
        traces_sample_rate=None,
        auto_session_tracking=False,
        shutdown_timeout=SHUTDOWN_S,
        # Where brotli is installed it would be used, and not every server understands that.
        _experiments={"transport_compression_algo": CompressionAlgo.GZIP},
    )
    for name, value in {"run": config.run, "instance": config.instance, **tags}.items():
        sentry_sdk.set_tag(name, value)


def close() -> None:
    """Send what waits and track no more."""
    sentry_sdk.get_client().close(timeout=SHUTDOWN_S)


def _end_quietly(_pending: int, _timeout: float) -> None:
    """By default the SDK writes to standard error when a process ends with errors that are not sent yet."""


def _clean(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    """The event with the route that it happened in, without anything that may come from a user.

    An exception's text may quote what somebody sent, and so may a log line's arguments: both stay here.
    """
    if has_request_context() and request.url_rule is not None:
        event.setdefault("tags", {})["route"] = f"{request.method} {request.url_rule.rule}"
    for name in ("request", "user", "extra", "breadcrumbs", "modules"):
        event.pop(name, None)
    if "logentry" in event:
        event["logentry"] = {"message": event["logentry"].get("message", ""), "params": []}
    for exception in event.get("exception", {}).get("values", ()):
        exception["value"] = ""
        for frame in exception.get("stacktrace", {}).get("frames", ()):
            frame.pop("vars", None)
    return event
