"""The object store seen from outside: nanio has no metrics of its own."""

import time
from collections.abc import Iterable
from http.client import HTTPConnection
from urllib.parse import urlsplit

from prometheus_client.core import Metric

from compose.exporters.backend import gauge


class Store:
    """Asks for what needs no key and gets refused, which only a working store does."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port

    def __call__(self) -> Iterable[Metric]:
        """How long an answer took; OSError or HTTPException when there is none, ValueError when it is an error."""
        began = time.perf_counter()
        connection = HTTPConnection(self._host, self._port, timeout=0.4)
        try:
            connection.request("HEAD", "/")
            status = connection.getresponse().status
        finally:
            connection.close()
        if status >= 500:
            raise ValueError(f"the store answers {status}")
        return [gauge("store_probe_duration_seconds", "Time of one refused request.", time.perf_counter() - began)]
