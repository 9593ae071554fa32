"""Work: the queues, the workers, and the effects of their jobs."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, Threshold, named, p99, rate

from alerts.slo import OBJECTIVES
from dashboards.panels.overview import QUEUE_DEPTH

WORKER, FAKES = 'job="worker"', 'job="fakes"'


def _chain_thresholds() -> tuple[Threshold, ...]:
    """The limit of each chain's objective."""
    chains = OBJECTIVES.chains.values()
    return tuple(
        Threshold(seconds, ", ".join(c.name for c in chains if c.seconds == seconds))
        for seconds in sorted({c.seconds for c in chains})
    )


OLDEST = Panel(
    "queue-oldest", "Age of the oldest job",
    "For how long has the oldest queued job waited? Without a worker, it rises by one second per second.",
    'max by (queue) (rq_queue_oldest_job_age_seconds{job="rq"})', "{{queue}}", "s",
)
DEAD = Panel(
    "dead-letters", "Dead letters",
    "How many jobs failed for good, and need a person? `python -m service dead-letters` lists them.",
    'sum by (queue) (rq_jobs{job="rq",status="failed"})', "{{queue}}", "short", adds_up=True,
)
RETRIES = Panel(
    "queue-scheduled", "Jobs that wait for a retry",
    "How many failed jobs will be tried again?",
    'sum by (queue) (rq_jobs{job="rq",status="scheduled"})', "{{queue}}", "short", adds_up=True,
)
WAIT = Panel(
    "job-wait-p99", "Job wait time, p99",
    "How long do jobs wait in their queue for a worker?",
    p99("likestorm_job_wait_seconds", WORKER, "queue"), "{{queue}}", "s",
)
RUN_TIME = Panel(
    "job-run-p99", "Job run time, p99",
    "How long does a worker need for a job?",
    p99("likestorm_job_duration_seconds", WORKER, "queue"), "{{queue}}", "s",
)
DONE = Panel(
    "jobs-done", "Jobs by outcome",
    "How many jobs of each queue succeed, and how many fail?",
    rate("likestorm_jobs_total", WORKER, "queue, outcome"), "{{queue}} {{outcome}}", "suffix:jobs/s", adds_up=True,
)
WORKERS = Panel(
    "workers", "Workers",
    "How many workers does each queue have, busy or idle?",
    'sum by (queue) (rq_workers{job="rq"})', "{{queue}}", "short",
)
CHAINS = Panel(
    "chain-p99", "Asynchronous chains, p99",
    "How long after the acknowledged request is its effect there: the push, the thumbnail, the followers' feeds?",
    p99("likestorm_chain_duration_seconds", WORKER, "chain"), "{{chain}}", "s", thresholds=_chain_thresholds(),
)
PUSHES = Panel(
    "pushes-per-second", "Pushes per second",
    "How many pushes does the push server accept? Many likes of one photo become one push.",
    rate("fake_received_total", f'{FAKES},fake="push"'), "pushes", "suffix:pushes/s",
)
PUSH_OUTCOMES = Panel(
    "push-outcomes", "Pushes by outcome",
    "What does the push server respond? `gone` devices are forgotten; a `refused` push is a fault of the service.",
    rate("likestorm_pushes_total", WORKER, "outcome"), "{{outcome}}", "suffix:pushes/s", adds_up=True,
)
OUTSIDE = Panel(
    "outside-world", "Received by the outside world",
    "What do the push server and the two social networks receive, and what twice? Sends happen at least once.",
    named("kind", received=rate("fake_received_total", FAKES), twice=rate("fake_duplicates_total", FAKES)),
    "{{kind}}", "suffix:/s",
)

DASHBOARD = Dashboard(
    "work", "Work", "The queues, the workers, and the effects of their jobs.",
    (
        Row("Queues", (QUEUE_DEPTH, OLDEST, WAIT)),
        Row("Workers", (RUN_TIME, DONE, WORKERS)),
        Row("Failures", (RETRIES, DEAD)),
        Row("Effects", (CHAINS, PUSHES, PUSH_OUTCOMES, OUTSIDE)),
    ),
)
