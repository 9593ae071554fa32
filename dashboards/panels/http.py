"""HTTP: rate, errors and duration by route, from the balancer down to the instances."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, named, p99, quantile, rate, share

from dashboards.panels.overview import ERRORS, LATENCY, error_thresholds

APP = 'job="app",instance=~"$instance",route!~"/healthz|/readyz"'
REQUESTS, DURATION = "likestorm_http_requests_total", "likestorm_http_request_duration_seconds"
NGINX = 'job="nginx"'

RATE = Panel(
    "request-rate", "Requests per second by route",
    "Which routes are requested, and how often?",
    rate(REQUESTS, APP, "method, route"), "{{method}} {{route}}", "reqps", adds_up=True,
)
STATUSES = Panel(
    "request-status", "Responses by status",
    "Which statuses do responses have? A 4xx is a client's fault, a 5xx the service's.",
    rate(REQUESTS, APP, "status"), "{{status}}", "reqps", adds_up=True,
)
MEDIAN = Panel(
    "latency-p50", "Median by route",
    "How fast is a typical response of each route?",
    quantile(0.5, DURATION, APP, "method, route"), "{{method}} {{route}}", "s",
)
BY_INSTANCE = Panel(
    "latency-by-instance", "p99 by instance",
    "Is one app server slower than the others?",
    p99(DURATION, APP, "instance"), "{{instance}}", "s",
)
IN_FLIGHT = Panel(
    "requests-in-flight", "Requests in flight",
    "How many requests does each app server process? Its number of threads is the limit; further requests queue.",
    'sum by (instance) (likestorm_http_requests_in_flight{job="app",instance=~"$instance"})', "{{instance}}", "short",
)
FRONT = Panel(
    "front-responses", "Responses of the balancer",
    "What do clients receive from the service, from nginx and from the balancer itself?",
    rate("haproxy_frontend_http_responses_total", 'job="haproxy",proxy="front"', "code"), "{{code}}", "reqps",
    adds_up=True,
)
SERVERS_UP = Panel(
    "front-servers", "nginx in service",
    "To how many nginx instances does the balancer send requests?",
    'haproxy_backend_active_servers{job="haproxy",proxy="nginx"}', "in service", "short",
)
UPSTREAM_RATE = Panel(
    "upstream-rate", "Requests by app server, as nginx sees them",
    "Is the load spread evenly? A server out of service receives no requests.",
    rate("nginx_http_response_count_total", NGINX, "upstream"), "{{upstream}}", "reqps", adds_up=True,
)
UPSTREAM_ERRORS = Panel(
    "upstream-errors", "Errors by app server, as nginx sees them",
    "Which share of the requests to each app server ended with a 5xx status?",
    share("nginx_http_response_count_total", NGINX, 'status=~"5.."', "upstream"), "{{upstream}}", "percentunit",
    thresholds=error_thresholds(),
)
UPSTREAM_P99 = Panel(
    "upstream-p99", "p99 by app server, as nginx sees them",
    "How long does nginx wait for each app server? The difference from the application's own p99 is the wait for a "
    "thread.",
    p99("nginx_http_upstream_time_seconds_hist", NGINX, "upstream"), "{{upstream}}", "s",
)
CONNECTIONS = Panel(
    "nginx-connections", "nginx connections",
    "How many connections are open, and how many of them are idle?",
    named(
        "kind", active=f"sum(nginx_connections_active{{{NGINX}}})", idle=f"sum(nginx_connections_waiting{{{NGINX}}})",
    ),
    "{{kind}}", "short",
)
PROBES = Panel(
    "probe-time", "Probes from outside",
    "How long does a request of the blackbox exporter to each public address take?",
    'max by (instance) (probe_duration_seconds{job="blackbox"})', "{{instance}}", "s",
)

DASHBOARD = Dashboard(
    "http", "HTTP", "Rate, errors and duration by route, and the view of balancer and nginx.",
    (
        Row("By route", (RATE, ERRORS, LATENCY, STATUSES, MEDIAN, BY_INSTANCE)),
        Row("Balancer and nginx", (FRONT, SERVERS_UP, PROBES, UPSTREAM_RATE, UPSTREAM_ERRORS, UPSTREAM_P99)),
        Row("Spare capacity", (IN_FLIGHT, CONNECTIONS)),
    ),
    jobs="app",
)
