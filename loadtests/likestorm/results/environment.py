"""The environment of a run: the machine, the system and the versions of the instrument."""

import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil


def describe() -> dict[str, str]:
    """One line for each fact."""
    python = "the system's own" if sys.base_prefix == "/usr" else "not the system's own"
    return {
        "machine": f"{_cpu_model()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{_os_name()}, Linux {platform.release()}",
        "likestorm": revision(),
        "Python": f"{platform.python_version()}, {python}",
        "Locust": version("locust"),
    }


def revision() -> str:
    """The commit of the instrument's checkout, marked if files differ from it; the version of an installed package."""
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    if "site-packages" not in folder.parts:
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            pass
    return version("likestorm")


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
