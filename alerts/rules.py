"""Every recording rule and alert, and the rules file that Prometheus loads.

To add an alert, write it into the module of its kind (slo, traffic, components, saturation); what else it needs, the
tests ask for: a runbook, promtool tests that fire and that don't, a drill.
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
    # The rules of a group run in order: an alert then sees what was recorded just before it. Windows of days are summed
    # over what is recorded once a minute.
    Group("slo", (*slo.RECORDINGS, *slo.ALERTS), interval="1m"),
    Group("stack", (*traffic.RECORDINGS, *components.ALERTS, *traffic.ALERTS, *saturation.ALERTS)),
)
RECORDINGS = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, Recording))
ALERTS = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, Alert))


def runbook(alert: str) -> str:
    """Where an alert's runbook is, from the root of the repository."""
    return f"{RUNBOOKS}/{alert}.md"


def document() -> dict[str, list[dict[str, object]]]:
    """The content of the rules file."""
    return {"groups": [_group(group) for group in GROUPS]}


def listed() -> list[dict[str, object]]:
    """Every rule as the rules file has it, in its order."""
    return [_rule(rule) for group in GROUPS for rule in group.rules]


def _group(group: Group) -> dict[str, object]:
    interval = {"interval": group.interval} if group.interval else {}
    return {"name": group.name, **interval, "rules": [_rule(rule) for rule in group.rules]}


def _rule(rule: Recording | Alert) -> dict[str, object]:
    if isinstance(rule, Recording):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.record, "expr": rule.expr, **labels}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": rule.pause,
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "runbook_url": runbook(rule.name),
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes an expression of several lines as such, to be read in a diff."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def to_yaml(content: Mapping[str, object]) -> str:
    """A file's text, the same for the same content."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, width=500, allow_unicode=True)


def rules_yaml() -> str:
    """The rules file that Prometheus loads."""
    return to_yaml(document())
