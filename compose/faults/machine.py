"""A machine that runs out of disk or memory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from compose.faults import FaultError

_HOLD_MEMORY = "import sys, time; held = b'x' * int(sys.argv[1]); time.sleep(600)"


@contextmanager
def disk_filled(folder: Path) -> Iterator[None]:
    """A small file system, mounted in this folder, is full; only root can mount one."""
    if os.geteuid() != 0:
        raise FaultError("only root can mount a file system to fill")
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "likestorm-fault", place], check=True)
    try:
        (place / "filling").write_bytes(b"\0" * (15 << 20))
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def memory_taken() -> Iterator[None]:
    """A process holds memory, so that a thirtieth of the machine's is left."""
    memory = psutil.virtual_memory()
    size = memory.available - memory.total // 30
    holder = subprocess.Popen([sys.executable, "-c", _HOLD_MEMORY, str(size)])
    try:
        yield
    finally:
        holder.terminate()
        holder.wait()
