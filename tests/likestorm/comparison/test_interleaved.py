"""Two revisions built and run in turn: real git, real worktrees, real processes; their "bench" is a small script.

The script is each revision's own loadtests/__main__.py. It leaves the record that lies beside it, so that what is
tested is the way from revisions to runs, and not the bench.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from likestorm.comparison import interleaved, revisions, saved
from likestorm.comparison.decision import compare
from likestorm.comparison.interleaved import ABBA, BAAB, Block, InterleavedError, order
from likestorm.comparison.revisions import RevisionError

from loadtests.benchmarks import injected_slowdown
from tests.compose.stacks import await_true
from tests.likestorm import sides

ROOT = Path(__file__).parents[3]
BENCH = """
import json, pathlib, shutil, sys, time
from datetime import UTC, datetime
here, out = pathlib.Path(__file__).parent, pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir(parents=True)
{act}
shutil.copy(here / "scenario.json", out)
data = json.loads((here / "record.json").read_text())
data["started_at"] = datetime.now(UTC).isoformat(timespec="microseconds")
(out / "record.json").write_text(json.dumps(data))
(out / "arguments").write_text(" ".join(sys.argv[1:]))
"""
INTERRUPTIBLE = """
try:
    (out / "up").touch()
    time.sleep(60)
finally:
    (out / "down").touch()
"""
CONFIGURATION = """
from typing import Any
ready = []

