"""How many blocks a comparison needs, said beforehand; and the recorded blocks that it rests on."""

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest
from likestorm.cli import main
from likestorm.comparison import paired, pilot_data, planning
from likestorm.comparison.decision import compare
from likestorm.comparison.pilot_data import PilotData
from likestorm.comparison.planning import Pilot
from likestorm.comparison.saved import CompareError
from likestorm.report import comparison as page

from loadtests.benchmarks import comparison
from tests.likestorm import sides
from tests.likestorm.sides import BUDGETED

PILOT = Pilot("a pilot", spread=0.08, tests=5)


def _blocks(number: int = 40, spread: float = 0.03) -> PilotData:
    """Calm blocks of a machine that drifts a little."""
    chance = random.Random(2011)
    values = {
        f"{what} p50": [5 * math.exp(0.005 * k + chance.gauss(0, spread)) for k in range(number)] for what in BUDGETED
    }
    times = [f"2011-10-06T09:{k:02d}" for k in range(number)]
    return PilotData("none", "0", "machine", "likes", 1, 2, 8, times, values, [0.0] * number)


def test_the_pairs_chosen_suffice_and_fewer_would_not() -> None:
    pairs = planning.choose_pairs(PILOT, allowed=0.05, detect=0.2, power=0.9)
    seen = [paired.detectable(n, PILOT.spread, math.log(1.05), 0.9, PILOT.tests) for n in (pairs - 1, pairs)]
    assert seen[1] <= math.log(1.2) < seen[0]
    said = planning.say_plan(PILOT, pairs, 0.05, 0.9, minutes=13.4)
    assert said.startswith(f"{pairs} pairs, about 13 min: shows a slowdown of ")
    assert "with 90 % power, if pairs differ by 8 % as in a pilot" in said
    assert "shows no slowdown" in planning.say_plan(PILOT, 6, 0.05, 0.9, 1)


def test_what_no_number_of_blocks_can_show_is_refused() -> None:
    with pytest.raises(CompareError, match=r"--detect 5 % is no more than the 5 % that --allow allows"):
        planning.choose_pairs(PILOT, allowed=0.05, detect=0.05, power=0.9)
    with pytest.raises(CompareError, match="not even 64 pairs show 6 % with 90 % power"):
        planning.choose_pairs(PILOT, allowed=0.05, detect=0.06, power=0.9)


def test_an_earlier_comparison_is_a_pilot_if_it_has_pairs(tmp_path: Path) -> None:
    found = compare(*sides.in_turn(8, noise=0.05))
    page.write(found, tmp_path / "pairs")
    pilot = planning.of_comparison(tmp_path / "pairs")
    assert pilot.spread == max(c.spread or 0 for c in found.changes if c.primary and c.kind == "request")
    assert pilot.tests == 5
    page.write(compare(*sides.in_turn(1)), tmp_path / "single")
    with pytest.raises(CompareError, match="no spread between blocks"):
        planning.of_comparison(tmp_path / "single")


def test_a_plan_is_only_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page.write(compare(*sides.in_turn(8)), tmp_path)
    arguments = ["compare-revisions", "HEAD", "HEAD", "--scenario", "likes", "--pilot", str(tmp_path), "--plan"]
    assert main([*arguments, "--blocks", "20"]) == 0
    assert capsys.readouterr().out.startswith("20 pairs, about 26 min: shows a slowdown of ")
    assert main([*arguments, "--detect", "1%"]) == 2
    assert "--detect 1 % is no more" in capsys.readouterr().err
    assert main(["compare-revisions", "HEAD", "no-such-revision", "--scenario", "likes", "--plan"]) == 2
    assert "no-such-revision: no such revision" in capsys.readouterr().err


def test_the_spread_of_blocks_is_that_of_neighbours() -> None:
    assert pilot_data.spread([1.0, math.e, 1.0, math.e]) == pytest.approx(1.0)
    assert pilot_data.spread([math.exp(0.01 * k) for k in range(40)]) == pytest.approx(0.01)


def test_recorded_blocks_keep_what_each_run_bears(tmp_path: Path) -> None:
    records = [*sides.in_turn(2, failed=10)[1].records, *sides.in_turn(1)[0].records]
    kept = pilot_data.of_records(records, "made here")
    pilot_data.save(kept, tmp_path / "blocks.json")
    assert pilot_data.load(tmp_path / "blocks.json") == kept
    assert kept.failures == pytest.approx([0.01, 0.01, 0.0])
    assert kept.values["like p50"] == pytest.approx(
        [r.requests["like"].response_time_ms.p50 for r in records], rel=1e-3
    )
    assert set(kept.values) == {f"{what} p{q}" for what in (*BUDGETED, "signup") for q in (50, 95, 99)}


def test_the_committed_blocks_are_enough_to_resample() -> None:
    recorded = pilot_data.load(comparison.FILE)
    assert len(recorded.failures) >= 40
    assert recorded.started_at == sorted(recorded.started_at)
    for what in BUDGETED:
        assert len(recorded.values[f"{what} p50"]) == len(recorded.failures)
    pilot = planning.of_pilot_data(recorded, BUDGETED, 50)
    assert pilot is not None
    assert pilot.tests == 5
    assert planning.of_pilot_data(recorded, ["unlike"], 50) is None


def test_a_resampled_comparison_is_of_neighbours_and_slows_the_candidate_alone() -> None:
    numbers = {f"{what} p50": [1.0 + k for k in range(40)] for what in BUDGETED}
    numbered = PilotData("none", "0", "machine", "likes", 1, 2, 8, [], numbers, [0.0] * 40)
    failures, like, ask, *_ = comparison.resample(numbered, random.Random(1), 8, {"like": 100.0}, BUDGETED)
    assert failures.base == failures.candidate == [0.0] * 8
    assert like.base == ask.base
    assert like.candidate == [100 * value for value in ask.candidate]
    for (one, other), (third, fourth) in list(pairwise(zip(ask.base, ask.candidate, strict=True)))[::2]:
        stretch = sorted((one, other, third, fourth))
        assert stretch == [stretch[0] + k for k in range(4)]
        assert abs(one - other) == 1 or abs(one - fourth) == 1


@pytest.mark.long
def test_calm_blocks_give_few_alarms_and_much_power(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "COMPARISONS", 100)
    alarms = comparison.rate(_blocks(), 10, {}, BUDGETED, 0.0)
    found = comparison.rate(_blocks(), 10, {"like": 1.2}, BUDGETED, 0.05)
    assert alarms <= 8  # of a hundred at 2.5 %, but once in a thousand
    assert found >= 95
