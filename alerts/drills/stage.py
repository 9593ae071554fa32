"""A running stack whose alerts are production's with every duration divided by one factor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import yaml

from alerts import routing, rules
from alerts.drills import DrillError
from alerts.durations import scale, scale_rules
from compose.alertmanager.configuration import NAME, alertmanager_text
from compose.errors import StackError
from compose.local import Target
from compose.readiness import wait_until
from compose.topology import LOOPBACK

FASTER = 60
"""An hour becomes a minute. With one scrape a second, five minutes become five differences."""
EVALUATION = "1s"
_TIMEOUT_S = 5.0
_RELOAD_S = 30.0
_CONNECTED_S = 60.0
_POLL_S = 0.25
_STATES = ("pending", "firing")


def scaled_routing(document: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Alertmanager's configuration with the durations of its route times `factor`."""
    route = {key: scale(value, factor) if isinstance(value, str) else value for key, value in document["route"].items()}
    return {**document, "route": route}


@dataclass(frozen=True)
class Stage:
    """A stack, and questions about its alerts and its health."""

    target: Target

    def alerts(self, *states: str) -> set[str]:
        """The names of the alerts in these states; by default of those that fire or are pending."""
        found = self._get("prometheus", "/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] in (states or _STATES)}

    def scrapes_all(self) -> bool:
        """Whether Prometheus has scraped each of its targets."""
        targets = self._get("prometheus", "/api/v1/targets?state=active")["data"]["activeTargets"]
        return bool(targets) and all(target["health"] != "unknown" for target in targets)

    def has_alertmanager(self) -> bool:
        """Whether Prometheus has found Alertmanager; before that it drops alerts, and repeats them after a minute."""
        return bool(self._get("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"])

    def ask(self, promql: str) -> list[float]:
        """The values that an expression has now."""
        found = self._get("prometheus", "/api/v1/query", query=promql)
        return [float(series["value"][1]) for series in found["data"]["result"]]

    def ailments(self) -> list[str]:
        """One line for each part that does not work."""
        try:
            down = [name for name, state in self.target.states().items() if state.state != "RUNNING"]
        except StackError as error:
            return [str(error)]
        # The balancer reaches one app instance at a time, so each instance is asked too.
        for part in (*self.target.topology.app_instances, "front"):
            try:
                self._get(part, "/readyz")
            except DrillError as error:
                down.append(str(error))
        return down

    def _get(self, part: str, path: str, **query: str) -> Any:
        url = f"http://{LOOPBACK}:{self.target.topology.ports[part]}{path}"
        try:
            answer = requests.get(url, query, timeout=_TIMEOUT_S)
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException as error:
            raise DrillError(f"{part} does not answer {path.partition('?')[0]}: {error}") from error


def prepare(target: Target, webhook: str) -> Stage:
    """Load the scaled rules and routes into the stack's Prometheus and Alertmanager, with `webhook` as the receiver."""
    stage = Stage(target)
    # By the scaled rules, a part that was never scraped counts as down after a second.
    if not await_true(stage.scrapes_all, _CONNECTED_S):
        raise DrillError("Prometheus does not scrape all its targets")
    folder = target.run_dir / "prometheus"
    (folder / "rules.yaml").write_text(rules.to_yaml(scale_rules(rules.document(), 1 / FASTER)))
    configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
    configuration["global"]["evaluation_interval"] = EVALUATION
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    routes = yaml.safe_load(alertmanager_text({"LIKESTORM_ALERT_WEBHOOK": webhook}, routing.ROUTING_FILE))
    text = yaml.safe_dump(scaled_routing(routes, 1 / FASTER), sort_keys=False)
    (target.run_dir / NAME / "alertmanager.yml").write_text(text)
    for part in ("prometheus", NAME):
        _reload(part, target.topology.ports[part])
    if not await_true(stage.has_alertmanager, _CONNECTED_S):
        raise DrillError("Prometheus does not find Alertmanager")
    return stage


def _reload(part: str, port: int) -> None:
    try:
        requests.post(f"http://{LOOPBACK}:{port}/-/reload", timeout=_RELOAD_S).raise_for_status()
    except requests.RequestException as error:
        raise DrillError(f"{part} does not load its configuration: {error}") from error


def await_true(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition comes true in time; a DrillError counts as not yet."""

    def holds() -> bool:
        try:
            return condition()
        except DrillError:
            return False

    return wait_until(holds, timeout_s, _POLL_S)
