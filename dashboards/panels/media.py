"""Media: uploads straight to the object store, and photo views through the CDN."""

# fmt: off
from likestorm.panels.model import Dashboard, Panel, Row, named, p99, rate, share

from dashboards.panels.overview import PHOTOS

OBJECTS = 'job=~"app|worker",store="objects"'
CDN = 'job="cdn"'

UPLOADS = Panel(
    "uploads", "Uploads: requested and confirmed",
    "Do clients confirm the uploads that they request? The difference is abandoned uploads.",
    named(
        "step",
        requested=rate("likestorm_http_requests_total", 'job="app",method="POST",route="/uploads",status=~"2.."'),
        confirmed=rate("likestorm_photos_total", 'job="app"'),
    ),
    "{{step}}", "suffix:photos/s",
)
STORE_P99 = Panel(
    "objects-p99", "Object store, p99 by operation",
    "How long do app servers and workers wait for the object store? Clients upload to it directly.",
    p99("likestorm_store_operation_duration_seconds", OBJECTS, "operation"), "{{operation}}", "s",
)
STORE_ERRORS = Panel(
    "objects-errors", "Object store, failed operations",
    "Does the object store refuse operations, or not respond in time?",
    rate("likestorm_store_errors_total", OBJECTS, "operation"), "{{operation}}", "ops",
)
PROBE = Panel(
    "store-probe", "Object store, probe",
    "How long does the store take to refuse a request without a signature? It has no metrics of its own.",
    'max(store_probe_duration_seconds{job="store"})', "probe", "s",
)
CDN_REQUESTS = Panel(
    "cdn-requests", "CDN requests by cache status",
    "Which requests does the edge serve from its cache, and which from the store?",
    rate("cdn_requests_total", CDN, "cache"), "{{cache}}", "reqps", adds_up=True,
)
CDN_HITS = Panel(
    "cdn-hit-ratio", "CDN hit ratio",
    "Which share of the photo views needed nothing from the store?",
    share("cdn_requests_total", f'{CDN},cache!="none"', 'cache=~"hit|revalidated|stale|updating"', "job"),
    "hits", "percentunit", empty="There was no photo view in this period.",
)
CDN_BYTES = Panel(
    "cdn-bytes", "Bytes sent by the CDN, and fetched from the store",
    "How much traffic does the edge keep away from the store?",
    named("kind", sent=rate("cdn_sent_bytes_total", CDN), fetched=rate("cdn_origin_received_bytes_total", CDN)),
    "{{kind}}", "Bps",
)
CDN_ERRORS = Panel(
    "cdn-errors", "CDN errors by status",
    "Which requests fail at the edge? 404: the photo does not exist. 502: the store does not respond.",
    rate("cdn_requests_total", f'{CDN},status=~"[45].."', "status"), "{{status}}", "reqps",
)
CDN_SECONDS = Panel(
    "cdn-time", "CDN, mean time by cache status",
    "How long does the edge take, with and without the store?",
    f"{rate('cdn_request_seconds_total', CDN, 'cache')} / ({rate('cdn_requests_total', CDN, 'cache')} > 0)",
    "{{cache}}", "s",
)

DASHBOARD = Dashboard(
    "media", "Media", "Uploads straight to the object store, and photo views through the CDN.",
    (
        Row("Uploads", (PHOTOS, UPLOADS)),
        Row("Object store", (STORE_P99, STORE_ERRORS, PROBE)),
        Row("CDN", (CDN_REQUESTS, CDN_HITS, CDN_BYTES, CDN_SECONDS, CDN_ERRORS)),
    ),
)
