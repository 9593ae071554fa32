import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compose.layout import CLONE

FILES = ("compose/setup.sh", "compose/install-packages.sh", "compose/packages.txt")

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "nothing"
version = "0"
[tool.setuptools]
py-modules = []
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that needs no Python package but what installs the clone itself."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(CLONE / name, tmp_path / name)
    (tmp_path / "requirements").mkdir()
    for kind in ("run", "dev"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(_locked("setuptools"))
    (tmp_path / "requirements" / "fast.txt").write_text("# nothing\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def _locked(package: str) -> str:
    """The lines of one package in the lock file."""
    lines = (CLONE / "requirements/run.txt").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[start : end + 1]) + "\n"


def run(clone: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = ["sh", str(clone / "compose" / "setup.sh"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", env=dict(os.environ) | environment
    )


def write_packages(clone: Path, *lines: str) -> str:
    path = clone / "packages"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


@pytest.fixture
def other_python(clone: Path) -> Path:
    """A Python that comes first in the PATH and notes that it was used."""
    program = clone / "bin" / "python3"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntouch "$0.used"\nexec {Path(sys.base_prefix) / "bin" / "python3"} "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.long
@pytest.mark.alone
def test_the_environment_is_made_once_and_again_when_it_was_broken(clone: Path, other_python: Path) -> None:
    # On another system, where all servers are there already.
    (clone / "os-release").write_text("ID=arch\n")
    surroundings = {
        "OS_RELEASE": str(clone / "os-release"),
        "PATH": f"{other_python.parent}:{os.environ['PATH']}",
    }
    used = other_python.with_name("python3.used")
    first = run(clone, "run", **surroundings)
    assert (first.returncode, first.stderr) == (0, "")
    # The system's own is preferred, where it has one that can do this.
    assert used.exists() == bool(subprocess.run(["/usr/bin/python3", "-c", "import ensurepip"], check=False).returncode)
    began = time.monotonic()
    second = run(clone, "run")
    assert time.monotonic() - began < 1
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    (clone / ".venv" / "bin" / "python").unlink()
    assert run(clone, "run", PYTHON=str(other_python)).returncode == 0
    assert used.exists()
    assert subprocess.run([clone / ".venv" / "bin" / "python", "-c", "import pip"], check=False).returncode == 0


@pytest.mark.long
@pytest.mark.alone
def test_a_c_parser_that_cannot_be_installed_is_one_line_and_no_failure(clone: Path) -> None:
    (clone / "os-release").write_text("ID=arch\n")
    (clone / "requirements" / "fast.txt").write_text(f"./no-such-wheel.whl --hash=sha256:{'0' * 64}\n")
    made = run(clone, "run", OS_RELEASE=str(clone / "os-release"), PACKAGES_FILE="/dev/null")
    assert (made.returncode, made.stderr) == (0, "")
    assert "setup: gunicorn-h1c cannot be installed, gunicorn parses in Python: " in made.stdout
    assert run(clone, "run").stdout == ""


def test_another_system_is_told_in_one_line_what_is_missing(clone: Path) -> None:
    packages = write_packages(
        clone, "some-server no-such-server", "# a comment", "", "shell sh", "other nothing|nor-this"
    )
    release = clone / "os-release"
    release.write_text('ID=fedora\nVERSION_ID="40"\n')
    said = run(clone, "run", PACKAGES_FILE=packages, OS_RELEASE=str(release))
    assert said.returncode == 2
    assert "not installed: other some-server" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_an_unknown_kind_is_refused(clone: Path) -> None:
    said = run(clone, "everything")
    assert (said.returncode, said.stderr) == (2, "setup: unknown kind 'everything': run, dev, errors or containers\n")


def test_the_list_of_packages_names_every_program_that_the_stack_starts() -> None:
    from compose.local.binaries import PROGRAMS

    listed = {
        tuple(line.split()[1].split("|"))
        for line in (CLONE / "compose" / "packages.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert set(PROGRAMS.values()) <= listed


def test_help_tells_of_every_target() -> None:
    said = subprocess.run(["make", "-s", "-C", str(CLONE), "help"], capture_output=True, text=True, check=True).stdout
    for target in ("setup", "bench", "up", "down", "status", "test", "lint", "lock", "clean"):
        assert f"  {target} " in said
    assert "BASE_PORT" in said
    assert "(8400)" in said
