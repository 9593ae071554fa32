"""Recording rules, alerts, and the groups in which Prometheus evaluates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Recording:
    """A recording rule, named `level:metric:operation`; `labels` are added to its series."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """An alerting rule; it fires once `expr` has held for `pause`.

    summary: a sentence that is the same for every instance. description: a template with the instance and the value.
    runbook: the name of its runbook, where that is not the alert's own.
    """

    name: str
    expr: str
    pause: str
    severity: Severity
    summary: str
    description: str
    runbook: str = ""


@dataclass(frozen=True)
class Group:
    """Rules that Prometheus evaluates in order; interval None is Prometheus's default."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str | None = None


def value(style: str) -> str:
    """The template of an alert's value, such as 12.3 for `%.1f`."""
    return f'{{{{ $value | printf "{style}" }}}}'


def label(name: str, otherwise: str = "") -> str:
    """The template of an alert's label; `otherwise` where the alert has no such label."""
    return f'{{{{ or $labels.{name} "{otherwise}" }}}}' if otherwise else f"{{{{ $labels.{name} }}}}"
