"""The corpus on the reference stack itself, as a person starts a bench: one stack, a run a fault."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from likestorm.results.record import Record, document
from likestorm.results.record.verdict import Verdict
from psycopg import sql

from compose import local
from compose.local import Target
from compose.postgres import shard_map
from compose.topology import named

ROOT = Path(__file__).parents[3]
BRIEF = ROOT / "tests/photoapp/scenarios/brief.toml"
LONGEST_S = 180
JUDGED = frozenset({0, 97, 98, 99})
"""Exit statuses of runs that came to a verdict."""
FORGET = """
CREATE FUNCTION {schema}.corpus_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM {schema}.likes WHERE photo_id = NEW.photo_id AND user_id = NEW.user_id; RETURN NULL; END $$;
CREATE TRIGGER corpus_forget AFTER INSERT ON {schema}.likes FOR EACH ROW WHEN (NEW.user_id % 20 = 0)
EXECUTE FUNCTION {schema}.corpus_forget();
"""
REMEMBER = "DROP FUNCTION {schema}.corpus_forget CASCADE"


@dataclass(frozen=True)
class StackCase:
    """A run on the stack: what is spoilt before it, in the midst of it, and mended after it."""

    name: str
    expects: str
    also: tuple[str, ...] = ()
    before: Callable[[Target], None] | None = None
    meddle: Callable[[Target], None] | None = None
    after: Callable[[Target], None] | None = None


def _on_every_shard(target: Target, statements: str) -> None:
    for server in shard_map.read(Path(target.environment["LIKESTORM_SHARDS"])).servers.values():
        with psycopg.connect(server.primary, autocommit=True, prepare_threshold=None) as connection:
            found = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'likes'").fetchall()
            for (schema,) in found:
                connection.execute(sql.SQL(statements).format(schema=sql.Identifier(schema)))


def _stop_prometheus(target: Target) -> None:
    pid = target.pids()["prometheus"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(4.0)
    os.kill(pid, signal.SIGCONT)


def _look_in(target: Target) -> None:
    """Somebody else asks for what clients ask for."""
    for _ in range(20):
        subprocess.run(["curl", "--silent", "--output", "/dev/null", f"{target.url}/photos/1"], check=True)


CASES = (
    StackCase("stack: clean", "pass"),
    StackCase(
        "stack: 201 and nothing stored", "ledger",
        before=lambda target: _on_every_shard(target, FORGET), after=lambda target: _on_every_shard(target, REMEMBER),
    ),
    StackCase("stack: scraping stopped for four seconds", "scraping", meddle=_stop_prometheus),
    StackCase("stack: somebody else drives it", "request reconciliation", meddle=_look_in),
)  # fmt: skip


@contextmanager
def stack(folder: Path, base_port: int) -> Iterator[Path]:
    """The folder of a stack that is up."""
    state = folder / "state"
    local.start(named("small", base_port), state=state)
    try:
        yield state
    finally:
        local.stop(state)


def carry_out(case: StackCase, state: Path, folder: Path) -> tuple[Record, Verdict]:
    """Run the brief scenario with the case's fault, and read what was judged of it."""
    target = local.running(state)
    assert target is not None
    folder.mkdir(parents=True)
    scenario = write_scenario(folder)
    if case.before:
        case.before(target)
    try:
        _bench(scenario, state, folder, target, case.meddle)
    finally:
        if case.after:
            case.after(target)
    saved = document.load(folder / "run" / "record.json")
    assert saved.verdict is not None
    return saved, saved.verdict


def write_scenario(folder: Path) -> Path:
    """The brief scenario, which leaves lags to the other corpus, with limits that tell the stack's faults."""
    scenario = folder / "brief.toml"
    scenario.write_text(f"{BRIEF.read_text().rstrip()}\nscrape_gap_s = 2.5\nsteal_percent = 50\n")
    return scenario


def _bench(scenario: Path, state: Path, folder: Path, target: Target, meddle: Callable[[Target], None] | None) -> None:
    command = [sys.executable, "-m", "likestorm", "run", str(scenario), "--set", f"target.state={state}"]
    command += ["--out", str(folder / "run")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    meddling: list[threading.Thread] = []
    assert process.stdout is not None
    with (folder / "bench.log").open("w") as log:
        for line in process.stdout:
            log.write(line)
            if meddle and not meddling and "] measure," in line:
                meddling.append(threading.Thread(target=meddle, args=(target,)))
                meddling[0].start()
    process.wait(LONGEST_S)
    for thread in meddling:
        thread.join()
    if process.returncode not in JUDGED:
        raise RuntimeError(f"the bench ended with {process.returncode}: {(folder / 'bench.log').read_text()[-1000:]}")
