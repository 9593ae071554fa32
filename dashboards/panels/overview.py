"""The wall screen: the rates of the service's events, the state of its objectives, and where to look first."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, Threshold, p99, rate, share

from alerts.slo import OBJECTIVES
from dashboards.panels import slo

APP = 'job="app",route!~"/healthz|/readyz"'


def latency_thresholds() -> tuple[Threshold, ...]:
    """The p99 objectives of routes, by their limit."""
    by_limit: dict[float, list[str]] = {}
    for objective in OBJECTIVES.routes.values():
        if objective.percentile == 99:
            by_limit.setdefault(objective.seconds, []).append(objective.name)
    return tuple(Threshold(limit, ", ".join(names)) for limit, names in sorted(by_limit.items()))


def error_thresholds() -> tuple[Threshold, ...]:
    """The strictest error objective."""
    return (Threshold(min(o.error_ratio for o in OBJECTIVES.routes.values()), "strictest objective"),)


PHOTOS = Panel(
    "photos-per-second", "Photos per second",
    "How many photos are published? The counter counts confirmed uploads.",
    rate("likestorm_photos_total", 'job="app"'), "photos", "suffix:photos/s",
    alert="PhotoRateOutOfRange", kind="tiles", width=6, height=6, more="media",
)
LIKES = Panel(
    "likes-per-second", "Likes per second",
    "How many likes are stored? A repeated like does not count.",
    rate("likestorm_likes_total", 'job="app"'), "likes", "suffix:likes/s",
    kind="tiles", width=6, height=6, more="http",
)
SIGNUPS = Panel(
    "signups-per-minute", "Signups per minute",
    "How many users sign up?",
    "60 * " + rate("likestorm_signups_total", 'job="app"'), "signups", "suffix:signups/min",
    alert="SignupRateOutOfRange", kind="tiles", width=6, height=6, more="http",
)
FIRING = Panel(
    "alerts-firing", "Alerts firing",
    "Does any alert fire? The annotations of every graph name the alerts and their start.",
    'sum(ALERTS{alertstate="firing"}) or vector(0)', "alerts", "short",
    thresholds=(Threshold(1, "an alert fires"),), kind="tiles", width=6, height=6, more="slo",
)
LATENCY = Panel(
    "latency-p99", "p99 by route",
    "How slow is the slowest hundredth of each route's requests, measured inside the application? The limits are the "
    "p99 objectives. The time in queues before the application is not included.",
    p99("likestorm_http_request_duration_seconds", APP, "method, route"),
    "{{method}} {{route}}", "s", thresholds=latency_thresholds(), more="http",
)
ERRORS = Panel(
    "error-ratio", "Error ratio by route",
    "Which share of each route's requests gets a 5xx status?",
    share("likestorm_http_requests_total", APP, 'status=~"5.."', "method, route"),
    "{{method}} {{route}}", "percentunit", thresholds=error_thresholds(), more="http",
)
QUEUE_DEPTH = Panel(
    "queue-depth", "Queue depth",
    "How many jobs wait for a worker? A line that keeps rising means too few workers.",
    'sum by (queue) (rq_jobs{job="rq",status="queued"})', "{{queue}}", "short", adds_up=True, more="work",
)

DASHBOARD = Dashboard(
    "overview", "Overview", "The rates of the service's events, the state of its objectives, and where to look first.",
    (
        Row("Right now", (PHOTOS, LIKES, SIGNUPS, FIRING)),
        Row("Are the objectives met?", (slo.LATENCY_STATE, slo.ERROR_STATE, slo.CHAIN_STATE)),
        Row("Where to look first", (LATENCY, ERRORS, QUEUE_DEPTH)),
    ),
)
