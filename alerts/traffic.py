"""Rates of photos, likes and signups that differ from their own recent past.

The number of events in five minutes is compared with the average of each of the three hours before. It is out of range
when it differs from all three by more than a factor of two, and by more than chance explains. An outage or a flood of
up to an hour changes at most two of the three hours, so the return to normal is no alert.

The number of random events varies by the square root of its expectation m. A difference of 4 √m + 4 is exceeded in at
most 1.2 of 100,000 independent windows (worst at m = 18), about once a year. So a rate with fewer than 24 expected
events in five minutes can be too high, but never too low.

An alert fires only if there were events 185 minutes ago, so that all three hours lie after the launch.
"""

from alerts.model import Alert, Recording, Severity, value
from service import catalog

RECENT, PAST, FIRST_SEEN = "5m", "1h", "185m"
EARLIER = ("1h", "2h")
FACTOR = 2
SIGMAS = 4


def _recent(metric: catalog.Metric) -> Recording:
    """The number of events in the last five minutes; 0 without the metric, so that a missing service is too low."""
    return Recording(
        f"service:{metric.name.removesuffix('_total')}:increase{RECENT}",
        f"sum(increase({metric.name}[{RECENT}])) or vector(0)",
    )


def _past(recent: Recording) -> Recording:
    """The average number of events in five minutes, over the hour before."""
    return Recording(f"{recent.record}_avg{PAST}", f"avg_over_time({recent.record}[{PAST}] offset {RECENT})")


def _out_of_range(now: str, past: str) -> str:
    """PromQL that has a value while the number of events is out of range."""
    hours = (past, *(f"{past} offset {offset}" for offset in EARLIER))

    def is_high(before: str) -> str:
        return f"{now} > {FACTOR} * {before} and {now} - {before} > {SIGMAS} * sqrt({before}) + {SIGMAS}"

    def is_low(before: str) -> str:
        return f"{now} < {before} / {FACTOR} and {before} - {now} > {SIGMAS} * sqrt({before}) + {SIGMAS}"

    high, low = ("\n  and ".join(map(each, hours)) for each in (is_high, is_low))
    return f"({high}\n  or {low})\nand {now} offset {FIRST_SEEN} > 0\n"


def _alert(name: str, severity: Severity, recent: Recording, past: Recording, subject: str, noun: str) -> Alert:
    before = f'{{{{ with query "{past.record}" }}}}{{{{ . | first | value | printf "%.0f" }}}}{{{{ end }}}}'
    return Alert(
        name,
        _out_of_range(recent.record, past.record),
        "2m",
        severity,
        f"{subject} at a rate far from the rates of the past three hours.",
        f"{value('%.0f')} {noun} in the last 5 minutes, against {before} in 5 minutes of the hour before.",
    )


PHOTOS, LIKES, SIGNUPS = _recent(catalog.PHOTOS), _recent(catalog.LIKES), _recent(catalog.SIGNUPS)
PAST_PHOTOS, PAST_LIKES, PAST_SIGNUPS = _past(PHOTOS), _past(LIKES), _past(SIGNUPS)
RECORDINGS = (PHOTOS, LIKES, SIGNUPS, PAST_PHOTOS, PAST_LIKES, PAST_SIGNUPS)

ALERTS = (
    _alert("PhotoRateOutOfRange", "critical", PHOTOS, PAST_PHOTOS, "Photos are published", "photos"),
    _alert("LikeRateOutOfRange", "critical", LIKES, PAST_LIKES, "Likes are stored", "likes"),
    _alert("SignupRateOutOfRange", "warning", SIGNUPS, PAST_SIGNUPS, "Users sign up", "signups"),
)
