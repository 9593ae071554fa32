"""Recording rules and alerts as data, and the rules file that Prometheus loads.

A rate is out of range when its last five minutes differ from the hour before them by more than a factor of two, and
by more than chance explains. Events that come at random vary by the square root of their expected number m: 4 √m + 4
events off is exceeded in at most 1.2 of 100,000 independent windows of five minutes (worst at m = 18), about once a
year. A rate that expects fewer than 24 events in five minutes can therefore be too high, but never too low.

Quiet at launch: an alert speaks only once the rate was above zero 65 minutes ago, so that the whole hour it compares
with lies after the start. That also keeps it from comparing with nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from service import catalog

RULES_FILE = Path(__file__).parent / "generated" / "rules.yaml"
TESTS_DIR = Path(__file__).parent / "tests"
RUNBOOKS = "alerts/runbooks"

RECENT_S = 300
RECENT, FIRST_SEEN = "5m", "65m"
FACTOR = 2
SIGMAS = 4


@dataclass(frozen=True)
class Recording:
    """A recording rule, its name `level:metric:operation`."""

    record: str
    expr: str


@dataclass(frozen=True)
class Alert:
    """An alerting rule; `pause` is how long it must hold, the runbook is found by the name."""

    name: str
    expr: str
    pause: str
    severity: Literal["critical", "warning"]
    summary: str
    description: str


def runbook(alert: str) -> str:
    """Where an alert's runbook is, from the root of the repository."""
    return f"{RUNBOOKS}/{alert}.md"


def _rate(metric: catalog.Metric, factor: int = 1) -> str:
    """PromQL of a service-wide rate; 0 where nobody reports it, so that a service that vanished counts as too low."""
    rate = f"sum(rate({metric.name}[{RECENT}]))"
    return f"{rate if factor == 1 else f'{factor} * {rate}'} or vector(0)"


def _past(rate: Recording) -> Recording:
    """What a rate was on average over the hour before the last five minutes."""
    return Recording(f"{rate.record}_avg1h", f"avg_over_time({rate.record}[1h] offset {RECENT})")


def _out_of_range(rate: Recording, past: Recording, unit_s: int) -> str:
    """PromQL that gives the rate (events per `unit_s` seconds) while it is out of its own recent range."""
    now, before, units = rate.record, past.record, RECENT_S // unit_s
    return (
        f"({now} > {FACTOR} * {before} or {now} < {before} / {FACTOR})\n"
        f"and {units} * abs({now} - {before}) > {SIGMAS} * sqrt({units} * {before}) + {SIGMAS}\n"
        f"and {now} offset {FIRST_SEEN} > 0\n"
    )


def _described(past: Recording, unit: str) -> str:
    """The template of a description: the rate now and the hour's before."""
    before = f'{{{{ with query "{past.record}" }}}}{{{{ . | first | value | printf "%.3g" }}}}{{{{ end }}}}'
    return (
        f'{{{{ $value | printf "%.3g" }}}} {unit} over the last 5 minutes, '
        f"against {before} {unit} on average over the hour before."
    )


PHOTO_RATE = Recording("service:likestorm_photos:rate5m", _rate(catalog.PHOTOS))
LIKE_RATE = Recording("service:likestorm_likes:rate5m", _rate(catalog.LIKES))
SIGNUP_RATE = Recording("service:likestorm_signups_per_minute:rate5m", _rate(catalog.SIGNUPS, factor=60))
PAST_PHOTO_RATE, PAST_SIGNUP_RATE = _past(PHOTO_RATE), _past(SIGNUP_RATE)
RECORDINGS = (PHOTO_RATE, LIKE_RATE, SIGNUP_RATE, PAST_PHOTO_RATE, PAST_SIGNUP_RATE)

ALERTS = (
    Alert(
        name="PhotoRateOutOfRange",
        expr=_out_of_range(PHOTO_RATE, PAST_PHOTO_RATE, unit_s=1),
        pause="2m",
        severity="critical",
        summary="Photos are published at a rate far from that of the past hour.",
        description=_described(PAST_PHOTO_RATE, "photos/s"),
    ),
    Alert(
        name="SignupRateOutOfRange",
        expr=_out_of_range(SIGNUP_RATE, PAST_SIGNUP_RATE, unit_s=60),
        pause="2m",
        severity="warning",
        summary="People sign up at a rate far from that of the past hour.",
        description=_described(PAST_SIGNUP_RATE, "signups/min"),
    ),
)


class _Dumper(yaml.SafeDumper):
    """Writes an expression of several lines as such, to be read in a diff."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def rules_yaml() -> str:
    """The rules file that Prometheus loads."""
    # One group, because the rules of a group run in order: an alert then sees what was recorded just before it.
    listed = [{"record": r.record, "expr": r.expr} for r in RECORDINGS] + [_alert(alert) for alert in ALERTS]
    groups = [{"name": "likestorm", "rules": listed}]
    return yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, width=500, allow_unicode=True)


def _alert(alert: Alert) -> dict[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.pause,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": runbook(alert.name),
        },
    }
