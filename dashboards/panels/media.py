"""Media: uploads straight to the object store, and photos looked at through the CDN."""

from likestorm.panels.model import Dashboard, Panel, Row, named, p99, share

from dashboards.panels.overview import PHOTOS

UPLOADS = Panel(
    "uploads", "Uploads asked for and confirmed",
    "Do clients that get a place to upload to come back and confirm? The gap is uploads given up.",
    named(
        "step",
        asked_for='sum(rate(likestorm_http_requests_total{job="app",method="POST",route="/uploads",status=~"2.."}'
        "[$window]))",
        confirmed='sum(rate(likestorm_photos_total{job="app"}[$window]))',
    ),
    "{{step}}", "suffix:photos/s",
)  # fmt: skip
STORE_P99 = Panel(
    "objects-p99", "Object store, p99 by operation",
    "How long do app servers and workers wait for the object store? Clients upload to it themselves.",
    p99("likestorm_store_operation_duration_seconds", 'job=~"app|worker",store="objects"', "operation"),
    "{{operation}}", "s",
)  # fmt: skip
STORE_ERRORS = Panel(
    "objects-errors", "Object store, failed operations",
    "Does the object store refuse, or not answer in time?",
    'sum by (operation) (rate(likestorm_store_errors_total{job=~"app|worker",store="objects"}[$window]))',
    "{{operation}}", "ops",
)  # fmt: skip
PROBE = Panel(
    "store-probe", "Object store, one refused request",
    "How long does the store take to say no? It has no metrics of its own; this is asked at every scrape.",
    'max(store_probe_duration_seconds{job="store"})', "probe", "s",
)  # fmt: skip
CDN_REQUESTS = Panel(
    "cdn-requests", "CDN requests by cache",
    "What does the edge answer from its cache, and what must it fetch from the store?",
    'sum by (cache) (rate(cdn_requests_total{job="cdn"}[$window]))', "{{cache}}", "reqps", adds_up=True,
)  # fmt: skip
CDN_HITS = Panel(
    "cdn-hit-ratio", "CDN hit ratio",
    "Which share of the photos that were looked at needed nothing from the store?",
    share(
        'cdn_requests_total{job="cdn",cache=~"hit|revalidated|stale|updating"}',
        'cdn_requests_total{job="cdn",cache!="none"}', "job",
    ),
    "hits", "percentunit", empty="Nobody looked at a photo in this time.",
)  # fmt: skip
CDN_BYTES = Panel(
    "cdn-bytes", "Bytes sent by the CDN, and fetched for it",
    "How much traffic does the edge keep away from the store?",
    named(
        "kind",
        sent='sum(rate(cdn_sent_bytes_total{job="cdn"}[$window]))',
        fetched='sum(rate(cdn_origin_received_bytes_total{job="cdn"}[$window]))',
    ),
    "{{kind}}", "Bps",
)  # fmt: skip
CDN_ERRORS = Panel(
    "cdn-errors", "CDN, errors by status",
    "What does the edge refuse? 404 is a photo that does not exist, 502 a store that does not answer.",
    'sum by (status) (rate(cdn_requests_total{job="cdn",status=~"[45].."}[$window]))', "{{status}}", "reqps",
)  # fmt: skip
CDN_SECONDS = Panel(
    "cdn-time", "CDN, mean time by cache",
    "How long does the edge take, with and without the store?",
    'sum by (cache) (rate(cdn_request_seconds_total{job="cdn"}[$window])) / '
    '(sum by (cache) (rate(cdn_requests_total{job="cdn"}[$window])) > 0)',
    "{{cache}}", "s",
)  # fmt: skip
REACHABLE = Panel(
    "cdn-reachable", "Reachable from outside",
    "Does the CDN answer at its public address?",
    'min by (instance) (probe_success{job="blackbox",instance="cdn"})', "{{instance}}", "percentunit",
)  # fmt: skip

DASHBOARD = Dashboard(
    "media", "Media", "Uploads straight to the object store, and photos looked at through the CDN.",
    (
        Row("Uploads", (PHOTOS, UPLOADS)),
        Row("Object store", (STORE_P99, STORE_ERRORS, PROBE)),
        Row("CDN", (CDN_REQUESTS, CDN_HITS, CDN_BYTES, CDN_SECONDS, CDN_ERRORS, REACHABLE)),
    ),
)  # fmt: skip
