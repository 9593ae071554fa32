"""Work: what the queues hold, what the workers do with it, and what comes of the pushes."""

from likestorm.panels.model import Dashboard, Panel, Row, Threshold, named, p99

from dashboards.panels.overview import QUEUE_DEPTH
from service import objectives


def _chain_thresholds() -> tuple[Threshold, ...]:
    """The seconds of each chain's objective."""
    chains = objectives.load_chains().values()
    return tuple(
        Threshold(seconds, ", ".join(c.name for c in chains if c.seconds == seconds))
        for seconds in sorted({c.seconds for c in chains})
    )


OLDEST = Panel(
    "queue-oldest", "Age of the oldest job",
    "How long has the job waited that waits longest? It rises a second a second where nobody works.",
    'max by (queue) (rq_queue_oldest_job_age_seconds{job="rq"})', "{{queue}}", "s",
)  # fmt: skip
DEAD = Panel(
    "dead-letters", "Dead letters",
    "How many jobs failed for good, and wait for a person? `python -m service dead-letters` lists them.",
    'sum by (queue) (rq_jobs{job="rq",status="failed"})', "{{queue}}", "short", adds_up=True,
)  # fmt: skip
RETRIES = Panel(
    "queue-scheduled", "Jobs that wait for another try",
    "How many jobs failed and will be tried again?",
    'sum by (queue) (rq_jobs{job="rq",status="scheduled"})', "{{queue}}", "short", adds_up=True,
)  # fmt: skip
WAIT = Panel(
    "job-wait-p99", "Job delay, p99",
    "How long do jobs wait in their queue before a worker takes them?",
    p99("likestorm_job_wait_seconds", 'job="worker"', "queue"), "{{queue}}", "s",
)  # fmt: skip
RUN_TIME = Panel(
    "job-run-p99", "Job run time, p99",
    "How long does a worker take for a job?",
    p99("likestorm_job_duration_seconds", 'job="worker"', "queue"), "{{queue}}", "s",
)  # fmt: skip
DONE = Panel(
    "jobs-done", "Jobs by outcome",
    "How many jobs does each queue's worker finish, and how many fail?",
    'sum by (queue, outcome) (rate(likestorm_jobs_total{job="worker"}[$window]))', "{{queue}} {{outcome}}",
    "suffix:jobs/s", adds_up=True,
)  # fmt: skip
WORKERS = Panel(
    "workers", "Workers",
    "How many workers does each queue have, busy or not?",
    'sum by (queue) (rq_workers{job="rq"})', "{{queue}}", "short",
)  # fmt: skip
CHAINS = Panel(
    "chain-p99", "Asynchronous chains, p99",
    "How long after the acknowledged request does its effect come: the push, the thumbnail, the followers' feeds?",
    p99("likestorm_chain_duration_seconds", 'job="worker"', "chain"), "{{chain}}", "s", thresholds=_chain_thresholds(),
)  # fmt: skip
PUSHES = Panel(
    "pushes-per-second", "Pushes per second",
    "How many pushes does the push server take? A storm of likes on one photo becomes one push.",
    'sum(rate(fake_received_total{job="fakes",fake="push"}[$window]))', "pushes", "suffix:pushes/s",
)  # fmt: skip
PUSH_OUTCOMES = Panel(
    "push-outcomes", "Pushes by outcome",
    "What does the push server answer? A device that is gone is forgotten; refused pushes are our fault.",
    'sum by (outcome) (rate(likestorm_pushes_total{job="worker"}[$window]))', "{{outcome}}", "suffix:pushes/s",
    adds_up=True,
)  # fmt: skip
OUTSIDE = Panel(
    "outside-world", "Taken by the outside world",
    "What do the push server and the two social networks take, and what of it twice? Sends happen at least once.",
    named(
        "kind",
        taken='sum(rate(fake_received_total{job="fakes"}[$window]))',
        twice='sum(rate(fake_duplicates_total{job="fakes"}[$window]))',
    ),
    "{{kind}}", "suffix:/s",
)  # fmt: skip

DASHBOARD = Dashboard(
    "work", "Work", "What the queues hold, what the workers do with it, and what comes of the pushes.",
    (
        Row("Queues", (QUEUE_DEPTH, OLDEST, WAIT)),
        Row("Workers", (RUN_TIME, DONE, WORKERS)),
        Row("What went wrong", (RETRIES, DEAD)),
        Row("Effects", (CHAINS, PUSHES, PUSH_OUTCOMES, OUTSIDE)),
    ),
)  # fmt: skip
