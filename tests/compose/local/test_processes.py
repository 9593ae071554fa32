import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from compose.credentials import Credentials
from compose.layout import Layout
from compose.local import processes, supervision
from compose.local.supervision import Supervisor
from compose.parts import Part
from compose.topology import Topology
from tests.compose.stacks import await_true, list_processes, make_layout

# Starts supervisord with what a test laid out, tied to itself, and waits to be killed.
TIED = """
import sys, time
from pathlib import Path
from compose.layout import Layout
from compose.local.supervision import launch
launch(Layout(Path(sys.argv[1]), Path(sys.argv[1]) / "run", None), tied=True)
print("launched", flush=True)
time.sleep(60)
"""


@pytest.fixture
def layout(topology: Topology, tmp_path: Path) -> Iterator[Layout]:
    """supervisord's files for one part that does nothing; whatever runs is ended."""
    made = make_layout(tmp_path)
    made.make_folder("sleeper", None)
    parts = (Part("sleeper", "service", ("sleep", "60")),)
    text = supervision.configure(topology, made, Credentials(supervisor="secret"), parts)
    supervision.configuration_path(made).write_text(text)
    yield made
    processes.end(processes.find(made, None))


@pytest.fixture
def supervisor(topology: Topology) -> Supervisor:
    return Supervisor(topology.ports["supervisor"], "secret")


def test_a_part_that_is_killed_is_started_again(layout: Layout, supervisor: Supervisor) -> None:
    supervision.launch(layout, tied=False)
    await_true(supervisor.answers)
    supervisor.start(["sleeper"])
    first = supervisor.states()["sleeper"].pid
    await_true(lambda: supervisor.states()["sleeper"].state == "RUNNING")
    os.kill(first, signal.SIGKILL)
    await_true(lambda: supervisor.states()["sleeper"].pid not in (0, first))


def test_what_a_killed_supervisord_leaves_is_found_and_ended(layout: Layout, supervisor: Supervisor) -> None:
    pid = supervision.launch(layout, tied=False)
    await_true(supervisor.answers)
    supervisor.start(["sleeper"])
    sleeper = supervisor.states()["sleeper"].pid
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait()
    left = processes.find(layout, pid)
    assert [process.pid for process in left] == [sleeper]
    processes.end(left)
    assert not psutil.pid_exists(sleeper)


def test_a_process_without_its_environment_is_found_by_session_and_folder(layout: Layout) -> None:
    # As nginx does to itself; `env -i` has none from the beginning.
    process = subprocess.Popen(["env", "-i", "sleep", "60"], start_new_session=True, cwd=layout.folder("sleeper"))
    try:
        await_true(lambda: psutil.Process(process.pid).name() == "sleep")
        assert [found.pid for found in processes.find(layout, process.pid)] == [process.pid]
        assert processes.find(layout, None) == []
    finally:
        process.kill()
        process.wait()


def test_a_stack_ends_with_its_caller_even_when_that_is_killed(layout: Layout, supervisor: Supervisor) -> None:
    with subprocess.Popen([sys.executable, "-c", TIED, layout.state], stdout=subprocess.PIPE) as caller:
        assert caller.stdout
        assert caller.stdout.readline() == b"launched\n"
        await_true(supervisor.answers)
        supervisor.start(["sleeper"])
        # The sleeper has no mark to be read while it is between fork and exec.
        await_true(lambda: len(list_processes(layout.state)) == 2)
        caller.kill()
    await_true(lambda: list_processes(layout.state) == [])


def test_another_process_with_the_same_number_is_not_mistaken() -> None:
    born = processes.birth(os.getpid())
    assert processes.is_alive(os.getpid(), born)
    assert not processes.is_alive(os.getpid(), born - 100)
    assert not processes.is_alive(2**22 + 1, born)
