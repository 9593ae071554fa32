"""What `pip install` of the built wheel brings along: distributions and megabytes in a fresh virtual environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from loadtests.benchmarks.result import ROOT, BenchmarkError, Figure

PACKAGE = Path("loadtests/likestorm")
BARE = frozenset({"pip", "setuptools"})
"""What a fresh environment holds before."""


def figures() -> list[Figure]:
    """Build, install and count."""
    with tempfile.TemporaryDirectory(prefix="likestorm-package-") as folder:
        python = install(build(Path(folder)), Path(folder) / "venv")
        count, megabytes = len(distributions(python)), size_mb(python)
    return [
        Figure("distributions, Likestorm included", f"{count}"),
        Figure("files in site-packages, without pip and setuptools, before bytecode", f"{megabytes:.0f} MB"),
    ]


def build(folder: Path) -> Path:
    """The wheel of this checkout, built in a folder from a copy of its sources, so that no build/ stays in them."""
    source = folder / "source"
    shutil.copytree(ROOT / PACKAGE, source / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    _call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, source)
    return next(folder.glob("likestorm-*.whl"))


def install(wheel: Path, folder: Path, *others: str) -> Path:
    """The Python of a fresh environment with the wheel and other requirements."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _call(python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", wheel, *others)
    return python


def distributions(python: Path) -> frozenset[str]:
    """The names of the distributions that were installed on top of a fresh environment."""
    listed = json.loads(_call(python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"))
    return frozenset(each["name"].lower() for each in listed) - BARE


def size_mb(python: Path) -> float:
    """The size of site-packages in MB, without pip and setuptools, and without bytecode, which Python makes later."""
    (site,) = python.parent.parent.glob("lib/python*/site-packages")
    folders = [each for each in site.iterdir() if each.name.split("-")[0] not in (*BARE, "_distutils_hack")]
    files = (file for each in folders for file in ([each] if each.is_file() else each.rglob("*")))
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / 1e6


def _call(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command[:4]))} failed: {done.stderr.strip()}")
    return done.stdout
