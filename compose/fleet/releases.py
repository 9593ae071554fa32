"""Versions on a host: releases/REVISION each, and the link `current` to the release in service."""

import subprocess
import time
from pathlib import Path
from shlex import quote

from fabric import Connection
from invoke.exceptions import CommandTimedOut, UnexpectedExit

from compose.errors import StackError, UsageError
from compose.fleet.inventory import Fleet
from compose.fleet.ssh import explain

_POLL_S = 0.5
# Written last: a release without it is incomplete.
_COMPLETE = ".complete"
# Failures of a release, as opposed to the loss of a host.
_FAILURES = (StackError, UnexpectedExit, CommandTimedOut)


def pack(repository: Path, revision: str, folder: Path) -> tuple[str, Path]:
    """The full name of a revision and the archive of its files; UsageError for an unknown revision."""

    def git(*arguments: str) -> str:
        done = subprocess.run(("git", *arguments), cwd=repository, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UsageError(f"revision {revision!r}: {(done.stderr.strip().splitlines() or ['no such'])[-1]}")
        return done.stdout.strip()

    name = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    archive = folder / f"{name}.tar.gz"
    git("archive", "--format=tar.gz", f"--output={archive}", name)
    return name, archive


class Host:
    """One host of a fleet over an open connection; raises UnexpectedExit and ssh's exceptions for failed commands."""

    def __init__(self, connection: Connection, fleet: Fleet) -> None:
        self._connection = connection
        self._fleet = fleet
        self._folder = quote(fleet.folder)

    def _run(self, command: str) -> str:
        return str(self._connection.run(command).stdout).strip()

    def unpack(self, revision: str, archive: Path) -> str:
        """Make the release unless the host has it; the release in service stays."""
        release = f"{self._folder}/releases/{revision}"
        if self._succeeds(f"test -e {release}/{_COMPLETE}"):
            return f"{revision[:12]} is there already"
        sent = f"{self._fleet.folder}/releases/{revision}.tar.gz"
        self._run(f"mkdir -p {self._folder}/releases")
        self._connection.put(str(archive), remote=sent)
        self._run(f"rm -rf {release} && mkdir {release} && tar -xzf {quote(sent)} -C {release} && rm {quote(sent)}")
        if self._fleet.prepare:
            self._run(f"cd {release} && {self._fleet.prepare}")
        self._run(f"touch {release}/{_COMPLETE}")
        return f"{revision[:12]} unpacked"

    def switch(self, revision: str) -> str:
        """Put a release into service; if it is not healthy, put the one before back and raise StackError."""
        before = self._current()
        try:
            self._put_into_service(revision)
        except _FAILURES as error:
            raise StackError(self._go_back(before, revision, explain(error))) from error
        kept = " ".join(f"! -name {quote(name)}" for name in {before, revision} if name)
        self._run(f"find {self._folder}/releases -mindepth 1 -maxdepth 1 {kept} -exec rm -rf {{}} +")
        return f"{revision[:12]} in service" + (f", before: {before[:12]}" if before else "")

    def restart(self) -> str:
        """Restart the release in service; StackError if it is not healthy afterwards."""
        self._run(self._fleet.restart)
        self._await_health()
        current = self._current()
        return f"{current[:12]} restarted" if current else "restarted"

    def _current(self) -> str:
        """The revision in service, empty for none."""
        return self._run(f'basename "$(readlink {self._folder}/current)"')

    def _put_into_service(self, revision: str) -> None:
        link = f"{self._folder}/current"
        # Atomic: there is always a current release.
        self._run(f"ln -sfn releases/{quote(revision)} {link}.new && mv -T {link}.new {link}")
        self._run(self._fleet.restart)
        self._await_health()

    def _go_back(self, before: str, failed: str, reason: str) -> str:
        """Put the release before back; returns the report."""
        if before in ("", failed):
            return f"{failed[:12]} failed, and there is none to go back to: {reason}"
        try:
            self._put_into_service(before)
        except _FAILURES as error:
            return f"{failed[:12]} failed ({reason}), and {before[:12]}, back in its place, too: {explain(error)}"
        return f"stays on {before[:12]}, since {failed[:12]} failed: {reason}"

    def _await_health(self) -> None:
        deadline = time.monotonic() + self._fleet.patience_s
        while True:
            asked = self._connection.run(self._fleet.health, warn=True, timeout=self._fleet.patience_s)
            if asked.ok:
                return
            if time.monotonic() > deadline:
                said = explain(UnexpectedExit(asked))
                raise StackError(f"not healthy after {self._fleet.patience_s:g} s ({said})")
            time.sleep(_POLL_S)

    def _succeeds(self, command: str) -> bool:
        return bool(self._connection.run(command, warn=True).ok)
