"""Every metric of the service: its name, kind, help, labels and buckets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OBJECTIVES = Path(__file__).with_name("objectives.toml")
"""File of the objectives that the instrument judges and the alerts watch."""

Kind = Literal["counter", "gauge", "histogram"]

REQUEST_BUCKETS = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075,
    0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
STORE_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
JOB_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
# With a bound at each chain's objective.
CHAIN_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 600.0)


@dataclass(frozen=True)
class Metric:
    """One metric; `labels` in the order in which they are given when it is observed, `buckets` in seconds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


HTTP_REQUESTS = Metric(
    "likestorm_http_requests_total", "counter", "Requests answered, by route and status.",
    ("method", "route", "status"),
)  # fmt: skip
HTTP_DURATION = Metric(
    "likestorm_http_request_duration_seconds", "histogram",
    "Time from the first byte read by the application to the last byte handed back.",
    ("method", "route"), REQUEST_BUCKETS,
)  # fmt: skip
HTTP_IN_FLIGHT = Metric("likestorm_http_requests_in_flight", "gauge", "Requests being worked on.")

SIGNUPS = Metric("likestorm_signups_total", "counter", "Users who signed up.")
PHOTOS = Metric("likestorm_photos_total", "counter", "Photos confirmed and published.")
LIKES = Metric("likestorm_likes_total", "counter", "Likes stored; a repeated like does not count.")
UNLIKES = Metric("likestorm_unlikes_total", "counter", "Likes taken back.")
COMMENTS = Metric("likestorm_comments_total", "counter", "Comments stored.")
FOLLOWS = Metric("likestorm_follows_total", "counter", "Follows stored; a repeated follow does not count.")
REFUSED_ATTEMPTS = Metric(
    "likestorm_refused_attempts_total", "counter", "Log-ins and sign-ups refused because there were too many.",
    ("action",),
)  # fmt: skip

STORE_DURATION = Metric(
    "likestorm_store_operation_duration_seconds", "histogram",
    "Time of one operation on a backing store, seen by the application.",
    ("store", "operation"), STORE_BUCKETS,
)  # fmt: skip
STORE_ERRORS = Metric(
    "likestorm_store_errors_total", "counter", "Operations on a backing store that failed.",
    ("store", "operation"),
)  # fmt: skip
DB_POOL_WAIT = Metric(
    "likestorm_db_pool_wait_seconds", "histogram",
    "Time that a request waited for a connection of the application's pool.", (), STORE_BUCKETS,
)  # fmt: skip
CACHE_REQUESTS = Metric(
    "likestorm_cache_requests_total", "counter", "Look-ups in memcached, by what they found (hit, miss, error).",
    ("cache", "result"),
)  # fmt: skip

# One a kind of work.
QUEUES = (PUSH, FANOUT, THUMBNAILS, SHARE) = ("push", "fanout", "thumbnails", "share")
JOBS_ENQUEUED = Metric("likestorm_jobs_enqueued_total", "counter", "Jobs handed to a queue.", ("queue",))
JOB_ENQUEUE = Metric(
    "likestorm_job_enqueue_seconds", "histogram", "Time that handing out a job took, as the request waited for it.",
    ("queue",), STORE_BUCKETS,
)  # fmt: skip
JOBS = Metric("likestorm_jobs_total", "counter", "Jobs run, by outcome (done, failed).", ("queue", "outcome"))
JOB_WAIT = Metric(
    "likestorm_job_wait_seconds", "histogram", "Time that a job spent in its queue.", ("queue",), JOB_BUCKETS
)
JOB_DURATION = Metric("likestorm_job_duration_seconds", "histogram", "Time that a job ran.", ("queue",), JOB_BUCKETS)

# Each goes from the acknowledged request to its effect; each has an objective in objectives.toml.
CHAINS = (LIKE_TO_PUSH, UPLOAD_TO_THUMBNAIL, UPLOAD_TO_FEEDS, UPLOAD_TO_SHARED) = (
    "like-to-push", "upload-to-thumbnail", "upload-to-feeds", "upload-to-shared",
)  # fmt: skip
CHAIN_DURATION = Metric(
    "likestorm_chain_duration_seconds", "histogram", "Time from the acknowledged request to its effect, by chain.",
    ("chain",), CHAIN_BUCKETS,
)  # fmt: skip

PUSH_OUTCOMES = ("delivered", "gone", "refused")
PUSHES = Metric(
    "likestorm_pushes_total", "counter", "Pushes answered, by what came of them (gone: the device is no more).",
    ("outcome",),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    HTTP_REQUESTS, HTTP_DURATION, HTTP_IN_FLIGHT,
    SIGNUPS, PHOTOS, LIKES, UNLIKES, COMMENTS, FOLLOWS, REFUSED_ATTEMPTS,
    STORE_DURATION, STORE_ERRORS, DB_POOL_WAIT, CACHE_REQUESTS,
    JOBS_ENQUEUED, JOB_ENQUEUE, JOBS, JOB_WAIT, JOB_DURATION, CHAIN_DURATION,
    PUSHES,
)  # fmt: skip
