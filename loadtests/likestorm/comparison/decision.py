"""Decides whether a candidate became slower than a baseline: pure.

Interleaved runs are compared in pairs of neighbours in time (`paired`). Runs of one side after the other allow no
decision, because machines drift; their intervals cover only the sampling within the runs.
"""

import math
import statistics
from collections.abc import Sequence

from likestorm.comparison import outcome_measures, paired, regression_attribution, saved
from likestorm.comparison.outcome_measures import PAIRS_LEAST, PERCENTILES, OutcomeMeasure, Samples
from likestorm.comparison.saved import Side
from likestorm.results.comparison import (
    POWERS,
    SCHEMA,
    STATUS_CODES,
    Change,
    Comparison,
    Finding,
    Kind,
    Status,
    say_interval,
    say_share,
)
from likestorm.verdict import statistics as intervals

PRIMARY = 50.0
ALLOWED = 0.05
FAILURES_ALLOWED = 0.001
LEVEL = intervals.TAIL
ADVISED_POWER = 0.9


def compare(base: Side, candidate: Side, allowed: float = ALLOWED, primary: float = PRIMARY) -> Comparison:
    """Compare two sides that pass saved.check_alike; `primary` is the percentile that decides."""
    pairs = outcome_measures.pair_up(base.records, candidate.records)
    wanted = base.budgeted
    sides = [[pair[side] for pair in pairs] for side in (0, 1)] if pairs else [base.records, candidate.records]
    samples = list(outcome_measures.samples(sides[0], sides[1], wanted))
    if pairs:
        found = [outcome_measures.failures(sides[0], sides[1])]
        found += [
            s.measure(q) for s in samples for q in PERCENTILES if s.supports(q) or _decides(s, q, wanted, primary)
        ]
        changes = judge(found, wanted, allowed, primary)
    else:
        supported = [(s, q) for s in samples for q in PERCENTILES if s.supports(q)]
        changes = [_of_sampling(s, q, _decides(s, q, wanted, primary)) for s, q in supported]
    status, reason = conclude(changes, allowed, len(pairs), base.invalid + candidate.invalid)
    return Comparison(
        schema=SCHEMA,
        scenario=base.records[0].scenario.name,
        base=base.paths,
        candidate=candidate.paths,
        revisions=(base.revision, candidate.revision),
        pairs=len(pairs),
        allowed=allowed,
        changes=changes,
        warnings=saved.list_warnings(base, candidate),
        status=status,
        exit_code=STATUS_CODES[status],
        reason=reason,
        slower=regression_attribution.find(base.records, candidate.records, changes),
    )


def judge(
    found: Sequence[OutcomeMeasure], wanted: Sequence[str], allowed: float = ALLOWED, primary: float = PRIMARY
) -> list[Change]:
    """The change of each outcome measure; failures and the `primary` percentile of wanted requests are primary.

    A primary measure is worse by Holm's procedure over all primary measures, any other by its own test. A measure held
    if its interval ends within the allowed change.
    """
    is_primary = [each.kind == "failures" or _decides(each, each.percentile, wanted, primary) for each in found]
    p_values = [_p(each, allowed) for each in found]
    adjusted = iter(paired.holm([p for p, is_in in zip(p_values, is_primary, strict=True) if is_in]))
    tests = sum(is_primary)
    return [
        _change(each, allowed, p, next(adjusted) if is_in else None, tests if is_in else 1)
        for each, p, is_in in zip(found, p_values, is_primary, strict=True)
    ]


def conclude(changes: Sequence[Change], allowed: float, pairs: int, invalid: Sequence[str]) -> tuple[Status, str]:
    """The status, by precedence, and the reason."""
    primaries = [change for change in changes if change.primary]
    worse, unclear = ([c for c in primaries if c.finding == finding] for finding in ("worse", "unclear"))
    if invalid:
        return "invalid", f"{len(invalid)} of the runs are invalid measurements: {', '.join(invalid)}."
    if not pairs:
        return "unclear", (
            "These runs cannot tell a change from drift of the machine: that takes interleaved runs of both sides, at "
            f"least {PAIRS_LEAST} a side (likestorm compare-revisions). The intervals cover sampling alone."
        )
    if worse:
        return "regression", f"Worse than allowed: {'; '.join(map(_describe, worse))}."
    if unclear:
        return "unclear", f"Cannot tell: {'; '.join(map(_describe, unclear))}.{_advise(primaries, allowed)}"
    return "held", (
        f"None of the {len(primaries)} primary outcome measures rose by more than is allowed ({say_share(allowed)} of "
        f"a latency, {say_share(FAILURES_ALLOWED)} of arrivals not completed), each with 95 % confidence."
    )


