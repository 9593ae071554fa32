"""How CPU time is shared out among the kinds of parts."""

import pytest
from rich.console import Console

from loadtests.benchmarks.cost import REST, describe_differences, share_out


def test_each_part_counts_for_one_kind_and_unknown_ones_for_the_rest() -> None:
    used = {"app-1": 1.0, "app-2": 2.0, "postgres-1": 0.5, "postgres-1-replica": 0.25, "exporter-postgres": 0.125}
    shared = share_out(used | {"worker-push": 0.0625, "worker-fanout": 4.0, "signer": 8.0}, likes=1000)
    assert shared["app servers"] == pytest.approx(3.0)
    assert shared["PostgreSQL and its replicas"] == pytest.approx(0.75)
    assert shared["watching"] == pytest.approx(0.125)
    assert shared["push worker and its fake"] == pytest.approx(0.0625)
    assert shared[REST] == pytest.approx(12.0)
    assert sum(shared.values()) == pytest.approx(sum(used.values()) + 12.0625)


def test_differences_are_estimated_for_each_part_and_their_sum() -> None:
    pairs = [{"app servers": 0.1 + 0.01 * number, "Redis": -0.001 * number} for number in range(8)]
    console = Console(width=100, record=True)
    console.print(describe_differences(pairs))
    lines = [line for line in console.export_text().splitlines() if "│" in line]
    assert "+0.135" in lines[0]
    assert "+0.110 to +0.160" in lines[0]
    assert "-0.004" in lines[1]
    assert "+0.132" in lines[2]
