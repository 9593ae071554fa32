"""Every recording rule and alert, and the rules file that Prometheus loads.

To add an alert, write it into the module of its kind (slo, traffic, components, saturation). The tests then demand its
runbook, promtool tests in which it fires and does not fire, and a drill.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from alerts import components, saturation, slo, traffic
from alerts.model import Alert, Group, Recording

RULES_FILE = Path(__file__).parent / "generated" / "rules.yaml"
TESTS_DIR = Path(__file__).parent / "tests"
RUNBOOKS = "alerts/runbooks"

GROUPS: tuple[Group, ...] = (
    # An alert sees the values that the same evaluation recorded before it. A window of days sums values recorded once a
    # minute.
    Group("slo", (*slo.RECORDINGS, *slo.ALERTS), interval="1m"),
    Group("stack", (*traffic.RECORDINGS, *components.ALERTS, *traffic.ALERTS, *saturation.ALERTS)),
)
RECORDINGS = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, Recording))
ALERTS = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, Alert))
_RUNBOOKS = {alert.name: f"{RUNBOOKS}/{alert.runbook or alert.name}.md" for alert in ALERTS}


def runbook(alert: str) -> str:
    """The path of an alert's runbook, from the root of the repository."""
    return _RUNBOOKS[alert]


def document() -> dict[str, list[dict[str, object]]]:
    """The content of the rules file."""
    return {
        "groups": [
            {"name": group.name}
            | ({"interval": group.interval} if group.interval else {})
            | {"rules": [_rule(rule) for rule in group.rules]}
            for group in GROUPS
        ]
    }


def listed() -> list[dict[str, object]]:
    """Every rule as in the rules file, in its order."""
    return [_rule(rule) for group in GROUPS for rule in group.rules]


def _rule(rule: Recording | Alert) -> dict[str, object]:
    if isinstance(rule, Recording):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.record, "expr": rule.expr, **labels}
    annotations = {"summary": rule.summary, "description": rule.description, "runbook_url": runbook(rule.name)}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": rule.pause,
        "labels": {"severity": rule.severity},
        "annotations": annotations,
    }


class _Dumper(yaml.SafeDumper):
    """Writes an expression of several lines as a block, which reads well in a diff."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def to_yaml(content: Mapping[str, object]) -> str:
    """A file's text, the same for the same content."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, width=500, allow_unicode=True)
