"""What rounds with metrics off and on come to: the change of throughput and of p99, and whether it is small enough."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from likestorm.comparison import paired

ALLOWED = 0.03
POWER = 0.9
Finding = Literal["held", "worse", "unclear"]


@dataclass(frozen=True)
class Half:
    """What one side did in a round: likes a second at saturation, p99 of likes in ms at a fixed rate.

    app_us, watchers_us: CPU time a like at saturation of the app, and of Prometheus and the collectors together.
    """

    likes_per_s: float
    p99_ms: float
    app_us: float
    watchers_us: float

    @property
    def line(self) -> str:
        """For a person."""
        return (
            f"{self.likes_per_s:.0f} likes/s with {self.app_us:.0f} µs of CPU each in the app and "
            f"{self.watchers_us:.0f} in its watchers; paced, p99 {self.p99_ms:.2f} ms"
        )


@dataclass(frozen=True)
class Change:
    """How a figure changes when metrics are kept, as a share, with its 95 % interval; more is what is worse."""

    what: str
    estimate: float
    low: float
    high: float
    finding: Finding
    rounds_needed: int | None
    """How many would show that it is at most ALLOWED worse, were it not worse at all; None beyond what is counted."""

    @property
    def line(self) -> str:
        """For a person."""
        said = {"held": "at most 3 % worse", "worse": "more than 3 % worse", "unclear": "cannot tell"}[self.finding]
        needed = "more rounds than 64" if self.rounds_needed is None else f"{self.rounds_needed} rounds"
        advice = f"; {needed} would show that it is none" if self.finding == "unclear" else ""
        interval = (
            f"{self.low:+.1%} to {self.high:+.1%}" if math.isfinite(self.high) else "no interval of so few rounds"
        )
        return f"{self.what}: {self.estimate:+.1%} ({interval}): {said}{advice}"


def judge(off: Sequence[Half], on: Sequence[Half]) -> list[Change]:
    """The changes of throughput and of p99 from the pairs that rounds make."""
    return [
        _change("throughput", [math.log(b.likes_per_s / a.likes_per_s) for a, b in zip(off, on, strict=True)], -1),
        _change("p99", [math.log(b.p99_ms / a.p99_ms) for a, b in zip(off, on, strict=True)], 1),
    ]


def _change(what: str, logs: Sequence[float], worse: Literal[-1, 1]) -> Change:
    """worse: which way it gets worse, down or up."""
    shift = paired.of_pairs(logs)
    limit = abs(math.log1p(worse * ALLOWED))
    best, worst = sorted((worse * shift.low, worse * shift.high))
    finding: Finding = "held" if worst <= limit else "worse" if best > limit else "unclear"
    # To show a change of 0 to be below the limit takes as many pairs as to show one of the limit's size to be above 0.
    needed = paired.pairs_needed(shift.spread, 0.0, limit, POWER) if shift.spread else None
    return Change(what, math.expm1(shift.estimate), math.expm1(shift.low), math.expm1(shift.high), finding, needed)


def say_cpu(off: Sequence[Half], on: Sequence[Half], cores: int) -> str:
    """What metrics take of the CPU, which a busy machine blurs less than it does throughput; decides nothing."""
    whole = cores * 1e6 / statistics.median(block.likes_per_s for block in off)
    pairs = list(zip(off, on, strict=True))
    app = paired.of_pairs([b.app_us - a.app_us for a, b in pairs])
    watchers = paired.of_pairs([b.watchers_us - a.watchers_us for a, b in pairs])
    parts = (f"{shift.estimate:+.0f} µs ({shift.low:+.0f} to {shift.high:+.0f})" for shift in (app, watchers))
    share = (app.estimate + watchers.estimate) / whole
    return "CPU time a like: app {}, collectors and Prometheus {}; ".format(*parts) + (
        f"{share:+.1%} of the {whole:.0f} µs that one takes of {cores} cores"
    )
