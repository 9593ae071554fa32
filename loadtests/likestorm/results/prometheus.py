"""A client of the Prometheus query API."""

import math
import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import requests

from likestorm.errors import LikestormError

TIMEOUT_S = 10.0
STEP_S = 1.0
LOOK_BACK_S = 300.0
"""The period before a window from which the scrape interval is estimated."""


class PrometheusError(LikestormError):
    """Prometheus is unreachable or rejects a query; the message has the URL and the reason."""


@dataclass(frozen=True)
class Sampled:
    """One series: its labels and its (Unix time, value) points, oldest first; a value may be NaN."""

    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def values(self) -> list[float]:
        """The points without their times."""
        return [value for _, value in self.points]


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus server by its base URL; every method raises PrometheusError."""

    url: str

    def range(self, promql: str, start: float, end: float, step: float = STEP_S) -> list[Sampled]:
        """An expression evaluated every `step` seconds from start to end (Unix time)."""
        form = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": str(step)}
        return self._ask("query_range", form)

    def samples(self, selector: str, start: float, end: float) -> list[Sampled]:
        """The raw samples of a selector between start and end (Unix time)."""
        form = {"query": f"{selector}[{math.ceil((end - start) * 1e3)}ms]", "time": f"{end:.3f}"}
        return self._ask("query", form)

    def scrape_interval_s(self, at: float) -> float:
        """The median scrape interval before `at` (Unix time) in whole seconds; 1 if no target was scraped twice."""
        seen = self.samples("up", at - LOOK_BACK_S, at)
        gaps = [later - earlier for series in seen for (earlier, _), (later, _) in pairwise(series.points)]
        return max(1.0, round(statistics.median(gaps))) if gaps else 1.0

    def _ask(self, endpoint: str, form: dict[str, str]) -> list[Sampled]:
        try:
            answer = requests.post(f"{self.url.rstrip('/')}/api/v1/{endpoint}", data=form, timeout=TIMEOUT_S)
            body: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise PrometheusError(f"{self.url}: no answer from Prometheus ({type(error).__name__})") from error
        if body.get("status") != "success":
            raise PrometheusError(f"{self.url}: {body.get('error', answer.reason)} in {form['query']}")
        return [
            Sampled(series["metric"], [(float(at), float(value)) for at, value in series["values"]])
            for series in body["data"]["result"]
        ]
