"""Two revisions of this repository side by side, each runnable in its own git worktree."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from likestorm.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
LOCK = "requirements/run.txt"
INSTRUMENT = "loadtests"
COMMIT_LENGTH = 12


class RevisionError(UsageError):
    """A revision that does not exist or cannot be set up."""


@dataclass(frozen=True)
class Checkout:
    """One revision: its requested name, its commit, its files, and a Python with its requirements."""

    name: str
    commit: str
    folder: Path
    python: Path


def resolve(name: str, repository: Path = ROOT) -> str:
    """The commit of a branch, a tag or any other name in git; RevisionError for an unknown name."""
    try:
        return _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except RevisionError as error:
        raise RevisionError(f"{name}: no such revision in {repository}") from error


def same_instrument(base: str, candidate: str, repository: Path = ROOT) -> bool:
    """Whether two commits have the same instrument."""
    trees = [_git(repository, "rev-parse", f"{commit}:{INSTRUMENT}") for commit in (base, candidate)]
    return trees[0] == trees[1]


@contextlib.contextmanager
def checked_out(
    base: str, candidate: str, on_phase: Callable[[str], None], repository: Path = ROOT
) -> Iterator[tuple[Checkout, Checkout]]:
    """Both revisions, ready to run, in a temporary folder for the duration of the block; RevisionError.

    A revision with the same requirements as the repository's working tree shares its Python; any other one is set up by
    its own compose/setup.sh.
    """
    commits = [resolve(name, repository) for name in (base, candidate)]
    with tempfile.TemporaryDirectory(prefix="likestorm-compare-") as temporary, contextlib.ExitStack() as stack:
        parent = Path(temporary)
        parent.chmod(0o755)  # the servers run as another user, who must be able to enter
        checkouts = []
        for side, name, commit in zip(("base", "candidate"), (base, candidate), commits, strict=True):
            folder = parent / side
            on_phase(f"{side} is {name} ({commit[:COMMIT_LENGTH]})")
            stack.callback(_remove, repository, folder)
            _git(repository, "worktree", "add", "--quiet", "--detach", str(folder), commit)
            checkouts.append(Checkout(name, commit, folder, _python(repository, folder, on_phase)))
        yield checkouts[0], checkouts[1]


def _python(repository: Path, folder: Path, on_phase: Callable[[str], None]) -> Path:
    ours, theirs = repository / LOCK, folder / LOCK
    if not theirs.is_file() or ours.read_bytes() == theirs.read_bytes():
        return Path(sys.executable)
    on_phase("it has other requirements: setting up an environment for it")
    done = subprocess.run(["sh", "compose/setup.sh", "run"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RevisionError(f"{folder.name} cannot be set up: {_last_line(done.stderr)}")
    return folder / ".venv/bin/python"


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RevisionError(f"git {arguments[0]} failed: {_last_line(done.stderr)}")
    return done.stdout.strip()


def _remove(repository: Path, folder: Path) -> None:
    """Remove a complete or partial worktree, and git's reference to it."""
    for arguments in (("remove", "--force", str(folder)), ("prune",)):
        subprocess.run(["git", "-C", str(repository), "worktree", *arguments], capture_output=True, check=False)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
