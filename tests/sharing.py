"""How the processes of pytest-xdist share the tests: a file stays together, and long ones come first."""

from collections.abc import Mapping, Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

TOGETHER: Mapping[str, str] = {
    "compose/local/test_local.py": "stack",
    "alertmanager/test_configuration.py": "stack",
    "compose/exporters/test_collectors.py": "stack",
    "compose/front/test_balancing.py": "front",
    "compose/front/test_rolling.py": "front",
    "dashboards/test_view.py": "prometheus",
    "dashboards/test_publish.py": "prometheus",
}
"""Ends of files that need the same servers of a whole session, which are dear: one process starts them."""
LONGEST: Sequence[str] = (
    "photoapp/test_bench.py", "alerts/test_live_drill.py", "fleet/test_swarm.py",
    "service/admin/seed/test_loading.py", "compose/local/test_local.py",
    "alertmanager/test_configuration.py", "compose/exporters/test_collectors.py", "service/test_security_backends.py",
    "comparison/test_regression_attribution.py", "service/test_worker_processes.py", "comparison/test_decision.py",
    "compose/front/test_balancing.py", "compose/front/test_rolling.py", "compose/fleet/test_fabfile.py",
    "service/admin/test_moving.py", "local/test_promotion.py", "service/test_prefork.py",
    "generator/test_coordinator.py", "compose/front/test_cdn.py", "report/test_report.py", "generator/test_workers.py",
)  # fmt: skip
"""Ends of files that take longest; one that began last would be waited for by all other processes."""


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out whole files, in the order in which they were collected.

    `--dist loadgroup` would not: xdist 3.8 writes the groups to an attribute that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        # A process begins a file's last test only once it knows what comes next. At the start that test may be all of
        # its file, and long: what comes next waits for it, so it is not one of those that take longest.
        given = self.assigned_work[node]
        begun = any(done for tests in given.values() for done in tests.values())
        if not begun and self.workqueue and self._pending_of(given) <= 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._reschedule(node)


def group_of(nodeid: str) -> str:
    """What stays together with this test: its file, or those of its servers."""
    file = nodeid.partition("::")[0]
    return next((group for end, group in TOGETHER.items() if file.endswith(end)), file)


def scheduler(config: pytest.Config, log: object) -> Together:
    """For the process that leads the others."""
    config.option.loadscopereorder = False  # by the number of tests, which says nothing of how long they take
    return Together(config, log)


def longest_first(items: list[pytest.Item]) -> None:
    """Bring the files that take longest to the front."""
    ranks = {path: _rank(str(path)) for path in {item.path for item in items}}
    items.sort(key=lambda item: ranks[item.path])


def _rank(file: str) -> int:
    return next((rank for rank, end in enumerate(LONGEST) if file.endswith(end)), len(LONGEST))
