"""A parent in a process of its own, since it forks and takes signals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.prefork import SHORTEST_LIFE_S
from tests.servers import stop, wait_until
from tests.service.workers import ROOT

PROGRAM = """
import os, signal, sys, time
from service.prefork import Prefork

def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def work(number):
    tell("born", number, os.getpid())
    {work}

Prefork({count}, work, lambda number, pid: tell("died", number, pid), lambda: tell("look"), {patience}).run()
tell("ended")
"""


@contextmanager
def running(
    directory: Path, work: str, count: int = 1, patience: float = 10
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The process of a parent, and the file in which it tells what happens."""
    said = directory / "said"
    program = PROGRAM.format(work=work, count=count, patience=patience)
    with said.open("wb") as file:
        parent = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdout=file, stderr=subprocess.DEVNULL, start_new_session=True
        )
    try:
        wait_until(lambda: b"born" in said.read_bytes(), lambda: parent.poll() is None, "parent")
        yield parent, said
    finally:
        stop(parent)


def heard(said: Path, word: str) -> list[list[str]]:
    """What followed this word, each time."""
    lines = [line.split() for line in said.read_text().splitlines()]
    return [line[1:] for line in lines if line[0] == word]


def test_who_dies_is_started_again_and_the_rest_stays(tmp_path: Path) -> None:
    with running(tmp_path, "signal.pause()", count=2) as (parent, said):
        wait_until(lambda: len(heard(said, "born")) == 2)
        pids = {number: int(pid) for number, pid in heard(said, "born")}
        os.kill(pids["1"], signal.SIGKILL)
        wait_until(lambda: len(heard(said, "born")) == 3)
        assert heard(said, "died") == [["1", str(pids["1"])]]
        assert heard(said, "born")[2][0] == "1"
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(10) == 0
        assert heard(said, "ended") == [[]]


@pytest.mark.parametrize("end", ["raise OSError", "return", "os._exit(3)"])
def test_a_parent_that_cannot_work_does_not_spin(tmp_path: Path, end: str) -> None:
    with running(tmp_path, end) as (_, said):
        started = time.monotonic()
        wait_until(lambda: len(heard(said, "born")) == 3)
        assert time.monotonic() - started > 2 * SHORTEST_LIFE_S - 0.5
        assert len(heard(said, "look")) >= 3


def test_all_end_with_the_one_that_forked_them(tmp_path: Path) -> None:
    with running(tmp_path, "signal.pause()", count=2) as (parent, said):
        wait_until(lambda: len(heard(said, "born")) == 2)
        parent.kill()
        assert parent.wait(10) == -signal.SIGKILL
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for _, pid in heard(said, "born")))


def test_who_does_not_end_is_killed(tmp_path: Path) -> None:
    work = "signal.signal(signal.SIGTERM, signal.SIG_IGN); tell('deaf'); time.sleep(60)"
    with running(tmp_path, work, patience=0.5) as (parent, said):
        wait_until(lambda: bool(heard(said, "deaf")))
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(5) == 0
        pid = heard(said, "born")[0][1]
        assert not Path(f"/proc/{pid}").exists()
