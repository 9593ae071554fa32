"""Runs of schema 1, as the revision before this schema saved them, are still loaded, judged and reported."""

import json
import shutil
from pathlib import Path

import pytest
from likestorm.cli import main
from likestorm.results.record import SCHEMA, document
from likestorm.scenario.reading import load_saved

SAVED = Path(__file__).with_name("schema1")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy of the saved run."""
    return Path(shutil.copytree(SAVED, tmp_path / "run"))


def test_the_record_gets_the_names_of_this_schema() -> None:
    record = document.load(SAVED / "record.json")
    assert record.schema == SCHEMA == 2
    assert record.reconciliation is not None
    assert record.reconciliation.answered == 441
    assert [trend.panel for trend in record.trends] == ["app memory"]
    assert [(each.behind, each.wait_s, each.work_s) for each in record.tier_waits] == [("pool", 0.8, 21.5)]


def test_the_scenario_keeps_its_queue_timeout(run: Path) -> None:
    path = run / "scenario.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps(saved | {"lateness_max_s": 7.5}))
    assert load_saved(path).queue_timeout_s == 7.5


def test_the_run_is_judged_again_and_reported(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(run)]) == 97
    assert "INCONCLUSIVE" in capsys.readouterr().out
    judged = json.loads((run / "record.json").read_text())
    assert judged["schema"] == 2
    assert {"hops", "drifts", "pooler"}.isdisjoint(judged)
    assert main(["report", str(run)]) == 0
    assert "INCONCLUSIVE" in (run / "report.html").read_text()
