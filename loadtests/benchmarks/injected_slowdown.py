"""Real comparisons whose answer is known: this revision with itself, and with a commit of it that is slower."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from likestorm.comparison import revisions
from likestorm.errors import LikestormError
from likestorm.results import comparison
from likestorm.results.record import document
from likestorm.results.record.verdict import EXIT_CODES
from rich.console import Console

# Appended to the service's gunicorn configuration, in a commit that nobody keeps.
SLEEP = """

import time as _time

_before = post_worker_init


def post_worker_init(worker: Any) -> None:
    _before(worker)
    serve = worker.wsgi

    def late(environ: Any, start_response: Any) -> Any:
        _time.sleep({seconds})
        return serve(environ, start_response)

    worker.wsgi = late
"""
CONFIGURATION = "service/gunicorn.conf.py"
AUTHOR = ("-c", "user.name=likestorm", "-c", "user.email=likestorm@localhost", "-c", "commit.gpgsign=false")
REVISION, REQUEST = "HEAD", "like"
DURATION_S = 8


def commit(seconds: float, repository: Path = revisions.ROOT) -> str:
    """A commit on top of HEAD, on no branch, whose service sleeps so long before each request that it serves."""
    with revisions.checked_out(REVISION, REVISION, lambda _: None, repository) as (checkout, _):
        with (checkout.folder / CONFIGURATION).open("a") as file:
            file.write(SLEEP.format(seconds=round(seconds, 6)))
        subprocess.run(
            ["git", *AUTHOR, "commit", "--quiet", "--no-verify", "--all", "--message", f"Slower by {seconds:.6f} s"],
            cwd=checkout.folder,
            check=True,
        )
        return revisions.resolve("HEAD", checkout.folder)


def compare_live(share: float, pairs: int, rate: float, base_port: int, console: Console) -> bool:
    """Whether HEAD with itself raises no alarm, and with a commit that is slower by this share of a like's median does.

    Each is what `compare-revisions` does, with so many pairs of fresh stacks, all rates times `rate`.
    """
    with tempfile.TemporaryDirectory(prefix="likestorm-live-") as name:
        same = _compare(REVISION, Path(name) / "same", pairs, rate, base_port)
        median = _show(same, "nothing put in", console)
        slower = _compare(commit(share * median / 1e3), Path(name) / "slower", pairs, rate, base_port)
        _show(slower, f"{share * median:.2f} ms put into every request, {share:.0%} of the median", console)
    return same.status != "regression" and slower.status == "regression"


def _compare(candidate: str, out: Path, pairs: int, rate: float, base_port: int) -> comparison.Comparison:
    command = [sys.executable, "-m", "likestorm", "compare-revisions", REVISION, candidate, "--blocks", str(pairs)]
    command += [
        "--duration",
        str(DURATION_S),
        "--rate",
        f"{rate:g}",
        "--scenario",
        "likes",
        "--set",
        f"target.base_port={base_port}",
        "--out",
        str(out),
    ]
    status = subprocess.run(command, cwd=revisions.ROOT, check=False).returncode
    if status not in EXIT_CODES.values():
        raise LikestormError(f"compare-revisions ended with status {status}")
    return comparison.load(out)


def _show(found: comparison.Comparison, put_in: str, console: Console) -> float:
    """Print what was found, and return the median of the base's likes in ms."""
    like = next(change for change in found.changes if change.what == REQUEST and change.percentile == 50)
    console.print(f"live, {put_in}: {found.status}; like p50 {comparison.say_interval(like)}")
    if like.base is None:
        raise document.RecordError("no like was answered")
    return like.base
