"""What keeps a host's command tied to whoever started it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose.layout import CLONE
from tests.servers import stop


@contextmanager
def tied(count: int, *command: str) -> Iterator["subprocess.Popen[str]"]:
    arguments = (sys.executable, "-m", "compose.fleet.tied", str(count), *command)
    running = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CLONE,
        start_new_session=True,
    )  # fmt: skip
    with running:
        try:
            yield running
        finally:
            stop(running)  # type: ignore[arg-type]


def started(running: "subprocess.Popen[str]", count: int) -> None:
    """Return once so many of the commands have said that they are there."""
    assert running.stdout is not None
    assert [running.stdout.readline() for _ in range(count)] == ["here\n"] * count


def test_as_many_as_asked_run_side_by_side_and_their_end_is_its_end() -> None:
    with tied(3, "sh", "-c", "echo here") as running:
        assert running.wait(10) == 0
        started(running, 3)


@pytest.mark.parametrize("how", ["input ends", "hangup"])
def test_commands_end_with_whoever_started_them(how: str) -> None:
    with tied(2, "sh", "-c", "echo here; exec sleep 60") as running:
        started(running, 2)
        assert running.stdin is not None
        running.stdin.write("\n")
        running.stdin.flush()
        if how == "hangup":
            running.terminate()
        said, complained = running.communicate(timeout=60)  # closes standard input; ends when nobody holds the outputs
        assert (said, complained) == ("", "")
        assert running.returncode == 0


def test_the_status_of_one_that_failed_is_told_when_all_have_ended(tmp_path: Path) -> None:
    # Both make the same folder: one of them cannot.
    with tied(2, "mkdir", str(tmp_path / "made")) as running:
        assert running.wait(10) == 1


def test_one_that_does_not_go_is_killed_and_told_of() -> None:
    with tied(2, "sh", "-c", 'trap "" TERM; echo here; exec sleep 60') as running:
        started(running, 2)
        _, complained = running.communicate(timeout=30)
        assert (running.returncode, complained) == (1, "2 did not end within 8 s: killed\n")
