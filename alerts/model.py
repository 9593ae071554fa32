"""What a rule is: recordings, alerts, and the groups in which Prometheus evaluates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Recording:
    """A recording rule, its name `level:metric:operation`; `labels` are set on what it records."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """An alerting rule; `pause` is how long it must hold, the runbook is found by the name.

    summary: a sentence that is the same for every instance; description: a template that says which and how much.
    """

    name: str
    expr: str
    pause: str
    severity: Severity
    summary: str
    description: str


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other; interval None is Prometheus's own."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str | None = None


def value(style: str) -> str:
    """The template of an alert's value, such as 12.3 for `%.1f`."""
    return f'{{{{ $value | printf "{style}" }}}}'


def label(name: str, otherwise: str = "") -> str:
    """The template of one of an alert's labels; `otherwise` where it has none of that name."""
    if not otherwise:
        return f"{{{{ $labels.{name} }}}}"
    return f'{{{{ or $labels.{name} "{otherwise}" }}}}'
