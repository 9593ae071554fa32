"""The bad runs, the slow targets that are not bad runs, and what must be said of each."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from tests.verify.corpus.rig import Bench, Case, Skipped, cores
from tests.verify.corpus.service import Behaviour

LAGS = ("dispatch lag p99", "event-loop lag p99")
CGROUPS = Path("/sys/fs/cgroup")
VERSION_1 = CGROUPS / "cpu"
QUOTA_US, PERIOD_US = 4_000, 100_000


def _stop_generator(bench: Bench) -> None:
    os.kill(bench.swarm_pids[0], signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(bench.swarm_pids[0], signal.SIGCONT)


def _starve(bench: Bench) -> None:
    """One core for the generator and a process that wants all of it and goes first."""
    core = cores()[-1]
    os.sched_setaffinity(bench.swarm_pids[0], {core})
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        os.sched_setaffinity(burner.pid, {core})
        os.sched_setscheduler(burner.pid, os.SCHED_RR, os.sched_param(1))
        time.sleep(1.5)
    finally:
        burner.kill()
        burner.wait()


def _may_go_first(_: int) -> None:
    if os.geteuid() != 0:
        raise Skipped("only root may give a process real-time priority")


def _may_throttle(_: int) -> None:
    """Make a cgroup that may use a twenty-fifth of a core; it goes when the corpus does."""
    group = _group()
    try:
        group.mkdir(exist_ok=True)
        if group.parent == VERSION_1:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
        else:
            (group / "cpu.max").write_text(f"{QUOTA_US} {PERIOD_US}")
    except OSError as error:
        raise Skipped(f"no cgroup can be made here ({error.strerror})") from error


def _throttle(bench: Bench) -> None:
    """In the window only: a process that starts in such a group takes half a minute to be ready."""
    (_group() / "cgroup.procs").write_text(str(bench.swarm_pids[0]))


def _group() -> Path:
    return (VERSION_1 if VERSION_1.is_dir() else CGROUPS) / f"likestorm-corpus-{os.getpid()}"


def sweep() -> None:
    """Remove the group that a throttled run left."""
    with contextlib.suppress(OSError):
        _group().rmdir()


def _kill_worker(bench: Bench) -> None:
    os.kill(bench.swarm_pids[-1], signal.SIGKILL)


def _stop_prometheus(bench: Bench) -> None:
    os.kill(bench.prometheus_pid, signal.SIGSTOP)
    time.sleep(5.2)
    os.kill(bench.prometheus_pid, signal.SIGCONT)


def _kill_prometheus(bench: Bench) -> None:
    os.kill(bench.prometheus_pid, signal.SIGKILL)


def _drive_as_well(bench: Bench) -> None:
    for _ in range(25):
        with urlopen(f"{bench.url}/notes"):
            pass


BAD = (
    Case("generator stopped for a second", "dispatch lag p99", ("event-loop lag p99",), meddle=_stop_generator),
    Case(
        "generator starved by others on its core", "dispatch lag p99", ("event-loop lag p99",),
        realtime=False, on_start=_may_go_first, meddle=_starve,
    ),
    Case(
        "generator held back by its cgroup", "generator throttled", LAGS,
        realtime=False, on_start=_may_throttle, meddle=_throttle,
    ),
    Case("event loop blocked", "event-loop lag p99", ("dispatch lag p99",), users="visitors:Blocking"),
    Case("collector runs again and again", "garbage collection", LAGS, users="visitors:Hoarding"),
    Case("a step left out", "mix of requests", users="visitors:Skipping", steps=("save", "look"), looks=0),
    Case("something else asked for", "mix of requests", users="visitors:Wandering"),
    Case("schedule cut short at its end", "offered against schedule", users="cut_short:CutShort"),
    # What the lost worker did and nobody tells of is missing from every account.
    Case(
        "worker killed", "workers", ("offered against schedule", "request reconciliation", "ledger"),
        processes=2, meddle=_kill_worker,
    ),
    Case("workers' clocks ahead", "clock skew between workers", LAGS, users="skewed:Skewed", processes=2),
    Case("clock stepped in mid-run", "clock steps", users="visitors:Stepping"),
    Case("201 and nothing stored", "ledger", behaviour=Behaviour(forget_every=50)),
    Case("stored twice", "ledger", behaviour=Behaviour(twice_every=50)),
    Case("stored what nobody sent", "ledger", behaviour=Behaviour(invent_every=50)),
    Case("front swallows writes", "request reconciliation", ("ledger",), behaviour=Behaviour(swallow_every=50)),
    Case("front answers from a cache", "request reconciliation", behaviour=Behaviour(cache=True)),
    Case("somebody else drives the target", "request reconciliation", meddle=_drive_as_well),
    Case("scraping stopped for five seconds", "scraping", meddle=_stop_prometheus, duration_s=8.0),
    Case(
        "exporter fails from mid-run on", "scraping", ("request reconciliation",),
        behaviour=Behaviour(mute_after_s=1.5), duration_s=8.0,
    ),
    Case("Prometheus killed", "scraping", meddle=_kill_prometheus, duration_s=6.0),
    Case(
        "warm-up not over", "warm-up over", behaviour=Behaviour(slow_s=0.15, slow_until_s=6.0),
        rate=30.0, looks=0, duration_s=18.0,
    ),
    Case("drained too short", "drain", behaviour=Behaviour(slow_s=0.6), scenario={"drain_s": 0.1}),
)  # fmt: skip

SLOW = (
    Case("slow target", "breach", behaviour=Behaviour(slow_s=1.2)),
    Case(
        "overloaded target, which drops", "breach", behaviour=Behaviour(slow_s=0.1, workers=1),
        scenario={"users_max": 8, "queue_timeout_s": 1.5},
    ),
    Case("target that stalls", "breach", behaviour=Behaviour(stall=(1.5, 2.5))),
    Case("target that fails", "breach", behaviour=Behaviour(fail_every=3)),
)  # fmt: skip

CLEAN = Case("clean", "pass", duration_s=16.0)
