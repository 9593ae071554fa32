"""Run: the measurements of the load generator's clients beside those of the servers."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, named, p99, quantile, rate

from dashboards.panels import machine
from dashboards.panels.overview import APP

GENERATOR = 'job="generator",run=~"$run"'
OFFERED_TOTAL, ARRIVALS_TOTAL = "likestorm_load_offered_total", "likestorm_load_arrivals_total"
RESPONSE = "likestorm_load_response_seconds"
NO_RUN = "There was no load test in this period."


def _sides(arrival: str, stored: str) -> str:
    """One kind of arrival: offered and completed by the clients, stored by the servers."""
    only = f'arrival="{arrival}"'
    return named(
        "side",
        offered_by_clients=rate(OFFERED_TOTAL, f"{GENERATOR},{only}"),
        completed_for_clients=rate(ARRIVALS_TOTAL, f'{GENERATOR},outcome="completed",{only}'),
        stored_by_servers=rate(stored, 'job="app"'),
    )


OFFERED = Panel(
    "load-offered", "Offered and completed",
    "Do all arrivals complete? Where completed is below offered, arrivals queue, fail or are dropped.",
    named(
        "kind",
        offered=rate(OFFERED_TOTAL, GENERATOR), completed=rate(ARRIVALS_TOTAL, f'{GENERATOR},outcome="completed"'),
    ),
    "{{kind}}", "suffix:arrivals/s", empty=NO_RUN,
)
LOST = Panel(
    "load-outcomes", "Arrivals that did not complete",
    "Why did they not complete? Dropped: no free virtual user in time. Unfinished: in progress when the run ended.",
    rate(ARRIVALS_TOTAL, f'{GENERATOR},outcome!="completed"', "outcome"), "{{outcome}}", "suffix:arrivals/s",
    adds_up=True, empty=NO_RUN,
)
IN_FLIGHT = Panel(
    "load-in-flight", "Arrivals in progress",
    "How many arrivals are queued or in progress?",
    f"sum by (arrival) (likestorm_load_in_flight{{{GENERATOR}}})", "{{arrival}}", "short", adds_up=True, empty=NO_RUN,
)
LIKES = Panel(
    "run-likes", "Likes: clients beside servers",
    "Is every like that completed for a client stored? A repeated like is not stored again.",
    _sides("like", "likestorm_likes_total"), "{{side}}", "suffix:likes/s", empty=NO_RUN,
)
UPLOADS = Panel(
    "run-uploads", "Photos: clients beside servers",
    "Is every uploaded photo published?",
    _sides("upload", "likestorm_photos_total"), "{{side}}", "suffix:photos/s", empty=NO_RUN,
)
LATENCY = Panel(
    "run-latency", "Response time: clients beside servers, p99",
    "Where is the time spent? Clients measure from the time at which an arrival was due, nginx from its first byte, "
    "the application from the start of its thread. The differences are queues: in the generator, the network and the "
    "balancer, and in gunicorn.",
    named(
        "side",
        clients=p99(RESPONSE, GENERATOR, ""),
        nginx=p99("nginx_http_upstream_time_seconds_hist", 'job="nginx"', ""),
        application=p99("likestorm_http_request_duration_seconds", APP, ""),
    ),
    "{{side}}", "s", empty=NO_RUN,
)
BY_ARRIVAL = Panel(
    "load-p99", "Response time by arrival, p99",
    "How long does the slowest hundredth of the arrivals take, all steps together?",
    p99(RESPONSE, GENERATOR, "arrival"), "{{arrival}}", "s", empty=NO_RUN,
)
MEDIAN = Panel(
    "load-p50", "Response time by arrival, median",
    "How long does a typical arrival take?",
    quantile(0.5, RESPONSE, GENERATOR, "arrival"), "{{arrival}}", "s", empty=NO_RUN,
)
LAG = Panel(
    "load-lag", "Dispatch lag, p99",
    "How late does the generator itself start arrivals? A large lag means that the run measures the generator.",
    p99("likestorm_load_dispatch_lag_seconds", GENERATOR, ""), "dispatch lag", "s", empty=NO_RUN,
)

DASHBOARD = Dashboard(
    "run", "Run", "The measurements of the load generator's clients beside those of the servers.",
    (
        Row("Client beside server", (LIKES, UPLOADS, LATENCY)),
        Row("Load", (OFFERED, LOST, IN_FLIGHT, BY_ARRIVAL, MEDIAN, LAG)),
        Row("Machine", (machine.CPU, machine.MEMORY, machine.PRESSURE, machine.CORES, machine.AVAILABLE)),
    ),
    by_run=True,
)
