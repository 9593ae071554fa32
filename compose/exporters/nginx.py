"""nginx's stub_status as metrics, under the official exporter's names; that one reads a single nginx."""

import re
from collections.abc import Iterable
from urllib.request import urlopen

from prometheus_client.core import Metric

from compose.exporters.backend import TIMEOUT_S, counter, gauge

_PAGE = re.compile(
    rb"Active connections: (?P<active>\d+)\s+server accepts handled requests\s+(?P<accepted>\d+) (?P<handled>\d+) "
    rb"(?P<requests>\d+)\s+Reading: (?P<reading>\d+) Writing: (?P<writing>\d+) Waiting: (?P<waiting>\d+)"
)
GAUGES = {
    "active": "Client connections, idle ones among them.",
    "reading": "Connections whose request is being read.",
    "writing": "Connections whose response is being written.",
    "waiting": "Idle client connections.",
}
COUNTERS = {"accepted": "Accepted client connections.", "handled": "Handled client connections."}


class Nginx:
    """Reads one instance's page of counters."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> Iterable[Metric]:
        """The metrics; OSError or HTTPException without a response, ValueError when it is no page of counters."""
        with urlopen(self._url, timeout=TIMEOUT_S) as response:  # noqa: S310 - the URL is the stack's
            body = response.read(4096)
        page = _PAGE.search(body)
        if page is None:
            raise ValueError(f"no counters: {body[:100]!r}")
        return [
            *(gauge(f"nginx_connections_{name}", text, float(page[name])) for name, text in GAUGES.items()),
            *(counter(f"nginx_connections_{name}", text, float(page[name])) for name, text in COUNTERS.items()),
            counter("nginx_http_requests", "Requests.", float(page["requests"])),
        ]
