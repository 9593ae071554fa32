"""HTTP: rate, errors and duration by route, from the balancer down to the instances."""

from likestorm.panels.model import Dashboard, Panel, Row, named, p99, quantile, share

from dashboards.panels.overview import ERRORS, LATENCY, error_thresholds

APP = 'job="app",instance=~"$instance",route!~"/healthz|/readyz"'

RATE = Panel(
    "request-rate", "Requests per second by route",
    "What is asked, and how often?",
    f"sum by (method, route) (rate(likestorm_http_requests_total{{{APP}}}[$window]))",
    "{{method}} {{route}}", "reqps", adds_up=True,
)  # fmt: skip
STATUSES = Panel(
    "request-status", "Answers by status",
    "How are requests answered? 4xx is the client's doing, 5xx ours.",
    f"sum by (status) (rate(likestorm_http_requests_total{{{APP}}}[$window]))", "{{status}}", "reqps", adds_up=True,
)  # fmt: skip
MEDIAN = Panel(
    "latency-p50", "Median by route",
    "How fast is a usual answer of each route?",
    quantile(0.5, "likestorm_http_request_duration_seconds", APP, "method, route"), "{{method}} {{route}}", "s",
)  # fmt: skip
BY_INSTANCE = Panel(
    "latency-by-instance", "p99 by instance",
    "Is one app server slower than the others?",
    p99("likestorm_http_request_duration_seconds", APP, "instance"), "{{instance}}", "s",
)  # fmt: skip
IN_FLIGHT = Panel(
    "requests-in-flight", "Requests in flight",
    "How many requests does each app server work on? Its threads are the ceiling; beyond them requests queue.",
    'sum by (instance) (likestorm_http_requests_in_flight{job="app",instance=~"$instance"})', "{{instance}}", "short",
)  # fmt: skip
FRONT = Panel(
    "front-responses", "Answers of the balancer",
    "What do clients get, whoever made it: the service, nginx or the balancer itself?",
    'sum by (code) (rate(haproxy_frontend_http_responses_total{job="haproxy",proxy="front"}[$window]))',
    "{{code}}", "reqps", adds_up=True,
)  # fmt: skip
SERVERS_UP = Panel(
    "front-servers", "nginx in service",
    "How many nginx does the balancer send requests to?",
    'haproxy_backend_active_servers{job="haproxy",proxy="nginx"}', "in service", "short",
)  # fmt: skip
UPSTREAM_RATE = Panel(
    "upstream-rate", "Requests by app server, as nginx sees them",
    "Is the load spread evenly? A server that is out of service gets nothing.",
    'sum by (upstream) (rate(nginx_http_response_count_total{job="nginx"}[$window]))', "{{upstream}}", "reqps",
    adds_up=True,
)  # fmt: skip
UPSTREAM_ERRORS = Panel(
    "upstream-errors", "Errors by app server, as nginx sees them",
    "Which share of the requests handed to each app server ended with a 5xx status?",
    share(
        'nginx_http_response_count_total{job="nginx",status=~"5.."}', 'nginx_http_response_count_total{job="nginx"}',
        "upstream",
    ),
    "{{upstream}}", "percentunit", thresholds=error_thresholds(),
)  # fmt: skip
UPSTREAM_P99 = Panel(
    "upstream-p99", "p99 by app server, as nginx sees them",
    "How long does nginx wait for each app server? Beside the application's own p99, the gap is queueing for a thread.",
    p99("nginx_http_upstream_time_seconds_hist", 'job="nginx"', "upstream"), "{{upstream}}", "s",
)  # fmt: skip
CONNECTIONS = Panel(
    "nginx-connections", "nginx connections",
    "How many connections are open, and how many of them are only waiting?",
    named(
        "kind",
        active='sum(nginx_connections_active{job="nginx"})', waiting='sum(nginx_connections_waiting{job="nginx"})',
    ),
    "{{kind}}", "short",
)  # fmt: skip
PROBES = Panel(
    "probe-time", "Seen from outside",
    "How long does a request of the blackbox exporter take to the public addresses?",
    'max by (instance) (probe_duration_seconds{job="blackbox"})', "{{instance}}", "s",
)  # fmt: skip

DASHBOARD = Dashboard(
    "http", "HTTP", "Rate, errors and duration by route, and what balancer and nginx see of it.",
    (
        Row("By route", (RATE, ERRORS, LATENCY, STATUSES, MEDIAN, BY_INSTANCE)),
        Row("Balancer and nginx", (FRONT, SERVERS_UP, PROBES, UPSTREAM_RATE, UPSTREAM_ERRORS, UPSTREAM_P99)),
        Row("Room left", (IN_FLIGHT, CONNECTIONS)),
    ),
    jobs="app",
)  # fmt: skip
