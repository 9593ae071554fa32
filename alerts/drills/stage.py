"""A living stack whose alerts are production's in fast motion: every duration of theirs is divided by one factor."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
import yaml

from alerts import routing, rules
from alerts.drills import DrillError
from alerts.durations import scale, scale_rules
from compose.alertmanager.configuration import NAME, alertmanager_text
from compose.errors import StackError
from compose.local import Target
from compose.topology import LOOPBACK

FASTER = 60
"""What takes an hour takes a minute. With a scrape a second, five minutes become five differences."""
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
    """A stack and how to ask what is going on in it."""

    target: Target

    def port(self, part: str) -> int:
        """Where a part listens."""
        return self.target.topology.ports[part]

    def stirring(self, *states: str) -> set[str]:
        """The alerts that fire, and those that will unless what they are about ends in time; or of one state only."""
        found = self._get("prometheus", "/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] in (states or _STATES)}

    def looks_at_all(self) -> bool:
        """Whether Prometheus has asked each of its targets."""
        targets = self._get("prometheus", "/api/v1/targets?state=active")["data"]["activeTargets"]
        return bool(targets) and all(target["health"] != "unknown" for target in targets)

    def has_somebody_to_tell(self) -> bool:
        """Whether Prometheus knows of Alertmanager; alerts until then are dropped, and told again after a minute."""
        return bool(self._get("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"])

    def ask(self, promql: str) -> list[float]:
        """The values that an expression has now."""
        found = self._get("prometheus", f"/api/v1/query?{urlencode({'query': promql})}")
        return [float(series["value"][1]) for series in found["data"]["result"]]

    def ailments(self) -> list[str]:
        """What is wrong with the stack; nothing when it is well."""
        try:
            down = [name for name, state in self.target.states().items() if state.state != "RUNNING"]
        except StackError as error:
            return [str(error)]
        # The front asks one app instance after the other: what it says is true of one.
        for part in (*self.target.topology.app_instances, "front"):
            try:
                self._get(part, "/readyz")
            except DrillError as error:
                down.append(str(error))
        return down

    def _get(self, part: str, path: str) -> Any:
        try:
            answer = requests.get(f"http://{LOOPBACK}:{self.port(part)}{path}", timeout=_TIMEOUT_S)
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException as error:
            raise DrillError(f"{part} does not answer {path.partition('?')[0]}: {error}") from error


def prepare(target: Target, webhook: str) -> Stage:
    """Have the stack's Prometheus and Alertmanager go by the rules in fast motion, and tell `webhook`."""
    made = Stage(target)
    # By the rules a part that was never asked is away, which after a second of fast motion is told to somebody.
    if not await_true(made.looks_at_all, _CONNECTED_S):
        raise DrillError("Prometheus does not get round to all its targets")
    folder = target.run_dir / "prometheus"
    (folder / "rules.yaml").write_text(rules.to_yaml(scale_rules(rules.document(), 1 / FASTER)))
    configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
    configuration["global"]["evaluation_interval"] = EVALUATION
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    told = yaml.safe_load(alertmanager_text({"LIKESTORM_ALERT_WEBHOOK": webhook}, routing.ROUTING_FILE))
    text = yaml.safe_dump(scaled_routing(told, 1 / FASTER), sort_keys=False)
    (target.run_dir / NAME / "alertmanager.yml").write_text(text)
    for part in ("prometheus", NAME):
        _reload(part, target.topology.ports[part])
    if not await_true(made.has_somebody_to_tell, _CONNECTED_S):
        raise DrillError("Prometheus does not find Alertmanager")
    return made


def _reload(part: str, port: int) -> None:
    try:
        requests.post(f"http://{LOOPBACK}:{port}/-/reload", timeout=_RELOAD_S).raise_for_status()
    except requests.RequestException as error:
        raise DrillError(f"{part} does not take its configuration: {error}") from error


def await_true(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition came true in time; what cannot be asked is not true yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return True
        except DrillError:
            pass
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
