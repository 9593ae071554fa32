import json
from pathlib import Path

import pytest
from likestorm.results.record import document

from tests.likestorm import records


def test_what_is_saved_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    document.save(records.breach(), path)
    assert document.load(path) == records.breach()
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_what_its_readers_are_promised(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    document.save(records.passing(), path)
    saved = json.loads(path.read_text())
    assert saved["schema"] == 2
    assert saved["verdict"]["status"] == "pass"
    assert saved["verdict"]["exit_code"] == 0
    load = saved["load"]
    assert load["offered"] == load["completed"] + load["failed"] + load["dropped"] + load["unfinished"]
    assert set(saved["requests"]["like"]["response_time_ms"]) == {"p50", "p90", "p95", "p99", "p99_9", "max"}
    assert {"name", "limit", "observed", "low", "high", "status"} <= set(saved["verdict"]["budgets"][0])
    assert {"check", "limit", "observed", "status"} <= set(saved["verdict"]["validity"][0])
    wanted = {"name", "attempted", "acknowledged", "stored", "lost", "phantom", "indeterminate", "residual"}
    assert wanted <= set(saved["ledger"][0])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "malformed|truncated"),
        ('{"schema": 99}', "schema 99, this version reads 1 to 2"),
        ("[]", "schema None"),
        ('{"schema": 1}', "missing required field"),
    ],
)
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(document.RecordError, match=complaint) as refused:
        document.load(path)
    assert "record.json" in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(document.RecordError, match="No such file"):
        document.load(tmp_path / "record.json")
