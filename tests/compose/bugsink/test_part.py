"""The embedded error tracker as a real process: what the service reports is found again, counted."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from compose.bugsink import part as bugsink
from compose.credentials import Credentials
from compose.errors import StackError
from compose.layout import CLONE, Layout
from compose.local.supervision import environment
from compose.registry import list_probes
from compose.topology import Topology, named
from tests.compose.front.fronts import answers
from tests.compose.stacks import await_true, is_listening, make_layout
from tests.ports import base_ports
from tests.servers import stop

pytestmark = pytest.mark.long
READY_WITHIN_S = 60.0
"""It makes its database first."""

FAILING = """
import sys
import sentry_sdk
from service.telemetry import sentry

finish = sentry.start(sys.argv[1], "1", {"instance": "app-1", "run": "r"}, lambda: "/photos/<id>")
for kind in sys.argv[2:]:
    try:
        raise getattr(__builtins__, kind)("a user's words")
    except Exception as error:
        sentry_sdk.capture_exception(error)
finish()
"""


@dataclass(frozen=True)
class Tracker:
    topology: Topology
    credentials: Credentials

    def report(self, *kinds: str) -> None:
        """One error of each kind, as a process of the service reports it."""
        command = (sys.executable, "-c", FAILING, bugsink.dsn(self.topology, self.credentials), *kinds)
        subprocess.run(command, cwd=CLONE, check=True)

    def read(self) -> Mapping[str, bugsink.Issue]:
        return bugsink.read(self.topology, self.credentials)

    def count(self) -> int:
        return sum(issue.count for issue in self.read().values())


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    candidates = (replace(named("small", base), errors=True) for base in base_ports())
    topology = next(each for each in candidates if not is_listening(each.ports[bugsink.NAME]))
    credentials = Credentials()
    layout = make_layout(tmp_path_factory.mktemp("tracker"))
    part = bugsink.part(topology, layout, credentials)
    folder = layout.make_folder(part.name, None)
    probe = list_probes(topology, credentials)[part.name]
    with layout.log(part.name).open("ab") as log:
        process = subprocess.Popen(
            part.command, cwd=folder, env={**environment(layout), **part.environment}, stdout=log, stderr=log
        )
    try:
        await_true(partial(answers, probe), READY_WITHIN_S)
        yield Tracker(topology, credentials)
    finally:
        stop(process, signal.SIGTERM)


def test_what_came_in_between_two_readings_is_told_by_kind(running: Tracker) -> None:
    running.report("KeyError")
    await_true(lambda: running.count() == 1)
    before = running.read()
    running.report("ValueError", "KeyError", "ValueError")
    await_true(lambda: running.count() == 4)
    came = bugsink.between(before, running.read())
    assert [(issue.kind, issue.message, issue.where, issue.count) for issue in came] == [
        ("ValueError", "", "", 2),
        ("KeyError", "", "", 1),
    ]


def test_nothing_is_told_to_whoever_has_not_the_token(running: Tracker) -> None:
    with pytest.raises(StackError, match="the error tracker answers 401"):
        bugsink.read(running.topology, replace(running.credentials, tracker_token="0" * 40))


def test_without_its_environment_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bugsink, "PYTHON", tmp_path / "python")
    with pytest.raises(StackError, match=r"the error tracker is not installed \(make setup-errors\)"):
        bugsink.part(named("small"), Layout(tmp_path, tmp_path, None), Credentials())
