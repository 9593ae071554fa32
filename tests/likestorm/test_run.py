"""A finished measurement outlives whatever fails after it."""

import json
from pathlib import Path

import pytest
from likestorm import run
from likestorm.cli import main
from likestorm.results.record import document
from likestorm.scenario.reading import load

from tests.likestorm import records, scripted

SCENARIO = """
name = "broken"
description = "on a target whose audit fails, and that does not stop cleanly"
users = "tests.likestorm.visitors:Diarist"
warm_up_s = 0
duration_s = 2
drain_s = 2

[target]
python = "tests.likestorm.broken_target:Broken"
address = "URL"

[arrivals.note]
schedule = "constant"
rate = 20
steps = ["note"]

[[budgets.errors]]
name = "errors"
error_ratio = 0.5

[limits]
dispatch_lag_p99_s = 1
loop_lag_p99_s = 1
cpu_percent = 100
"""


@pytest.mark.timed
def test_a_failed_audit_and_a_failed_stop_leave_a_record_and_an_open_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "broken.toml", tmp_path / "out"
    with scripted.server() as url:
        file.write_text(SCENARIO.replace("URL", url))
        status = main(["run", str(file), "--out", str(out)])
    assert status == 97
    record = document.load(out / "record.json")
    assert (record.load.completed, record.ledger) == (40, [])
    assert record.ledger_problem == "the audit failed: the database is gone"
    assert "warning: the target did not stop cleanly: a process does not end" in capsys.readouterr().out
    assert record.verdict is not None
    assert "ledger: the audit failed" in record.verdict.reason


def test_a_report_that_cannot_be_written_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.html").mkdir()
    verdict, shown = run.conclude(records.breach(), load("likes"), tmp_path)
    assert (verdict.exit_code, shown) == (99, tmp_path / "record.json")
    assert json.loads(shown.read_text())["verdict"]["status"] == "breach"
    assert "warning: there is no report: " in capsys.readouterr().out
