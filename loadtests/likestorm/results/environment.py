"""On what a run was made: machine, system, and the versions of everything that took part."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = ("Locust", "Flask", "gunicorn", "psycopg", "pymemcache", "RQ", "nanio")
SERVERS = {
    "PostgreSQL": "postgres -V",
    "PgBouncer": "pgbouncer -V",
    "Redis": "redis-server -v",
    "memcached": "memcached -V",
    "nginx": "nginx -v",
    "Prometheus": "prometheus --version",
}
SERVER_PATH = ":".join([*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))), "/usr/sbin", "/usr/bin", "/bin"])


def describe() -> dict[str, str]:
    """One line a fact; what cannot be found out says so."""
    return {
        "machine": f"{_cpu_model()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{_os_name()}, Linux {platform.release()}",
        "likestorm": revision(),
        "Python": platform.python_version()
        + (", the system's own" if sys.base_prefix == "/usr" else ", not the system's own"),
        **{package: version(package) for package in PACKAGES},
        **{name: _server_version(command) for name, command in SERVERS.items()},
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def revision() -> str:
    """The checkout's commit, marked where files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout"


def _server_version(command: str) -> str:
    name, *arguments = command.split()
    path = shutil.which(name, path=SERVER_PATH)
    if path is None:
        return "not installed"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=5)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else "not known"
