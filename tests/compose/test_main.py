import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "compose", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--topology", "smal"), "unknown topology 'smal', known: small"),
        (("--base-port", "80"), "base port 80 is not between 1024 and 60000 (BASE_PORT=)"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path: Path, options: tuple[str, str], complaint: str) -> None:
    said = run("up", *options, "--state", str(tmp_path))
    assert (said.returncode, said.stderr) == (2, f"{complaint}\n")
    assert list(tmp_path.iterdir()) == []


def test_down_without_a_stack_says_so(tmp_path: Path) -> None:
    said = run("down", "--state", str(tmp_path))
    assert (said.returncode, said.stdout) == (0, "not running\n")
