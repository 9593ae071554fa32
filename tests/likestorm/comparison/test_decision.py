"""What a comparison decides, of runs whose truth is known."""

import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from likestorm.comparison.decision import compare, conclude, judge
from likestorm.comparison.interleaved import order
from likestorm.comparison.outcome_measures import OutcomeMeasure, pair_up
from likestorm.report import comparison as page
from likestorm.results import comparison
from likestorm.results.comparison import Change, Comparison
from likestorm.results.record import Record
from likestorm.results.record.traffic import Requests
from likestorm.verdict import statistics
from likestorm.verdict.statistics import Interval
from scipy.stats import binom

from tests.likestorm import records, sides
from tests.likestorm.sides import BUDGETED

COMPARISONS = 200


def _change(found: Comparison, what: str, percentile: float | None = 50) -> Change:
    [change] = [each for each in found.changes if (each.what, each.percentile) == (what, percentile)]
    return change


def _drifting(chance: random.Random, pairs: int, factor: float = 1.0) -> list[OutcomeMeasure]:
    """Blocks of a machine that grows slower all the while, and now and then has a bad block."""
    where = order(pairs, chance.randrange(1000))
    levels = [math.exp(0.02 * k + chance.gauss(0, 0.05)) * chance.choice([1, 1, 1, 1.5]) for k in range(len(where))]
    found = []
    for what in BUDGETED:
        values = [(side, level * chance.lognormvariate(0, 0.02)) for side, level in zip(where, levels, strict=True)]
        base = [value for side, value in values if side == "base"]
        candidate = [value * factor for side, value in values if side == "candidate"]
        found.append(OutcomeMeasure(what, "request", 50, base, candidate))
    return [OutcomeMeasure("arrivals", "failures", None, [0.0] * pairs, [0.0] * pairs), *found]


@pytest.mark.long
def test_of_nothing_changed_alarms_are_as_rare_as_promised() -> None:
    chance = random.Random(2011)
    statuses = Counter(conclude(judge(_drifting(chance, 8), BUDGETED, 0.0), 0.0, 8, [])[0] for _ in range(COMPARISONS))
    assert statuses["regression"] <= binom.ppf(0.999, COMPARISONS, 0.025)
    assert statuses["unclear"] > COMPARISONS / 2  # "not slower at all" cannot be shown of what did not change


def test_a_real_slowdown_is_found_on_a_machine_that_drifts() -> None:
    chance = random.Random(2011)
    judged = (judge(_drifting(chance, 16, 1.5), BUDGETED) for _ in range(COMPARISONS))
    found = sum(conclude(changes, 0.05, 16, [])[0] == "regression" for changes in judged)
    assert found >= 0.95 * COMPARISONS


def test_runs_one_side_after_the_other_decide_nothing_however_they_differ() -> None:
    base, candidate = sides.in_turn(8, {"like": 3.0})
    later = sides.change_records(candidate, lambda each: replace(each, started_at=f"2012{each.started_at[4:]}"))
    found = compare(base, later)
    assert (found.status, found.exit_code, found.pairs) == ("unclear", 97, 0)
    assert "cannot tell a change from drift" in found.reason
    like = _change(found, "like")
    assert like.estimate == pytest.approx(2.0, abs=0.15)
    assert like.low is not None
    assert like.high is not None
    assert like.low < 2 < like.high
    assert like.finding == "unclear"


def test_two_single_runs_decide_nothing() -> None:
    base, candidate = sides.in_turn(1, {"like": 3.0})
    assert compare(base, candidate).exit_code == 97


def test_a_slowdown_of_one_request_is_found_measured_and_named() -> None:
    found = compare(*sides.in_turn(8, {"like": 1.2}))
    assert (found.status, found.exit_code, found.pairs) == ("regression", 99, 8)
    assert found.reason.startswith("Worse than allowed: like p50 +")
    assert "upload" not in found.reason
    like = _change(found, "like")
    assert like.estimate == pytest.approx(0.2, abs=0.05)
    assert like.low is not None
    assert like.low > 0.05
    assert like.p_adjusted == pytest.approx(5 / 2**8)  # eight of eight, the first of five
    assert _change(found, "upload-put").finding != "worse"
    assert not _change(found, "like", 99).primary


def test_of_calm_runs_that_did_not_change_it_is_shown_that_they_did_not() -> None:
    found = compare(*sides.in_turn(10), allowed=0.15)
    assert (found.status, found.exit_code) == ("held", 0)
    assert found.reason.startswith("None of the 5 primary outcome measures")


def test_an_improvement_is_no_regression() -> None:
    found = compare(*sides.in_turn(8, dict.fromkeys(BUDGETED, 0.5)))
    assert found.status == "held"
    assert _change(found, "like").estimate == pytest.approx(-0.5, abs=0.05)


