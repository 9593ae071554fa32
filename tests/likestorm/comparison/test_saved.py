"""Which saved runs may be compared, which not, and what a reader is warned of."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from likestorm.cli import main
from likestorm.comparison import saved
from likestorm.comparison.saved import CompareError
from likestorm.results.record import Record

from tests.likestorm import sides


def _seed(each: Record) -> Record:
    return replace(each, scenario=replace(each.scenario, seed=7))


def _duration(each: Record) -> Record:
    return replace(each, scenario=replace(each.scenario, duration_s=4))


def _rate(each: Record) -> Record:
    return replace(each, arrivals=each.arrivals | {"like": replace(each.arrivals["like"], rate=91)})


def _topology(each: Record) -> Record:
    return replace(each, settings=each.settings | {"topology": "2011"})


def _storage(each: Record) -> Record:
    return replace(each, settings=each.settings | {"storage": "disk"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_seed, "seed is 2011 and 7"),
        (_duration, "duration_s is 3 and 4"),
        (_rate, "arrivals.like.rate is 90.0 and 91"),
        (_topology, "target.topology is small and 2011"),
        (_storage, "target.storage is memory and disk"),
    ],
)
def test_runs_of_unlike_loads_or_targets_are_refused(change: Callable[[Record], Record], said: str) -> None:
    base, candidate = sides.in_turn(1)
    saved.check_alike(base, candidate)
    with pytest.raises(CompareError, match=re.escape(said)) as refused:
        saved.check_alike(base, sides.change_records(candidate, change))
    assert str(refused.value).startswith("base-0 and candidate-0 are not alike: ")


def test_what_only_the_scenario_says_counts_but_not_its_budgets() -> None:
    base, candidate = sides.in_turn(1)
    other = replace(candidate.runs[0], scenario=msgspec.structs.replace(sides.scenario(), users_max=7))
    with pytest.raises(CompareError, match="users_max is 256 and 7"):
        saved.check_alike(base, replace(candidate, runs=(other,)))
    budgets = msgspec.structs.replace(sides.scenario().budgets, objectives=["like"])
    stricter = replace(candidate.runs[0], scenario=msgspec.structs.replace(sides.scenario(), budgets=budgets))
    saved.check_alike(base, replace(candidate, runs=(stricter,)))


def test_a_run_is_not_compared_with_itself() -> None:
    base, _ = sides.in_turn(1)
    with pytest.raises(CompareError, match="base-0: is on both sides"):
        saved.check_alike(base, base)


def test_unlike_machines_are_warned_of_and_unlike_revisions_are_the_point() -> None:
    base, candidate = sides.in_turn(1)

    def elsewhere(each: Record) -> Record:
        facts = each.environment | {"machine": "Other CPU, 64 cores", "likestorm": "f00"}
        return replace(each, environment=facts, generator=replace(each.generator, realtime=True))

    assert saved.list_warnings(base, candidate) == []
    assert saved.list_warnings(base, sides.change_records(candidate, elsewhere)) == [
        "machine differs: Example CPU @ 2.60GHz, 2 cores, 8 GiB / Other CPU, 64 cores",
        "the generator had real-time priority in some of the runs only",
    ]


def test_without_its_scenario_all_requests_of_a_run_count(tmp_path: Path) -> None:
    [folder] = sides.write(sides.in_turn(1)[0], tmp_path)
    assert saved.read([folder]).budgeted == list(sides.BUDGETED)
    assert saved.read([folder / "record.json"]).budgeted == list(sides.BUDGETED)
    (folder / "scenario.json").unlink()
    assert saved.read([folder]).budgeted == [*sides.BUDGETED, "signup"]


def test_a_run_that_was_never_judged_is_refused(tmp_path: Path) -> None:
    side = sides.change_records(sides.in_turn(1)[0], lambda each: replace(each, verdict=None))
    [folder] = sides.write(side, tmp_path)
    with pytest.raises(CompareError, match="was never judged"):
        saved.read([folder])


def test_compare_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, candidate = (sides.write(side, tmp_path) for side in sides.in_turn(8, {"like": 1.5}))
    out = tmp_path / "out"
    arguments = ["compare", "--base", *map(str, base), "--candidate", *map(str, candidate), "--out", str(out)]
    assert main([*arguments, "--allow", "10%"]) == 99
    printed = capsys.readouterr().out
    assert "REGRESSION (exit status 99)" in printed
    assert "Worse than allowed: like p50 +" in printed
    assert sorted(path.name for path in out.iterdir()) == ["comparison.html", "comparison.json", "comparison.md"]
    assert main(["compare", str(base[0]), str(candidate[0]), "--out", str(out)]) == 97
    assert "cannot tell a change from drift" in capsys.readouterr().out


def test_what_makes_no_sense_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, candidate = (sides.write(side, tmp_path)[0] for side in sides.in_turn(1))
    sides.edit(candidate / "record.json", lambda data: data["scenario"].update(seed=7))  # type: ignore[attr-defined]
    for arguments, said in (
        ([str(base), str(candidate)], "seed is 2011 and 7"),
        ([str(base)], "compare takes two runs"),
        ([], "compare takes two runs"),
        ([str(base), str(candidate), "--base", str(base)], "compare takes two runs"),
    ):
        assert main(["compare", *arguments, "--out", str(tmp_path / "none")]) == 2
        complaint = capsys.readouterr().err
        assert said in complaint
        assert complaint.count("\n") == 1
    assert not (tmp_path / "none").exists()
