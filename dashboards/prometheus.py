"""Questions to a living Prometheus, and which panels it leaves empty."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import requests

from dashboards import DashboardsError
from dashboards.panels import PANELS, RUN_WINDOW

TIMEOUT_S = 10.0
STEP_S = 1.0
LOOK_BACK_S = 300.0
"""So far back scrapes are looked at to learn how often there is one."""

Query = Callable[[str], Sequence[Sequence[float]]]
"""PromQL → the values of each series over the time that was asked for."""


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
    """A Prometheus server by its base URL; every method raises DashboardsError where it is away or refuses."""

    url: str

    def range(self, promql: str, start: float, end: float, step: float = STEP_S) -> list[Sampled]:
        """The expression evaluated every `step` seconds from start to end (Unix time)."""
        form = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": str(step)}
        return self._ask("query_range", form)

    def samples(self, selector: str, start: float, end: float) -> list[Sampled]:
        """The samples of a selector as they were scraped between start and end (Unix time)."""
        form = {"query": f"{selector}[{math.ceil((end - start) * 1e3)}ms]", "time": f"{end:.3f}"}
        return self._ask("query", form)

    def recent(self, promql: str, seconds: float = 120.0) -> list[list[float]]:
        """The values of each series over the last seconds."""
        now = time.time()
        return [series.values for series in self.range(promql, now - seconds, now)]

    def scrape_interval_s(self, at: float) -> float:
        """Whole seconds between two scrapes of most targets before `at` (Unix time); 1 where none was scraped twice."""
        seen = self.samples("up", at - LOOK_BACK_S, at)
        gaps = [later - earlier for series in seen for (earlier, _), (later, _) in pairwise(series.points)]
        return max(1.0, round(statistics.median(gaps))) if gaps else 1.0

    def _ask(self, endpoint: str, form: dict[str, str]) -> list[Sampled]:
        try:
            answer = requests.post(f"{self.url.rstrip('/')}/api/v1/{endpoint}", data=form, timeout=TIMEOUT_S)
            body: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise DashboardsError(f"{self.url}: no answer from Prometheus ({type(error).__name__})") from error
        if body.get("status") != "success":
            raise DashboardsError(f"{self.url}: {body.get('error', answer.reason)} in {form['query']}")
        return [
            Sampled(series["metric"], [(float(at), float(value)) for at, value in series["values"]])
            for series in body["data"]["result"]
        ]


def empty_panels(query: Query, window: str = RUN_WINDOW) -> list[str]:
    """The ids of the panels whose query gives not one finite number, though nothing explains that; window: of rates."""
    return [
        panel.id
        for panel in PANELS
        if not panel.empty
        and not any(math.isfinite(value) for values in query(panel.promql(window)) for value in values)
    ]
