"""The main job end to end, as a person or CI starts it: real stack, real load, and the exit status that comes of it."""

import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from likestorm.results.prometheus import Prometheus
from likestorm.results.record import Record, document
from likestorm.results.record.verdict import Verdict

from compose import local
from compose.errors import StackError
from compose.local import binaries, startup
from compose.topology import Topology, named
from dashboards import history, view
from dashboards.panels import PANELS, REPORTED, RUN_WINDOW
from tests.compose.stacks import await_true, is_listening, list_processes
from tests.ports import base_ports

ROOT = Path(__file__).parents[2]
BRIEF = ROOT / "tests/photoapp/scenarios/brief.toml"
LIKES = ROOT / "loadtests/photoapp/scenarios/likes.toml"
SHORT = ("warm_up_s = 3\nduration_s = 6", "warm_up_s = 1\nduration_s = 3")
"""Of a variant whose verdict takes few samples."""
WIDE = (
    "dispatch_lag_p99_s = 1.0\nloop_lag_p99_s = 1.0\n",
    "dispatch_lag_p99_s = 20\nloop_lag_p99_s = 20\ngc_pause_s = 20\ngc_percent = 99\ncpu_percent = 100\n"
    "steal_percent = 99\nthrottled_percent = 99\nclock_step_s = 5\nscrape_gap_s = 60\n",
)
"""Of a variant that is invalid only by what is done to it on purpose, whatever else the machine does meanwhile."""
NEVER_IN_A_BRIEF_RUN = {"cdn-hit-ratio"}
"""Panels that have nothing to show of the brief scenario: nobody in it looks at a photo."""

pytestmark = pytest.mark.e2e


