"""Which tier a comparison says has grown, of sides whose time splits are known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from likestorm.cli import main
from likestorm.comparison import regression_attribution
from likestorm.comparison.decision import compare
from likestorm.comparison.saved import Side
from likestorm.report.comparison import GREW, say_slower
from likestorm.results import comparison
from likestorm.results.record import Record
from likestorm.results.record.timesplit import Composition, TierWait, TimeSplit

from tests.likestorm import sides

USUAL = {"network": 0.5, "nginx": 0.5, "app": 1.0, "db": 2.0}


def _composed(tiers: Mapping[str, float]) -> Composition:
    return Composition(20, sum(tiers.values()), dict(tiers))


def _split(median: Mapping[str, float], slow: Mapping[str, float], seen: int = sides.SAMPLES) -> TimeSplit:
    return TimeSplit(seen, seen, _composed(median), _composed(slow), _composed(slow))


def _told(side: Side, split: TimeSplit, waits: tuple[TierWait, ...] = ()) -> Side:
    def tell(record: Record) -> Record:
        return replace(record, timing={"like": split, "signup": split}, tier_waits=list(waits))

    return sides.change_records(side, tell)


def _sides(slower: float, split: TimeSplit, waits: tuple[TierWait, ...] = (), pairs: int = 8) -> tuple[Side, Side]:
    """A candidate whose likes are slower, and where the time of its answers went."""
    base, candidate = sides.in_turn(pairs, {"like": slower})
    return _told(base, _split(USUAL, USUAL)), _told(candidate, split, waits)


GROWN = _split(USUAL | {"db": 12.0, "app": 1.5}, USUAL | {"redis": 30.0})


@pytest.mark.parametrize("pairs", [1, 8])
def test_of_a_request_that_became_slower_the_tier_that_grew_is_named_with_its_share(pairs: int) -> None:
    [like] = compare(*_sides(1.5, GROWN, pairs=pairs)).slower
    assert (like.name, like.tier) == ("like p50", "db")
    assert like.cause == (
        "the database makes up 10 of the 10.5 ms that answers around the median take longer than the base's"
    )
    assert say_slower(like).endswith("; the database 2 → 12 ms (50 % → 83 % of the time)")
    assert [tier.tier for tier in like.tiers] == ["db", "app"]


def test_one_that_did_not_become_slower_is_not_explained() -> None:
    assert compare(*_sides(1.0, GROWN)).slower == []


def test_one_whose_tail_alone_became_slower_is_explained_by_its_slow_answers() -> None:
    base, candidate = _sides(1.5, GROWN)
    changes = compare(base, candidate).changes
    of_the_tail = [replace(each, low=-0.1) if each.name == "like p50" else each for each in changes]
    [like] = regression_attribution.find(base.records, candidate.records, of_the_tail)
    assert (like.name, like.tier) == ("like p95", "redis")
    assert "slow answers take longer than the base's" in like.cause


@pytest.mark.parametrize("uncovered", [0, 1])
def test_where_a_run_has_no_time_split_nothing_is_said(uncovered: int) -> None:
    both = list(_sides(1.5, GROWN))
    first, *others = both[uncovered].runs
    both[uncovered] = Side((replace(first, record=replace(first.record, timing={})), *others))
    assert compare(both[0], both[1]).slower == []


def test_too_few_answers_that_told_name_no_tier() -> None:
    [like] = compare(*_sides(1.5, replace(GROWN, seen=100))).slower
    assert like.tier is None
    assert "not known: only 100 of 200 answers had a Server-Timing header" in like.cause


def test_everything_that_grows_alike_names_no_tier() -> None:
    [like] = compare(*_sides(1.5, _split({tier: ms + 1 for tier, ms in USUAL.items()}, USUAL))).slower
    assert like.tier is None
    assert "the network 1 ms" in like.cause


def test_statements_that_waited_in_the_pooler_are_the_pools() -> None:
    [like] = compare(*_sides(1.5, GROWN, (TierWait("db", "pool", "PgBouncer", 3.0, 1.0),))).slower
    assert like.tier == "pool"


def test_the_means_of_several_runs_are_compared() -> None:
    base, candidate = _sides(1.5, GROWN)
    first, *others = candidate.runs
    more = replace(first, record=replace(first.record, timing={"like": _split(USUAL | {"db": 20.0}, USUAL)}))
    [like] = compare(base, Side((more, *others))).slower
    assert like.tiers[0].candidate_ms == pytest.approx((20 + 7 * 12) / 8)


def test_terminal_markdown_and_page_say_it_alike_and_the_file_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, candidate = (sides.write(side, tmp_path) for side in _sides(1.5, GROWN))
    out = tmp_path / "out"
    arguments = ["compare", "--base", *map(str, base), "--candidate", *map(str, candidate), "--out", str(out)]
    assert main(arguments) == 99
    cause = "the database makes up 10 of the 10.5 ms that answers around the median take longer than the base"
    for text in (capsys.readouterr().out, (out / "comparison.md").read_text(), (out / "comparison.html").read_text()):
        assert GREW in text
        assert cause in text
    [like] = comparison.load(out).slower
    assert like.tier == "db"


def test_a_comparison_that_was_saved_before_is_still_read(tmp_path: Path) -> None:
    file = tmp_path / comparison.FILE
    comparison.save(compare(*_sides(1.5, GROWN)), file)
    sides.edit(file, lambda data: data.__delitem__("slower"))
    assert comparison.load(file).slower == []
    assert msgspec.json.decode(file.read_bytes())["status"] == "regression"
