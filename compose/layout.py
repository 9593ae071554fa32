"""Where a stack keeps its files, and as whom its servers run."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from compose.errors import StackError

CLONE = Path(__file__).resolve().parent.parent
STATE = CLONE / ".stack"
# PostgreSQL and PgBouncer refuse to run as root; Debian's packages bring this user along.
UNPRIVILEGED = "postgres"
FALLBACK = Path("/var/tmp")  # noqa: S108 - made safely below


@dataclass(frozen=True)
class Layout:
    """The folders of one stack.

    state: logs, and while the stack runs stack.json and supervisord's files. run: one folder a part with its
    configuration and data, gone after `down`; inside state wherever the servers' user can get there.
    user: as whom the servers run; None is whoever started them.
    """

    state: Path
    run: Path
    user: str | None

    @property
    def logs(self) -> Path:
        """What each part said, PART.log; all that is left after `down`."""
        return self.state / "logs"

    @property
    def record(self) -> Path:
        """How to reach the running stack, with its secrets: for the owner's eyes only."""
        return self.state / "stack.json"

    def folder(self, part: str) -> Path:
        """The folder of one part's configuration and data."""
        return self.run / part

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Make the folders anew; logs of an earlier stack go."""
        self.clear()
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        if self.run.parent != self.state:
            _make_private(self.run.parent)
        self.run.mkdir(mode=0o711)

    def clear(self) -> None:
        """Remove everything but the logs."""
        self.record.unlink(missing_ok=True)
        if self.run.parent == self.state:
            shutil.rmtree(self.run, ignore_errors=True)
        elif _is_ours(self.run.parent):
            shutil.rmtree(self.run.parent, ignore_errors=True)

    def make_folder(self, part: str, user: str | None) -> Path:
        """The part's folder, made for its user alone."""
        folder = self.folder(part)
        folder.mkdir(mode=0o700)
        if user:
            shutil.chown(folder, user, user)
        return folder


def choose(state: Path = STATE) -> Layout:
    """The layout for this user and this machine; StackError when root has no unprivileged user to run servers as."""
    if os.geteuid() != 0:
        return Layout(state, state / "run", None)
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise StackError(f"root needs the user {UNPRIVILEGED} to run PostgreSQL as (make setup)") from error
    state.mkdir(parents=True, exist_ok=True)
    if _may_enter(state):
        return Layout(state, state / "run", UNPRIVILEGED)
    key = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    return Layout(state, FALLBACK / f"likestorm-{key}" / "run", UNPRIVILEGED)


def _may_enter(folder: Path) -> bool:
    return subprocess.run(["test", "-x", folder], user=UNPRIVILEGED, group=UNPRIVILEGED, check=False).returncode == 0


def _make_private(folder: Path) -> None:
    """Make a folder in a place where everybody may write, unless somebody else made it first."""
    try:
        folder.mkdir(mode=0o711)
    except FileExistsError as error:
        raise StackError(f"{folder} belongs to somebody else") from error


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
