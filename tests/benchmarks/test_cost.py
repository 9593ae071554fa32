"""How CPU time is shared out among the kinds of parts."""

import pytest

from loadtests.benchmarks.cost import REST, share_out


def test_each_part_counts_for_one_kind_and_unknown_ones_for_the_rest() -> None:
    used = {"app-1": 2.0, "app-2": 1.0, "postgres-1": 0.5, "postgres-1-replica": 0.25, "exporter-redis": 0.125}
    shared = share_out({**used, "worker-push": 0.0625, "worker-feed": 4.0, "edge": 8.0}, likes=1000)
    assert shared["app servers"] == pytest.approx(3.0)
    assert shared["PostgreSQL and its replicas"] == pytest.approx(0.75)
    assert shared["watching"] == pytest.approx(0.125)
    assert shared["push worker and its fake"] == pytest.approx(0.0625)
    assert shared[REST] == pytest.approx(12.0)
    assert sum(shared.values()) == pytest.approx(sum(used.values()) + 12.0625)
