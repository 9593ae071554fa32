"""The versions of the stack's parts on this machine."""

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("Flask", "gunicorn", "psycopg", "pymemcache", "RQ", "nanio")
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
    """The version of each part by its name."""
    packages = {package: version(package) for package in PACKAGES}
    return packages | {name: _server_version(command) for name, command in SERVERS.items()}


def _server_version(command: str) -> str:
    name, *arguments = command.split()
    path = shutil.which(name, path=SERVER_PATH)
    if path is None:
        return "not installed"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=5)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else "not known"
