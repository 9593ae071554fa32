"""A few drills for real: a fault done to a living stack reaches a person, and so does its end."""

import json
import tempfile
from pathlib import Path

import pytest
import requests

from alerts.drills import drill
from alerts.drills.faults import BY_NAME, SHORT
from compose.topology import LOOPBACK, Topology, named
from tests.compose.stacks import free_range

pytestmark = [pytest.mark.e2e, pytest.mark.timed]
USERS, LOAD = 200, 0.1
"""A little traffic is enough to be kept waiting, and leaves a busy machine time for the rest."""


def ask(topology: Topology, promql: str) -> list[object]:
    url = f"http://{LOOPBACK}:{topology.ports['prometheus']}/api/v1/query"
    result: list[object] = requests.get(url, {"query": promql}, timeout=5).json()["data"]["result"]
    return result


def test_the_short_set_of_drills_is_good(tmp_path: Path) -> None:
    premature: list[object] = []

    def look(said: str) -> None:
        if said == "warming up":
            premature.extend(ask(topology, 'count_over_time(ALERTS{alertname="WorkerInstanceUnreachable"}[5m])'))

    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as name:
        Path(name).chmod(0o755)
        faults = tuple(BY_NAME[each] for each in SHORT)
        topology = named("small", free_range())
        options = drill.Options(faults, 3.0, 0.0, tmp_path, topology, Path(name), USERS, LOAD)
        result = drill.run(options, look)
    # What nobody has looked at yet is not away. An alert that has just ended would swallow the drill's own.
    assert premature == []
    written = json.loads((tmp_path / "matrix.json").read_text())
    assert {row["fault"]: [cell["alert"] for cell in row["cells"]] for row in written["rows"]} == {
        fault.name: list(fault.alerts) for fault in faults
    }
    assert result.ledger == ()
    for row in result.rows:
        assert all(cell.fired_s is not None and cell.resolved_s is not None for cell in row.cells), row
        # What fires besides depends on how busy the machine is: `make drill` looks at that, with nothing else running.
        assert row.ailments == ()
    messages = [json.loads(line)["message"] for line in (tmp_path / "webhooks.jsonl").read_text().splitlines()]
    assert {message["status"] for message in messages} == {"firing", "resolved"}