def _bench(*arguments: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m likestorm run …`, started from a folder that is not the clone."""
    command = [sys.executable, "-m", "likestorm", "run", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | variables
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def _variant(folder: Path, *changes: tuple[str, str]) -> Path:
    """The brief scenario with some of its lines changed."""
    text = BRIEF.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "variant.toml"
    path.write_text(text)
    return path


def _free_topology() -> Topology:
    """The small topology on ports of which nobody has one."""
    for candidate in base_ports():
        topology = named("small", candidate)
        with contextlib.suppress(StackError):
            startup.check_ports(topology)
            return topology
    raise AssertionError("no free range of ports")


@pytest.mark.alone
def test_a_bench_from_nothing_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    topology, out, state = _free_topology(), tmp_path / "out", tmp_path / "state"
    done = _bench(
        BRIEF,
        "--set",
        f"target.base_port={topology.base_port}",
        "--out",
        out,
        "--set",
        f"target.state={state}",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS (exit status 0)" in done.stdout
    assert f"report: {out}/report.html" in done.stdout
    _check_record(document.load(out / "record.json"))
    _check_folder(out)
    _check_dashboards(out)
    assert list_processes(state) == []
    assert [port for port in topology.ports.values() if is_listening(port)] == []
    assert sorted(path.name for path in state.iterdir()) == ["logs"]


def _check_record(saved: Record) -> None:
    assert saved.verdict is not None
    assert (saved.verdict.status, saved.verdict.exit_code) == ("pass", 0)
    load = saved.load
    assert load.offered == load.completed + load.failed + load.dropped + load.unfinished > 500
    assert saved.arrivals["like"].load.completed == saved.requests["like"].count - saved.requests["like"].failures
    ledger = {entry.name: entry for entry in saved.ledger}
    assert set(ledger) == {"likes", "objects", "photos", "users"}
    for entry in ledger.values():
        assert entry.acknowledged > 0
        assert (entry.lost, entry.phantom, entry.residual) == (0, 0, 0)
    assert [panel.panel for panel in saved.panels if not _has_numbers(panel.panel, saved)] == []
    assert {panel.panel for panel in saved.panels} == {panel.id for panel in REPORTED}
    assert {s.job for s in saved.scrapes} >= {"app", "worker", "nginx", "pgbouncer", "postgres", "redis", "memcached"}
    # A load generator that does not answer a scrape in time is a gap in a graph, and judged by its own account.
    assert [s for s in saved.scrapes if s.down_s and s.job != "generator"] == []
    [likes] = next(panel for panel in saved.panels if panel.panel == "likes-per-second").series
    seen = [value for value in likes.values if value is not None]
    new_likes = ledger["likes"].acknowledged / ledger["likes"].attempted
    assert sum(seen) / len(seen) == pytest.approx(90 * new_likes, rel=0.35)
    assert set(saved.memory_mb) >= {"app-1", "app-2", "postgres-1", "swarm", "bench"}


def _check_dashboards(out: Path) -> None:
    """Every panel of every dashboard has data of the run, and clients and servers agree."""
    run = history.read_run(out)
    start, end = run.start.timestamp(), run.end.timestamp()
    with history.opened(out) as url:
        prometheus = Prometheus(url)
        answers = {panel.id: prometheus.range(panel.promql(RUN_WINDOW), start, end) for panel in PANELS}
        page = view.draw(view.Source(prometheus, "test", window=(start, end)), "all", 0)
    empty = {name for name, series in answers.items() if not any(_finite(each.values) for each in series)}
    assert empty == NEVER_IN_A_BRIEF_RUN
    assert page.count('class="empty"') == len(empty)
    sides = {each.labels["side"]: _finite(each.values)[-1] for each in answers["run-likes"]}
    # At the end, when the five seconds of the rates lie inside the window: 90 a second, and four deviations of chance.
    assert sides["offered by clients"] == pytest.approx(90, abs=4 * (90 / 5) ** 0.5)
    assert sides["stored by servers"] == pytest.approx(sides["completed for clients"], rel=0.35)
    front = sum(_finite(each.values)[-1] for each in answers["upstream-rate"] if each.labels["upstream"] != "none")
    application = sum(_finite(each.values)[-1] for each in answers["request-rate"])
    assert front == pytest.approx(application, rel=0.3)
    assert {each.labels["objective"] for each in answers["slo-latency"]} == {
        "like", "signup", "upload-ask", "upload-confirm",
    }  # fmt: skip


def _finite(values: list[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _has_numbers(panel: str, saved: Record) -> bool:
    [data] = [p for p in saved.panels if p.panel == panel]
    return any(value is not None for series in data.series for value in series.values)


def _check_folder(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {
        "record.json", "scenario.json", "report.html", "summary.md", "junit.xml", "hdr", "logs", "prometheus.tar.gz",
    }  # fmt: skip
    page = (out / "report.html").read_text()
    assert "PASS" in page
    assert len(page) < 2_000_000
    assert not re.search(r"""(src|href)=["']?https?:""", page)
    assert {path.stem for path in (out / "hdr").iterdir()} == {"like", "upload", "signup"}
    assert {"nginx-1.log", "app-1.log", "postgres-1.log", "generator.log"} <= {
        path.name for path in (out / "logs").iterdir()
    }


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a stack that is up, with data, while this module's tests run."""
    folder = tmp_path_factory.mktemp("stack") / "state"
    target = local.start(_free_topology(), state=folder)
    try:
        local.seed(target, users=600, photos_per_user=2, follows_per_user=5, seed=3)
        yield folder
    finally:
        local.stop(folder)


def _verdict(out: Path) -> Verdict:
    verdict = document.load(out / "record.json").verdict
    assert verdict is not None
    return verdict


def test_a_broken_budget_is_99_on_kept_data_at_other_rates_and_the_stack_stays_up(state: Path, tmp_path: Path) -> None:
    target = local.running(state)
    assert target is not None
    filled = local.manifest(target).read_bytes()
    strict = _variant(
        tmp_path, SHORT, WIDE, ("percentile = 99", "percentile = 50"), ("seconds = 5", "seconds = 0.0005")
    )
    done = _bench(
        strict,
        "--set",
        "target.keep=true",
        "--rate",
        "0.8",
        "--set",
        f"target.state={state}",
        "--out",
        tmp_path / "out",
        folder=tmp_path,
    )
    assert done.returncode == 99, done.stdout + done.stderr
    assert "BREACH" in done.stdout
    saved, verdict = document.load(tmp_path / "out" / "record.json"), _verdict(tmp_path / "out")
    assert [b.name for b in verdict.budgets if b.status == "broken"] == ["like p99"]
    assert saved.arrivals["like"].rate == pytest.approx(72)
    assert sum(entry.acknowledged for entry in saved.ledger) > 0
    assert sum(entry.residual for entry in saved.ledger) == 0
    assert local.running(state) is not None
    assert local.manifest(target).read_bytes() == filled  # filling anew would have made other sessions


def test_a_starved_generator_is_98_whatever_the_budgets_say(state: Path, tmp_path: Path) -> None:
    starving = _variant(
        tmp_path,
        SHORT,
        WIDE,
        ("loadtests.photoapp.users.members:Member", "tests.photoapp.members:Starving"),
        ("seconds = 5", "seconds = 0.0005"),
        ("dispatch_lag_p99_s = 20", "dispatch_lag_p99_s = 0.02"),
    )
    done = _bench(
        starving,
        "--set",
        "target.keep=true",
        "--set",
        f"target.state={state}",
        "--out",
        tmp_path / "out",
        folder=tmp_path,
    )
    assert done.returncode == 98, done.stdout + done.stderr
    verdict = _verdict(tmp_path / "out")
    assert {c.check for c in verdict.validity if c.status == "failed"} >= {"dispatch lag p99"}
    assert "broken" in {b.status for b in verdict.budgets}


def test_too_few_samples_are_97_and_a_saved_run_can_be_judged_and_reported_again(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quick = _variant(tmp_path, WIDE, ("warm_up_s = 3", "warm_up_s = 1"))
    done = _bench(quick, "--duration", "2", "--set", f"target.state={state}", "--out", out, folder=tmp_path)
    assert done.returncode == 97, done.stdout + done.stderr
    [percentile] = [b for b in _verdict(out).budgets if b.name == "like p99"]
    assert percentile.status == "inconclusive"
    assert "368" in percentile.reason
    saved, page = (out / "record.json").read_text(), (out / "report.html").read_text()
    (out / "report.html").unlink()
    command = [sys.executable, "-m", "likestorm"]
    judged = subprocess.run([*command, "judge", out], cwd=ROOT, capture_output=True, text=True, check=False)
    assert judged.returncode == 97
    assert (out / "record.json").read_text().splitlines() == saved.splitlines()
    assert (out / "report.html").read_text() == page
    reported = subprocess.run([*command, "report", out], cwd=ROOT, capture_output=True, text=True, check=True)
    assert reported.stdout.strip() == str(out / "report.html")


def test_a_request_that_never_happens_is_not_a_pass(state: Path, tmp_path: Path) -> None:
    forgetful = _variant(
        tmp_path,
        SHORT,
        WIDE,
        ("loadtests.photoapp.users.members:Member", "tests.photoapp.members:Forgetful"),
        ('request = "like"', 'request = "upload-confirm"'),
    )
    done = _bench(
        forgetful,
        "--set",
        "target.keep=true",
        "--set",
        f"target.state={state}",
        "--out",
        tmp_path / "out",
        folder=tmp_path,
    )
    assert done.returncode == 98, done.stdout + done.stderr
    verdict = _verdict(tmp_path / "out")
    assert "nothing was measured of 'upload-confirm'" in {budget.reason for budget in verdict.budgets}
    assert "mix of requests" in {c.check for c in verdict.validity if c.status == "failed"}


@pytest.mark.long
@pytest.mark.alone
def test_kept_data_is_driven_as_it_is_and_rates_can_be_scaled(state: Path, tmp_path: Path) -> None:
    target = local.running(state)
    assert target is not None
    filled = local.manifest(target).read_bytes()
    done = _bench(
        BRIEF,
        "--set",
        "target.keep=true",
        "--rate",
        "0.8",
        "--set",
        f"target.state={state}",
        "--out",
        tmp_path / "out",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    saved = document.load(tmp_path / "out" / "record.json")
    assert saved.arrivals["like"].rate == pytest.approx(72)
    assert sum(entry.residual for entry in saved.ledger) == 0
    assert local.manifest(target).read_bytes() == filled  # filling anew would have made other sessions


@pytest.mark.long
def test_an_interrupted_bench_takes_down_what_it_started(tmp_path: Path) -> None:
    topology, state = _free_topology(), tmp_path / "state"
    command = [sys.executable, "-m", "likestorm", "run", str(BRIEF), "--set", f"target.base_port={topology.base_port}"]
    process = subprocess.Popen(
        [*command, "--set", f"target.state={state}", "--out", str(tmp_path / "out")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "driving" in line:
            break
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=90)
    assert process.returncode == 130
    assert complaint.strip() == "likestorm: interrupted: nothing was judged"
    assert not (tmp_path / "out" / "record.json").exists()
    await_true(lambda: list_processes(state) == [], 60)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["lykes"], "lykes: no such scenario or file"),
        ([str(LIKES), "--set", "target.base_port=1"], "base port 1 is not between"),
        ([str(LIKES), "--set", "target.topology=2012"], "unknown topology '2012'"),
        ([str(LIKES), "--duration", "-3"], "invalid positive number value: '-3'"),
        ([str(LIKES), "--rate", "nan"], "invalid positive number value: 'nan'"),
    ],
)
def test_wrong_usage_is_2_and_one_line_says_why(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    done = _bench(*arguments, "--set", f"target.state={tmp_path / 'state'}", folder=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps({"schema": 1}))
    done = _bench(LIKES, "--out", tmp_path, "--set", f"target.state={tmp_path / 'state'}", folder=tmp_path)
    assert done.returncode == 2
    assert "already holds a run" in done.stderr


def test_a_part_that_dies_at_start_is_1_with_its_name_and_last_words(tmp_path: Path) -> None:
    topology, state = _free_topology(), tmp_path / "state"
    arguments = (
        LIKES,
        "--set",
        f"target.base_port={topology.base_port}",
        "--set",
        f"target.state={state}",
        "--out",
        tmp_path / "out",
    )
    # Not under pytest's own directory: the user that memcached runs as may not enter it.
    with tempfile.TemporaryDirectory(prefix="likestorm-tests-") as folder:
        Path(folder).chmod(0o755)
        # A real server that refuses: PgBouncer does not know memcached's options.
        (Path(folder) / "memcached").symlink_to(binaries.locate()["pgbouncer"])
        done = _bench(*arguments, folder=tmp_path, PATH=f"{folder}:{os.environ['PATH']}")
    assert done.returncode == 1
    [complaint] = done.stderr.splitlines()
    assert re.match(r"likestorm: memcached-[12] died at start", complaint)
    assert "invalid option" in complaint
    assert list_processes(state) == []
    assert not (tmp_path / "out").exists()


def test_a_port_that_is_taken_is_1_and_named(tmp_path: Path) -> None:
    topology, state = _free_topology(), tmp_path / "state"
    with socket.create_server(("127.0.0.1", topology.ports["pgbouncer"])):
        done = _bench(
            LIKES,
            "--set",
            f"target.base_port={topology.base_port}",
            "--set",
            f"target.state={state}",
            "--out",
            tmp_path / "out",
            folder=tmp_path,
        )
    assert done.returncode == 1
    assert not (tmp_path / "out").exists()
    assert f"port {topology.ports['pgbouncer']} (pgbouncer) is taken" in done.stderr
    assert list_processes(state) == []
