"""The object store seen from outside: nanio has no metrics of its own."""

import time
from collections.abc import Iterable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from prometheus_client.core import Metric

from compose.exporters.backend import TIMEOUT_S, gauge


class Store:
    """Times an unsigned request, which a working store refuses."""

    def __init__(self, url: str) -> None:
        self._request = Request(url, method="HEAD")  # noqa: S310 - the URL is the stack's

    def __call__(self) -> Iterable[Metric]:
        """The time of one response; OSError without a response, or when it is a server error."""
        began = time.perf_counter()
        try:
            urlopen(self._request, timeout=TIMEOUT_S).close()  # noqa: S310
        except HTTPError as error:
            if error.code >= 500:
                raise
        return [gauge("store_probe_duration_seconds", "Time of one refused request.", time.perf_counter() - began)]
