"""Groups of processes: real ones, of which this test's own process is the supervisor."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose.errors import StackError
from compose.exporters.processes import Processes
from tests.servers import wait_until

SPIN = "while :; do :; done"


@contextmanager
def shell(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that ends with its standard input."""
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()


def values(processes: Processes) -> dict[tuple[str, ...], float]:
    return {(s.name.removeprefix("namedprocess_namegroup_"), *s.labels.values()): s.value
            for metric in processes() for s in metric.samples}  # fmt: skip


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    file = tmp_path / "pid"
    file.write_text(f"{os.getpid()}\n")
    return file


def test_a_part_is_its_process_with_all_that_it_started(pid_file: Path) -> None:
    with shell("exec 3<&0; cat <&3 & cat <&3; wait") as one, shell("cat") as other, shell("cat"):
        parts = {"one": one.pid, "other": other.pid, "stopped": 0}
        processes = Processes(pid_file, lambda: parts)
        wait_until(lambda: values(processes).get(("num_procs", "one")) == 3)
        seen = values(processes)
        assert seen["num_procs", "other"] in (1, 2)  # a shell may become its last command
        assert {key[1] for key in seen} == {"one", "other", "supervisor"}
        assert seen["num_threads", "one"] == 3
        assert seen["open_filedesc", "one"] >= 9
        assert 0 < seen["memory_bytes", "one", "resident"] < seen["memory_bytes", "one", "virtual"]


def test_cpu_time_of_what_has_ended_stays(pid_file: Path) -> None:
    with shell(f"sh -c '{SPIN}'; read line") as part:
        processes = Processes(pid_file, lambda: {"part": part.pid})
        wait_until(lambda: values(processes).get(("cpu_seconds_total", "part", "user"), 0) > 0.1)
        busy = values(processes)["cpu_seconds_total", "part", "user"]
        subprocess.run(["pkill", "-P", str(part.pid)], check=True)
        wait_until(lambda: values(processes)["num_procs", "part"] == 1)
        assert values(processes)["cpu_seconds_total", "part", "user"] >= busy
    assert values(processes)["num_procs", "part"] == 0


def test_a_supervisor_that_does_not_answer_hides_no_part_that_is_known(pid_file: Path) -> None:
    with shell("cat") as part:
        answers = iter([{"part": part.pid}])

        def name_parts() -> dict[str, int]:
            try:
                return next(answers)
            except StopIteration:
                raise StackError("supervisord does not answer") from None

        processes = Processes(pid_file, name_parts)
        wait_until(lambda: ("num_procs", "part") in values(processes))
        with shell("cat"):
            assert values(processes)["num_procs", "part"] >= 1
