import subprocess
import sys
from collections.abc import Iterator

import pytest

from compose.local.memory import measure

HOLDS_60_MB = "import sys; held = bytearray(b'x') * 60_000_000; print('ready', flush=True); sys.stdin.read()"
HOLDS_A_CHILD = f"""
import subprocess, sys
command = [sys.executable, "-c", {HOLDS_60_MB!r}]
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
child.communicate()
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """The pids of a process and of its child, which holds 60 MB."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        yield parent.pid, child
        parent.communicate()


def test_children_count_with_their_part(family: tuple[int, int]) -> None:
    parent, _ = family
    assert 60 < measure({"all": parent})["all"] < 100


def test_a_child_that_is_a_part_itself_counts_once(family: tuple[int, int]) -> None:
    parent, child = family
    found = measure({"supervisor": parent, "part": child})
    assert found["supervisor"] < 40
    assert found["part"] > 60


def test_what_has_ended_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert measure({"gone": ended.pid}) == {"gone": 0.0}
