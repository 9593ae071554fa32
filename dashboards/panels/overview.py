"""The wall screen: what users do, whether they are served as promised, what is left to do."""

from likestorm.panels.model import Dashboard, Panel, Row, Threshold, p99, share

from alerts.slo import OBJECTIVES
from dashboards.panels import slo


def latency_thresholds() -> tuple[Threshold, ...]:
    """The p99 objectives of routes, by their limit."""
    by_limit: dict[float, list[str]] = {}
    for objective in OBJECTIVES.routes.values():
        if objective.percentile == 99:
            by_limit.setdefault(objective.seconds, []).append(objective.name)
    return tuple(Threshold(limit, ", ".join(names)) for limit, names in sorted(by_limit.items()))


def error_thresholds() -> tuple[Threshold, ...]:
    """The strictest objective for errors."""
    return (Threshold(min(o.error_ratio for o in OBJECTIVES.routes.values()), "strictest objective"),)


PHOTOS = Panel(
    "photos-per-second", "Photos per second",
    "How many photos are published? Counted when the upload is confirmed.",
    'sum(rate(likestorm_photos_total{job="app"}[$window]))', "photos", "suffix:photos/s",
    alert="PhotoRateOutOfRange", kind="tiles", width=6, height=6, more="media",
)  # fmt: skip
LIKES = Panel(
    "likes-per-second", "Likes per second",
    "How many likes are stored? A repeated like does not count.",
    'sum(rate(likestorm_likes_total{job="app"}[$window]))', "likes", "suffix:likes/s",
    kind="tiles", width=6, height=6, more="http",
)  # fmt: skip
SIGNUPS = Panel(
    "signups-per-minute", "Signups per minute",
    "How many people join?",
    '60 * sum(rate(likestorm_signups_total{job="app"}[$window]))', "signups", "suffix:signups/min",
    alert="SignupRateOutOfRange", kind="tiles", width=6, height=6, more="http",
)  # fmt: skip
FIRING = Panel(
    "alerts-firing", "Alerts firing",
    "Is anybody to be woken? The annotations of every graph say which alerts fire, and since when.",
    'sum(ALERTS{alertstate="firing"}) or vector(0)', "alerts", "short",
    thresholds=(Threshold(1, "look at it"),), kind="tiles", width=6, height=6, more="slo",
)  # fmt: skip
LATENCY = Panel(
    "latency-p99", "p99 by route",
    "How slow is the slowest hundredth of each route, measured inside the application? The lines are the p99 "
    "objectives; queueing in front of the application is not in here.",
    p99("likestorm_http_request_duration_seconds", 'job="app",route!~"/healthz|/readyz"', "method, route"),
    "{{method}} {{route}}", "s", thresholds=latency_thresholds(), more="http",
)  # fmt: skip
ERRORS = Panel(
    "error-ratio", "Error ratio by route",
    "Which share of each route's requests is answered with a 5xx status?",
    share(
        'likestorm_http_requests_total{job="app",status=~"5..",route!~"/healthz|/readyz"}',
        'likestorm_http_requests_total{job="app",route!~"/healthz|/readyz"}', "method, route",
    ),
    "{{method}} {{route}}", "percentunit", thresholds=error_thresholds(), more="http",
)  # fmt: skip
QUEUE_DEPTH = Panel(
    "queue-depth", "Queue depth",
    "How many jobs wait for a worker? A line that keeps rising means that the workers are too few.",
    'sum by (queue) (rq_jobs{job="rq",status="queued"})', "{{queue}}", "short", adds_up=True, more="work",
)  # fmt: skip

DASHBOARD = Dashboard(
    "overview", "Overview", "What users do, whether they are served as promised, and what is left to do.",
    (
        Row("Right now", (PHOTOS, LIKES, SIGNUPS, FIRING)),
        Row("Is the promise kept?", (slo.LATENCY_STATE, slo.ERROR_STATE, slo.CHAIN_STATE)),
        Row("Where to look first", (LATENCY, ERRORS, QUEUE_DEPTH)),
    ),
)  # fmt: skip