def test_what_the_interval_leaves_open_cannot_be_told_and_more_pairs_are_advised() -> None:
    found = compare(*sides.in_turn(6, noise=0.05, seed=4))
    assert (found.status, found.exit_code) == ("unclear", 97)
    assert "such pairs would show it with 90 % power" in found.reason
    assert _change(found, "like").detectable == [None, None]  # six pairs, five tests: no p-value is small enough


def test_the_percentile_that_decides_can_be_chosen() -> None:
    found = compare(*sides.in_turn(8, {"like": 1.5}), primary=99)
    assert found.status == "regression"
    assert {(c.what, c.percentile) for c in found.changes if c.primary} == {
        ("arrivals", None), *((what, 99) for what in BUDGETED),
    }  # fmt: skip


def test_a_candidate_that_answers_less_is_worse_however_fast() -> None:
    found = compare(*sides.in_turn(8, dict.fromkeys(BUDGETED, 0.5), failed=20))
    assert found.status == "regression"
    assert "arrivals, not completed +2.00 points" in found.reason


def test_a_percentile_among_arrivals_that_never_completed_is_worse() -> None:
    base, candidate = sides.in_turn(8)

    def hang(each: Record) -> Record:
        return replace(each, requests=each.requests | {"like": replace(each.requests["like"], censored=900)})

    found = compare(base, sides.change_records(candidate, hang))
    assert found.status == "regression"
    like = _change(found, "like")
    assert (like.finding, like.base is None, like.candidate, like.estimate) == ("worse", False, None, None)


def test_a_request_that_nobody_made_is_never_a_pass() -> None:
    base, candidate = sides.in_turn(8)

    def never(each: Record) -> Record:
        kept: dict[str, Requests] = {what: made for what, made in each.requests.items() if what != "upload-put"}
        return replace(each, requests=kept)

    found = compare(base, sides.change_records(candidate, never), allowed=0.5)
    assert found.exit_code == 97
    assert "upload-put p50 was not measured on both sides" in found.reason


def test_an_invalid_run_outranks_a_regression() -> None:
    base, candidate = sides.in_turn(8, {"like": 2.0})
    verdict = records.invalid().verdict
    spoilt = replace(candidate.runs[3], record=replace(candidate.runs[3].record, verdict=verdict))
    found = compare(base, replace(candidate, runs=(*candidate.runs[:3], spoilt, *candidate.runs[4:])))
    assert (found.status, found.exit_code) == ("invalid", 98)
    assert "candidate-3" in found.reason


def test_pairs_are_neighbours_in_time() -> None:
    base, candidate = sides.in_turn(6)
    pairs = pair_up(base.records, candidate.records)
    assert len(pairs) == 6
    assert all(abs(int(one.started_at[14:16]) - int(other.started_at[14:16])) == 1 for one, other in pairs)
    assert pair_up(base.records, candidate.records[:-1]) == []
    assert pair_up(base.records[:5], candidate.records[:5]) == []


def test_a_comparison_survives_its_file_and_its_page_says_it_all(tmp_path: Path) -> None:
    found = replace(compare(*sides.in_turn(8, {"like": 1.2})), warnings=["machine differs: a | b"])
    whole = page.write(found, tmp_path / "new").read_text()
    assert comparison.load(tmp_path / "new") == found
    assert "<h1>REGRESSION</h1>" in whole
    assert "Warning: machine differs: a | b" in whole
    text = (tmp_path / "new" / page.SUMMARY).read_text()
    assert text.startswith("# REGRESSION: likes\n")
    assert "(exit status 99)" in text
    assert "Warning: machine differs: a \\| b" in text
    [row] = [line for line in text.splitlines() if line.startswith("| like p50 ")]
    assert row.endswith("| worse |")
    assert comparison.say_interval(_change(found, "like")) in row


def test_the_ratio_of_two_samples_has_both_their_intervals() -> None:
    ratio = statistics.of_log_ratio(Interval(10, 10 / 1.1, 10 * 1.1), Interval(20, 20 / 1.2, 20 * 1.2))
    width = math.hypot(math.log(1.1), math.log(1.2))
    assert ratio.observed == pytest.approx(math.log(2))
    assert ratio.low == pytest.approx(math.log(2) - width)
    assert ratio.high == pytest.approx(math.log(2) + width)
    open_ended = statistics.of_log_ratio(Interval(10, 9, 11), Interval(20, 18, math.inf))
    assert open_ended.high is None
    assert open_ended.low is not None
    assert statistics.of_log_ratio(Interval(None, None, None), Interval(20, 18, 22)).observed is None