def post_worker_init(worker: Any) -> None:
    ready.append(1)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two revisions: `fast`, and `slow`, whose likes take twice as long."""
    made = tmp_path / "repository"
    (made / "loadtests/likestorm").mkdir(parents=True)
    (made / "loadtests/likestorm/__init__.py").touch()
    (made / "requirements").mkdir()
    (made / "requirements/run.txt").write_text("one==1\n")
    _git(made, "init", "--quiet")
    for name, factor in (("fast", 1.0), ("slow", 2.0)):
        slower = sides.in_turn(1, {"like": factor})[1]
        [run] = sides.write(sides.side_of(slower.records, name), tmp_path)
        shutil.copytree(run, made / "loadtests/likestorm", dirs_exist_ok=True)
        _commit(made, name, BENCH.format(act=""))
    return made


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _commit(repository: Path, tag: str, bench: str) -> None:
    (repository / "loadtests/likestorm/__main__.py").write_text(bench)
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--allow-empty", "--message", tag)
    _git(repository, "tag", tag)


def _ignore(*_: object) -> None:
    return


def _left(repository: Path) -> list[str]:
    return _git(repository, "worktree", "list", "--porcelain").split("worktree ")[2:]


def test_each_two_pairs_are_abba_or_baab_as_the_seed_has_it() -> None:
    for pairs in (1, 2, 5, 8):
        sides_in_order = order(pairs, 1)
        assert sides_in_order.count("base") == sides_in_order.count("candidate") == pairs
        assert sides_in_order == order(pairs, 1)
    whole = order(40, 3)
    fours = {tuple(whole[k : k + 4]) for k in range(0, 80, 4)}
    assert fours == {ABBA, BAAB}


def test_two_revisions_are_run_in_turn_and_the_slower_one_is_found(repository: Path, tmp_path: Path) -> None:
    blocks: list[Block] = []
    with revisions.checked_out("fast", "slow", _ignore, repository) as checkouts:
        assert [checkout.python for checkout in checkouts] == [Path(sys.executable)] * 2
        assert len(_left(repository)) == 2
        arguments, out = ["likes", "--duration", "3"], tmp_path / "blocks"
        folders = interleaved.run(checkouts, order(8, 1), arguments, out, lambda each, _: blocks.append(each), _ignore)
    assert [block.side for block in blocks] == order(8, 1)
    assert not checkouts[0].folder.parent.exists()
    assert _left(repository) == []
    assert (folders["base"][0] / "arguments").read_text().startswith("run likes --duration 3 --out ")
    base, candidate = saved.read(folders["base"]), saved.read(folders["candidate"])
    saved.check_alike(base, candidate)
    found = compare(base, candidate)
    assert (found.pairs, found.status) == (8, "regression")
    [like] = [change for change in found.changes if change.name == "like p50"]
    assert like.estimate == pytest.approx(1.0, abs=0.1)


def test_a_block_that_fails_ends_it_with_its_last_line(repository: Path, tmp_path: Path) -> None:
    _commit(repository, "broken", "raise SystemExit('no room for a stack')\n")
    with pytest.raises(InterleavedError, match=r"block \d \(broken\) ended with status 1: no room for a stack"):
        with revisions.checked_out("fast", "broken", _ignore, repository) as checkouts:
            interleaved.run(checkouts, order(2, 1), [], tmp_path / "blocks", _ignore, _ignore)
    assert _left(repository) == []


def test_a_revision_that_is_not_there_is_refused_with_nothing_left(repository: Path) -> None:
    with pytest.raises(RevisionError, match="nowhere: no such revision"):
        with revisions.checked_out("fast", "nowhere", _ignore, repository):
            pass
    with pytest.raises(RevisionError, match="--help: no such revision"):
        revisions.resolve("--help", repository)
    assert _left(repository) == []


def test_other_requirements_get_an_environment_of_their_own(repository: Path) -> None:
    (repository / "requirements/run.txt").write_text("two==2\n")
    (repository / "compose").mkdir()
    (repository / "compose/setup.sh").write_text('mkdir -p .venv/bin; echo "$1" >.venv/bin/python\n')
    _commit(repository, "other", "")
    _git(repository, "checkout", "--quiet", "fast")
    with revisions.checked_out("fast", "other", _ignore, repository) as (base, candidate):
        assert base.python == Path(sys.executable)
        assert candidate.python == candidate.folder / ".venv/bin/python"
        assert candidate.python.read_text() == "run\n"
    _git(repository, "checkout", "--quiet", "other")
    (repository / "compose/setup.sh").write_text("echo no network >&2; exit 1\n")
    _commit(repository, "cannot", "")
    _git(repository, "checkout", "--quiet", "fast")
    with pytest.raises(RevisionError, match="cannot be set up: no network"):
        with revisions.checked_out("fast", "cannot", _ignore, repository):
            pass
    assert _left(repository) == []


def test_whether_the_instrument_is_the_same_is_known(repository: Path) -> None:
    assert revisions.same_instrument("fast", "fast", repository)
    assert not revisions.same_instrument("fast", "slow", repository)


@pytest.fixture
def comparing(repository: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A comparison of two revisions, as a process, whose first block would take a minute."""
    _commit(repository, "waits", BENCH.format(act=INTERRUPTIBLE))
    script = (
        "import pathlib; from likestorm.interrupts import interruptible\n"
        "from likestorm.comparison import interleaved, revisions\n"
        f"repository, out = pathlib.Path({str(repository)!r}), pathlib.Path({str(tmp_path / 'blocks')!r})\n"
        "with interruptible() as ignore:\n"
        "    with revisions.checked_out('waits', 'waits', print, repository) as checkouts:\n"
        "        interleaved.run(checkouts, interleaved.order(2, 1), [], out, print, ignore)\n"
    )
    command = [sys.executable, "-c", script]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_block_and_takes_the_worktrees_away(
    comparing: subprocess.Popen[str], repository: Path, tmp_path: Path, number: signal.Signals
) -> None:
    await_true(lambda: any((tmp_path / "blocks").glob("*/up")))
    comparing.send_signal(number)
    _, complaint = comparing.communicate(timeout=60)
    assert "KeyboardInterrupt" in complaint
    assert len(list((tmp_path / "blocks").glob("*/down"))) == 1
    assert len(list((tmp_path / "blocks").glob("*-*.log"))) == 1
    assert _left(repository) == []


@pytest.mark.timed
def test_the_commit_that_is_slowed_on_purpose_sleeps_in_every_request(repository: Path) -> None:
    (repository / "service").mkdir()
    (repository / "service/gunicorn.conf.py").write_text(CONFIGURATION)
    _commit(repository, "served", "")
    before = _git(repository, "rev-parse", "HEAD")
    slower = injected_slowdown.commit(0.02, repository)
    assert _git(repository, "rev-parse", f"{slower}^") == before == _git(repository, "rev-parse", "HEAD")
    assert _left(repository) == []

    class Worker:
        def wsgi(self, environ: str, start_response: str) -> list[str]:
            return [environ, start_response]

    names: dict[str, object] = {}
    exec(_git(repository, "show", f"{slower}:service/gunicorn.conf.py"), names)
    worker = Worker()
    initialise = names["post_worker_init"]
    assert callable(initialise)
    initialise(worker)
    assert names["ready"] == [1]
    began = time.perf_counter()
    assert worker.wsgi("environ", "start") == ["environ", "start"]
    assert 0.02 <= time.perf_counter() - began < 0.2
