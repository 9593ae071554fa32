"""Photos, likes and signups outside their own recent past.

Five minutes are compared with each of the three hours before them: what happens is out of range when it differs from
all three by more than a factor of two, and by more than chance explains. Three hours, because an outage or a flood of
up to an hour spoils two of them at most: coming back to normal is no alert.

Events that come at random vary by the square root of their expected number m: 4 √m + 4 off is exceeded in at most 1.2
of 100,000 independent windows (worst at m = 18), about once a year. So a rate that expects fewer than 24 events in five
minutes can be too high, but never too low.

Quiet at launch: an alert speaks only once there were events 185 minutes ago, so that all three hours that it compares
with lie after the start. That also keeps it from comparing with nothing.
"""

from alerts.model import Alert, Recording, Severity, value
from service import catalog

RECENT, PAST, FIRST_SEEN = "5m", "1h", "185m"
EARLIER = ("1h", "2h")
FACTOR = 2
SIGMAS = 4


def _recent(metric: catalog.Metric) -> Recording:
    """How many there were of late; 0 where nobody reports it, so that a service that vanished counts as too low."""
    return Recording(
        f"service:{metric.name.removesuffix('_total')}:increase{RECENT}",
        f"sum(increase({metric.name}[{RECENT}])) or vector(0)",
    )


def _past(recent: Recording) -> Recording:
    """How many there were on average in as much time, over the hour before."""
    return Recording(f"{recent.record}_avg{PAST}", f"avg_over_time({recent.record}[{PAST}] offset {RECENT})")


def _out_of_range(now: str, past: str) -> str:
    """PromQL that gives the number of events while it is out of its own recent range."""
    hours = (past, *(f"{past} offset {offset}" for offset in EARLIER))

    def is_high(before: str) -> str:
        return f"{now} > {FACTOR} * {before} and {now} - {before} > {SIGMAS} * sqrt({before}) + {SIGMAS}"

    def is_low(before: str) -> str:
        return f"{now} < {before} / {FACTOR} and {before} - {now} > {SIGMAS} * sqrt({before}) + {SIGMAS}"

    high, low = ("\n  and ".join(map(each, hours)) for each in (is_high, is_low))
    return f"({high}\n  or {low})\nand {now} offset {FIRST_SEEN} > 0\n"


def _alert(name: str, severity: Severity, recent: Recording, past: Recording, verb: str, noun: str) -> Alert:
    before = f'{{{{ with query "{past.record}" }}}}{{{{ . | first | value | printf "%.0f" }}}}{{{{ end }}}}'
    return Alert(
        name,
        _out_of_range(recent.record, past.record),
        "2m",
        severity,
        f"{verb} at a rate far from that of the past three hours.",
        f"{value('%.0f')} {noun} in the last 5 minutes, against {before} in 5 minutes of the hour before.",
    )


PHOTOS, LIKES, SIGNUPS = _recent(catalog.PHOTOS), _recent(catalog.LIKES), _recent(catalog.SIGNUPS)
PAST_PHOTOS, PAST_LIKES, PAST_SIGNUPS = _past(PHOTOS), _past(LIKES), _past(SIGNUPS)
RECORDINGS = (PHOTOS, LIKES, SIGNUPS, PAST_PHOTOS, PAST_LIKES, PAST_SIGNUPS)

ALERTS = (
    _alert("PhotoRateOutOfRange", "critical", PHOTOS, PAST_PHOTOS, "Photos are published", "photos"),
    _alert("LikeRateOutOfRange", "critical", LIKES, PAST_LIKES, "Likes are stored", "likes"),
    _alert("SignupRateOutOfRange", "warning", SIGNUPS, PAST_SIGNUPS, "People sign up", "signups"),
)
