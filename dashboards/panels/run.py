"""Run: what the load generator's clients see beside what the servers see, on one graph each."""

from likestorm.panels.model import Dashboard, Panel, Row, named, p99, quantile

from dashboards.panels import machine

GENERATOR = 'job="generator",run=~"$run"'
NO_RUN = "No load test was on in this time."


def _arrivals(outcome: str, arrival: str = "") -> str:
    only = f',arrival="{arrival}"' if arrival else ""
    return f'sum(rate(likestorm_load_arrivals_total{{{GENERATOR},outcome="{outcome}"{only}}}[$window]))'


def _offered(arrival: str) -> str:
    return f'sum(rate(likestorm_load_offered_total{{{GENERATOR},arrival="{arrival}"}}[$window]))'


OFFERED = Panel(
    "load-offered", "Offered and completed",
    "Does what was started also end? Where completed stays below offered, arrivals pile up, fail or are dropped.",
    named(
        "kind",
        offered=f"sum(rate(likestorm_load_offered_total{{{GENERATOR}}}[$window]))", completed=_arrivals("completed"),
    ),
    "{{kind}}", "suffix:arrivals/s", empty=NO_RUN,
)  # fmt: skip
LOST = Panel(
    "load-outcomes", "Arrivals that did not complete",
    "What became of the others? Dropped: no free user in time. Unfinished: still under way when the run ended.",
    f'sum by (outcome) (rate(likestorm_load_arrivals_total{{{GENERATOR},outcome!="completed"}}[$window]))',
    "{{outcome}}", "suffix:arrivals/s", adds_up=True, empty=NO_RUN,
)  # fmt: skip
IN_FLIGHT = Panel(
    "load-in-flight", "Arrivals under way",
    "How many arrivals wait or are being answered?",
    f"sum by (arrival) (likestorm_load_in_flight{{{GENERATOR}}})", "{{arrival}}", "short", adds_up=True, empty=NO_RUN,
)  # fmt: skip
LIKES = Panel(
    "run-likes", "Likes: clients beside servers",
    "Is every like that a client saw through also stored? A like that was stored before does not count as stored anew.",
    named(
        "side",
        offered_by_clients=_offered("like"), completed_for_clients=_arrivals("completed", "like"),
        stored_by_servers='sum(rate(likestorm_likes_total{job="app"}[$window]))',
    ),
    "{{side}}", "suffix:likes/s", empty=NO_RUN,
)  # fmt: skip
UPLOADS = Panel(
    "run-uploads", "Photos: clients beside servers",
    "Is every photo that a client uploaded also published?",
    named(
        "side",
        offered_by_clients=_offered("upload"), completed_for_clients=_arrivals("completed", "upload"),
        stored_by_servers='sum(rate(likestorm_photos_total{job="app"}[$window]))',
    ),
    "{{side}}", "suffix:photos/s", empty=NO_RUN,
)  # fmt: skip
LATENCY = Panel(
    "run-latency", "Response time: clients beside servers, p99",
    "Where is the time spent? Clients count from when an arrival was due, nginx from its first byte, the application "
    "from when a thread took it. The gaps are queueing: in generator, network and balancer, and in gunicorn.",
    named(
        "side",
        clients=p99("likestorm_load_response_seconds", GENERATOR, ""),
        nginx=p99("nginx_http_upstream_time_seconds_hist", 'job="nginx"', ""),
        application=p99(
            "likestorm_http_request_duration_seconds", 'job="app",route!~"/healthz|/readyz"', ""
        ),
    ),
    "{{side}}", "s", empty=NO_RUN,
)  # fmt: skip
BY_ARRIVAL = Panel(
    "load-p99", "Response time by arrival, p99",
    "How long does an arrival take with all its steps, from when it was due?",
    p99("likestorm_load_response_seconds", GENERATOR, "arrival"), "{{arrival}}", "s", empty=NO_RUN,
)  # fmt: skip
MEDIAN = Panel(
    "load-p50", "Response time by arrival, median",
    "How long does a usual arrival take?",
    quantile(0.5, "likestorm_load_response_seconds", GENERATOR, "arrival"), "{{arrival}}", "s", empty=NO_RUN,
)  # fmt: skip
LAG = Panel(
    "load-lag", "Lag of the generator, p99",
    "How late does the generator itself start arrivals? A run in which this is large measures the generator.",
    p99("likestorm_load_dispatch_lag_seconds", GENERATOR, ""), "dispatch lag", "s", empty=NO_RUN,
)  # fmt: skip

DASHBOARD = Dashboard(
    "run", "Run", "What the load generator's clients see beside what the servers see.",
    (
        Row("Client beside server", (LIKES, UPLOADS, LATENCY)),
        Row("The load", (OFFERED, LOST, IN_FLIGHT, BY_ARRIVAL, MEDIAN, LAG)),
        Row("The machine", (machine.CPU, machine.MEMORY, machine.PRESSURE, machine.CORES, machine.AVAILABLE)),
    ),
    by_run=True,
)  # fmt: skip