def limit(kind: Kind, allowed: float) -> float:
    """The largest allowed difference of an outcome measure."""
    return FAILURES_ALLOWED if kind == "failures" else math.log1p(allowed)


def _decides(of: OutcomeMeasure | Samples, percentile: float | None, wanted: Sequence[str], primary: float) -> bool:
    return of.kind == "request" and percentile == primary and of.what in wanted


def _p(measure: OutcomeMeasure, allowed: float) -> float:
    """The p-value against the allowed change; 1 for a measure with missing values."""
    differences = measure.differences
    return 1.0 if any(map(math.isnan, differences)) else paired.p_above(differences, limit(measure.kind, allowed))


def _change(measure: OutcomeMeasure, allowed: float, p: float, p_adjusted: float | None, tests: int) -> Change:
    """The change of one measure; p_adjusted is None for a measure that is not primary."""
    most, differences = limit(measure.kind, allowed), measure.differences
    shift = None if any(map(math.isnan, differences)) else paired.of_pairs(differences)
    spread = shift.spread if shift else None
    detectable = [
        math.inf if spread is None else paired.detectable(len(differences), spread, most, q, tests) for q in POWERS
    ]
    finding: Finding = "unclear"
    if shift and shift.high <= most:
        finding = "held"
    elif (p if p_adjusted is None else p_adjusted) <= LEVEL:
        finding = "worse"
    return Change(
        measure.what, measure.kind, measure.percentile, p_adjusted is not None,
        _known(statistics.median(measure.base)), _known(statistics.median(measure.candidate)),
        *_fractions(measure.kind, *((shift.estimate, shift.low, shift.high) if shift else (None, None, None))),
        p, p_adjusted, [_fraction(measure.kind, each) for each in detectable], spread, finding,
    )  # fmt: skip


def _of_sampling(samples: Samples, percentile: float, is_primary: bool) -> Change:
    """A ratio with the interval of sampling alone, from all runs of a side together; it decides nothing."""
    pooled = (outcome_measures.pool(side) for side in (samples.base, samples.candidate))
    base, candidate = (intervals.of_percentile(sample, percentile) for sample in pooled)
    ratio = intervals.of_log_ratio(base, candidate)
    return Change(
        samples.what, samples.kind, percentile, is_primary, _known(base.observed), _known(candidate.observed),
        *_fractions(samples.kind, ratio.observed, ratio.low, ratio.high),
        None, None, [None] * len(POWERS), None, "unclear",
    )  # fmt: skip


def _fractions(
    kind: Kind, estimate: float | None, low: float | None, high: float | None
) -> tuple[float | None, float | None, float | None]:
    return _fraction(kind, estimate), _fraction(kind, low), _fraction(kind, high)


def _fraction(kind: Kind, difference: float | None) -> float | None:
    known = _known(difference)
    return known if known is None or kind == "failures" else math.expm1(known)


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _describe(change: Change) -> str:
    if change.estimate is None and change.low is None:
        return f"{change.name} was not measured on both sides"
    return f"{change.name} {say_interval(change)}"


def _advise(primaries: Sequence[Change], allowed: float) -> str:
    """The number of pairs that would show an unchanged candidate to be unchanged."""
    spreads = [(change.kind, change.spread) for change in primaries if change.finding == "unclear" and change.spread]
    needed = [paired.pairs_needed(spread, 0.0, limit(kind, allowed), ADVISED_POWER) for kind, spread in spreads]
    if not needed or None in needed:
        return " Longer blocks or a quieter machine would tell."
    pairs = max(each for each in needed if each)
    return f" If nothing changed, {pairs} such pairs would show it with {say_share(ADVISED_POWER)} power."
