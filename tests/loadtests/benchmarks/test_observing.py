"""What observing costs: how pairs of blocks are judged, and that "off" is off on a living stack."""

import contextlib
import math
import random
from pathlib import Path

import pytest
import requests
import urllib3

from compose import local
from compose.errors import StackError
from compose.topology import named
from dashboards.prometheus import Prometheus
from loadtests.benchmarks import observing
from loadtests.benchmarks.app_instances import Instances
from loadtests.benchmarks.observing import Block, judge, main, say_cpu
from tests.compose.stacks import await_true, check_free
from tests.ports import base_ports

REQUESTS = 20


def blocks(likes_per_s: float, p99_ms: float, noise: float, pairs: int = 24, seed: int = 1) -> list[Block]:
    chance = random.Random(seed)

    def around(value: float) -> float:
        return value * math.exp(chance.gauss(0, noise))

    return [Block(around(likes_per_s), around(p99_ms), 1000.0, 100.0) for _ in range(pairs)]


@pytest.mark.parametrize(
    ("likes_per_s", "p99_ms", "noise", "findings"),
    [
        (600, 20, 0.01, ["held", "held"]),
        (595, 20.2, 0.01, ["held", "held"]),
        (700, 15, 0.01, ["held", "held"]),
        (560, 20, 0.01, ["worse", "held"]),
        (600, 22, 0.01, ["held", "worse"]),
        (582, 20.6, 0.05, ["unclear", "unclear"]),
    ],
)
def test_a_change_is_judged_by_its_interval(
    likes_per_s: float, p99_ms: float, noise: float, findings: list[str]
) -> None:
    off, on = blocks(600, 20, noise), blocks(likes_per_s, p99_ms, noise, seed=2)
    throughput, p99 = judge(off, on)
    assert [throughput.finding, p99.finding] == findings
    assert (throughput.what, p99.what) == ("throughput", "p99")
    assert throughput.low <= throughput.estimate <= throughput.high
    assert throughput.estimate == pytest.approx(likes_per_s / 600 - 1, abs=2 * noise)
    assert p99.estimate == pytest.approx(p99_ms / 20 - 1, abs=2 * noise)


def test_a_few_pairs_bear_no_interval() -> None:
    throughput, p99 = judge(blocks(600, 20, 0.01, pairs=3), blocks(400, 40, 0.01, pairs=3, seed=2))
    assert {throughput.finding, p99.finding} == {"unclear"}
    assert "(no interval of so few pairs): cannot tell" in throughput.line


def test_what_more_pairs_would_show_is_told() -> None:
    swings = [sign * size / 100 for size in range(3, 9) for sign in (-1, 1)]
    on = [Block(600 * math.exp(swing), 20 * math.exp(swing), 1000.0, 100.0) for swing in swings]
    for change in judge([Block(600, 20, 1000.0, 100.0)] * len(on), on):
        assert change.finding == "unclear"
        assert change.pairs_needed is not None
        assert 12 < change.pairs_needed <= 64
        assert f"{change.pairs_needed} pairs would show that it is none" in change.line


def test_cpu_time_is_told_as_a_share_of_the_whole() -> None:
    on = [Block(600, 20, 1030.0, 130.0)] * 6
    said = say_cpu([Block(600, 20, 1000.0, 100.0)] * 6, on, cores=2)
    assert "app +30 µs (+30 to +30), collectors and Prometheus +30 µs (+30 to +30)" in said
    assert said.endswith("+1.8% of the 3333 µs that one takes of 2 cores")


def test_wrong_numbers_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--pairs", "0"])
    assert ended.value.code == 2
    assert "--pairs" in capsys.readouterr().err


def test_without_wrk_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main([]) == 1
    assert capsys.readouterr().err == "observing: wrk is not installed: apt-get install wrk\n"


def free_port() -> int:
    for candidate in base_ports():
        with contextlib.suppress(StackError):
            check_free(candidate)
            return candidate
    raise AssertionError("no free range of ports")


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.alone
def test_off_keeps_nothing_and_is_not_scraped(tmp_path: Path) -> None:
    with local.up(named("small", free_port()), state=tmp_path) as target:
        instances = Instances(target)
        settings = {"LIKESTORM_SERVER_TIMING": "0"}
        with instances.serving(settings, observed=True):
            assert scraped_jobs(target) >= {"app", "worker", "redis"}
            before = counted(target)
            ask(target)
            await_true(lambda: counted(target) >= before + REQUESTS)
            used, _ = instances.cpu_s()
            assert used > 0
        with instances.serving(settings, observed=False):
            assert scraped_jobs(target) >= {"worker", "redis"}
            assert "app" not in scraped_jobs(target)
            before = counted(target)
            ask(target)
            assert counted(target) == before
        with instances.serving(settings, observed=True):
            await_true(lambda: "app" in scraped_jobs(target))
            assert Prometheus(target.prometheus_url).recent("up", 1)


def ask(target: local.Target) -> None:
    answers = [urllib3.request("GET", f"{target.url}/feed", retries=False) for _ in range(REQUESTS)]
    assert {answer.status for answer in answers} == {401}
    assert all("Server-Timing" not in answer.headers for answer in answers)


def counted(target: local.Target) -> float:
    """Requests to /feed, as the instances' own files have them."""
    total = 0.0
    for name in target.topology.app_instances:
        page = requests.get(f"http://127.0.0.1:{target.topology.ports['collectors']}/service/{name}", timeout=5).text
        lines = [line for line in page.splitlines() if line.startswith("likestorm_http_requests_total{")]
        total += sum(float(line.split()[-1]) for line in lines if '"/feed"' in line)
    return total


def scraped_jobs(target: local.Target) -> set[str]:
    found = requests.get(f"{target.prometheus_url}/api/v1/targets?state=active", timeout=5).json()["data"]
    return {each["labels"]["job"] for each in found["activeTargets"]}


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.alone
def test_a_pair_of_blocks_is_measured_and_cannot_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief = [
        "--pairs",
        "1",
        "--seconds",
        "2",
        "--rate",
        "40",
        "--base-port",
        str(free_port()),
        "--state",
        str(tmp_path),
    ]
    assert main(brief) == observing.STATUS["unclear"]
    said = capsys.readouterr().out
    assert all(f"metrics {side}: " in said for side in ("on", "off"))
    assert "throughput: " in said
    assert "CPU time a like: app " in said
