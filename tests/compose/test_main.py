import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "compose", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--topology", "smal"), "unknown topology 'smal', known: 2011, fourteen-million, small; or a .toml file"),
        (("--base-port", "80"), "base port 80 is not between 1024 and 65494 (BASE_PORT=)"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path: Path, options: tuple[str, str], complaint: str) -> None:
    said = run("up", *options, "--state", str(tmp_path))
    assert (said.returncode, said.stderr) == (2, f"{complaint}\n")
    assert list(tmp_path.iterdir()) == []


def test_down_without_a_stack_says_so(tmp_path: Path) -> None:
    said = run("down", "--state", str(tmp_path))
    assert (said.returncode, said.stdout) == (0, "not running\n")


@pytest.mark.parametrize("verb", [("promote", "postgres-1"), ("seed",), ("rolling-restart",)])
def test_what_needs_a_running_stack_says_that_there_is_none(tmp_path: Path, verb: tuple[str, ...]) -> None:
    said = run(*verb, "--state", str(tmp_path))
    assert (said.returncode, said.stdout, said.stderr) == (1, "", "not running\n")


def test_a_wrong_topology_file_is_refused_with_its_key_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("nginx = 1\napp = 0\n")
    said = run("up", "--topology", str(file), "--state", str(tmp_path / "state"))
    complaint = f"{file}: Expected `int` >= 1 - at `$.app`\n"
    assert (said.returncode, said.stderr) == (2, complaint)
    assert not (tmp_path / "state").exists()
