"""The paths of the server programs on this machine."""

import os
import re
import shutil
from pathlib import Path

from compose.errors import StackError

# Debian's name first, then the upstream project's.
PROGRAMS = {
    "haproxy": ("haproxy",),
    "nginx": ("nginx",),
    "pgbouncer": ("pgbouncer",),
    "redis": ("redis-server", "valkey-server"),
    "memcached": ("memcached",),
    "eatmydata": ("eatmydata",),
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "exporter-node": ("prometheus-node-exporter", "node_exporter"),
    "exporter-postgres": ("prometheus-postgres-exporter", "postgres_exporter"),
    "exporter-redis": ("prometheus-redis-exporter", "redis_exporter"),
    "exporter-blackbox": ("prometheus-blackbox-exporter", "blackbox_exporter"),
}
# Servers are in sbin, which is not on an ordinary user's PATH.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_VERSIONED_POSTGRES = Path("/usr/lib/postgresql")


def locate() -> dict[str, str]:
    """The path of each part's program, of `postgres` and of `initdb`; StackError names every missing one."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SBIN])
    found = {part: _first(names, path) for part, names in PROGRAMS.items()}
    postgres = _postgres_directory(path)
    found |= {name: str(postgres / name) if postgres else None for name in ("postgres", "initdb")}
    missing = [PROGRAMS.get(part, (part,))[0] for part, program in found.items() if program is None]
    if missing:
        raise StackError(f"not installed: {', '.join(missing)} (make setup)")
    return {part: program for part, program in found.items() if program is not None}


def _first(names: tuple[str, ...], path: str) -> str | None:
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _postgres_directory(path: str) -> Path | None:
    """Debian's newest versioned directory; else the real directory of initdb."""
    versioned = [entry for entry in _VERSIONED_POSTGRES.glob("*/bin") if (entry / "initdb").exists()]
    if versioned:
        return max(versioned, key=lambda entry: float(re.sub(r"[^\d.]", "", entry.parent.name) or 0))
    initdb = shutil.which("initdb", path=path)
    return Path(initdb).resolve().parent if initdb else None
