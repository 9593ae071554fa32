"""The folders of a stack, and the user of its servers."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import psutil

from compose.errors import StackError

CLONE = Path(__file__).resolve().parent.parent
STATE = CLONE / ".stack"
# PostgreSQL and PgBouncer refuse to run as root; Debian's packages create this user.
UNPRIVILEGED = "postgres"
FALLBACK = Path("/var/tmp")  # noqa: S108 - made safely below
MEMORY = Path("/dev/shm")  # noqa: S108 - made safely below

Storage = Literal["memory", "disk", "unsynced"]
STORAGES: tuple[Storage, ...] = get_args(Storage)
UNSYNCED = "run-unsynced"
"""The name of an unsynced run folder, which find() recognises."""
# The size of a stack's files after a long run; with less free memory they go to disk.
ROOM_BYTES = 3 << 30


@dataclass(frozen=True)
class Layout:
    """The folders of one stack.

    state: logs, and while the stack runs stack.json. run: a folder for each part with its configuration and data, gone
    after `down`; in memory (tmpfs), or on disk: inside state where the servers' user can enter it. On disk commits
    wait for a sync, unless the storage is unsynced.
    user: of the servers; None is the caller. disk: the folder for data that grows without end, where the rest is in
    memory; None where all data is on disk.
    """

    state: Path
    run: Path
    user: str | None
    disk: Path | None = None

    @property
    def objects(self) -> Path:
        """The object store's photos: always on disk, since they grow by megabytes with each second of load."""
        return (self.disk or self.folder("store")) / "objects"

    @property
    def storage(self) -> Storage:
        """The kind of storage of the parts' data."""
        if MEMORY in self.run.parents:
            return "memory"
        return "unsynced" if self.run.name == UNSYNCED else "disk"

    @property
    def logs(self) -> Path:
        """The parts' logs, PART.log; they stay after `down`."""
        return self.state / "logs"

    @property
    def record(self) -> Path:
        """The record of the running stack, with its secrets; only its owner can read it."""
        return self.state / "stack.json"

    def folder(self, part: str) -> Path:
        """The folder of one part's configuration and data."""
        return self.run / part

    def writable(self, part: str) -> Path:
        """The folder that the part writes to."""
        return self.folder(part)

    @property
    def shards(self) -> Path:
        """The file that maps logical shards to servers (LIKESTORM_SHARDS)."""
        return self.run / "shards.json"

    @property
    def supervisor_pid(self) -> Path:
        """The file with supervisord's pid."""
        return self.folder("supervisor") / "pid"

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Make the folders anew; logs of an earlier stack go."""
        self.clear()
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        for folder in self._folders():
            if folder.parent != self.state:
                _make_private(folder.parent)
            folder.mkdir(mode=0o711)

    def clear(self) -> None:
        """Remove all folders but the logs."""
        self.record.unlink(missing_ok=True)
        for folder in self._folders():
            if folder.parent == self.state:
                shutil.rmtree(folder, ignore_errors=True)
            elif _is_ours(folder.parent):
                shutil.rmtree(folder.parent, ignore_errors=True)

    def _folders(self) -> tuple[Path, ...]:
        return (self.run, self.disk) if self.disk else (self.run,)

    def make_folder(self, part: str, user: str | None) -> Path:
        """The part's folder, made for its user alone."""
        folder = self.folder(part)
        folder.mkdir(mode=0o700)
        if user:
            shutil.chown(folder, user, user)
        return folder


def choose(state: Path, storage: Storage | None) -> Layout:
    """The layout of a new stack; storage None takes memory where there is room, else disk.

    StackError when memory is requested and has no room, or when root has no unprivileged user for the servers.
    """
    user = _user()
    places = _places(state, user)
    if storage is None:
        storage = "memory" if _has_room() else "disk"
    elif storage == "memory" and not _has_room():
        raise StackError(f"{MEMORY} has no room for a stack ({ROOM_BYTES >> 30} GiB); disk and unsynced need none")
    return _layout(state, places, storage, user)


def find(state: Path) -> Layout:
    """The layout of the stack that runs, or that a killed process left."""
    user = _user()
    places = _places(state, user)
    return _layout(state, places, next((each for each, place in places.items() if place.exists()), "disk"), user)


def _layout(state: Path, places: Mapping[Storage, Path], storage: Storage, user: str | None) -> Layout:
    return Layout(state, places[storage], user, places["disk"] if storage == "memory" else None)


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise StackError(f"root needs the user {UNPRIVILEGED} to run PostgreSQL as (make setup)") from error
    return UNPRIVILEGED


def _places(state: Path, user: str | None) -> Mapping[Storage, Path]:
    """Where the run folder of this state directory is on each kind of storage."""
    state.mkdir(parents=True, exist_ok=True)
    name = f"likestorm-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}"
    reachable = user is None or _may_enter(state, user)
    on_disk = state if reachable else FALLBACK / name
    return {"memory": MEMORY / name / "run", "disk": on_disk / "run", "unsynced": on_disk / UNSYNCED}


def _has_room() -> bool:
    try:
        return min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) >= ROOM_BYTES
    except OSError:
        return False


def _may_enter(folder: Path, user: str) -> bool:
    return subprocess.run(["test", "-x", folder], user=user, group=user, check=False).returncode == 0


def _make_private(folder: Path) -> None:
    """Make a folder where every user may write; StackError when another user has made it."""
    try:
        folder.mkdir(mode=0o711)
    except FileExistsError as error:
        raise StackError(f"{folder} belongs to another user") from error


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
