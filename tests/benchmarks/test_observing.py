"""What observing costs: how rounds are judged, and that "off" is off on a living stack."""

import contextlib
import math
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
import urllib3
from likestorm.comparison.interleaved import Which
from likestorm.generator.plan import Progress

from compose import local
from compose.topology import named
from loadtests.benchmarks import observing
from loadtests.benchmarks.app_instances import Instances
from loadtests.benchmarks.observed import Half, judge, say_cpu
from loadtests.benchmarks.observing import Turns, main
from loadtests.benchmarks.switch import Switch
from tests.compose.stacks import await_true, free_range

REQUESTS = 20


def halves(likes_per_s: float, p99_ms: float, noise: float, rounds: int = 24, seed: int = 1) -> list[Half]:
    chance = random.Random(seed)

    def around(value: float) -> float:
        return value * math.exp(chance.gauss(0, noise))

    return [Half(around(likes_per_s), around(p99_ms), 1000.0, 100.0) for _ in range(rounds)]


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
    off, on = halves(600, 20, noise), halves(likes_per_s, p99_ms, noise, seed=2)
    throughput, p99 = judge(off, on)
    assert [throughput.finding, p99.finding] == findings
    assert (throughput.what, p99.what) == ("throughput", "p99")
    assert throughput.low <= throughput.estimate <= throughput.high
    assert throughput.estimate == pytest.approx(likes_per_s / 600 - 1, abs=2 * noise)
    assert p99.estimate == pytest.approx(p99_ms / 20 - 1, abs=2 * noise)


def test_a_few_rounds_bear_no_interval() -> None:
    throughput, p99 = judge(halves(600, 20, 0.01, rounds=3), halves(400, 40, 0.01, rounds=3, seed=2))
    assert {throughput.finding, p99.finding} == {"unclear"}
    assert "(no interval of so few rounds): cannot tell" in throughput.line


def test_what_more_rounds_would_show_is_told() -> None:
    swings = [sign * size / 100 for size in range(3, 9) for sign in (-1, 1)]
    on = [Half(600 * math.exp(swing), 20 * math.exp(swing), 1000.0, 100.0) for swing in swings]
    for change in judge([Half(600, 20, 1000.0, 100.0)] * len(on), on):
        assert change.finding == "unclear"
        assert change.rounds_needed is not None
        assert 12 < change.rounds_needed <= 64
        assert f"{change.rounds_needed} rounds would show that it is none" in change.line


def test_cpu_time_is_told_as_a_share_of_the_whole() -> None:
    on = [Half(600, 20, 1030.0, 130.0)] * 6
    said = say_cpu([Half(600, 20, 1000.0, 100.0)] * 6, on, cores=2)
    assert "app +30 µs (+30 to +30), collectors and Prometheus +30 µs (+30 to +30)" in said
    assert said.endswith("+1.8% of the 3333 µs that one takes of 2 cores")


@pytest.mark.parametrize(
    ("option", "value"), [("--rounds", "0"), ("--paced", "0"), ("--paced", "4x5"), ("--saturated", "-1")]
)
def test_wrong_numbers_are_wrong_usage(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option, value])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err


def test_without_wrk_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main([]) == 1
    assert capsys.readouterr().err == "observing: wrk is not installed: apt-get install wrk\n"


def test_a_second_belongs_to_the_side_that_answers_in_it() -> None:
    now = [100.0]
    answering: list[str] = []
    turns = Turns(("base", "candidate", "candidate", "base", "candidate"), answering.append, lambda: now[0])
    # Once a second, a little late, and for once so late that the second is nobody's.
    for moment, phase in (
        (99.0, "warm-up"), (100.001, "measure"), (101.004, "measure"), (102.002, "measure"), (103.2, "measure"),
        (104.001, "measure"), (105.001, "measure"), (106.0, "drain"),
    ):  # fmt: skip
        now[0] = moment
        turns.follow(Progress(phase, 0, 0, {}))
    assert answering == ["base", "candidate", "candidate", "base", "candidate"]
    assert [turns.side(second, second + 1) for second in range(99, 106)] == [
        None, "base", "candidate", "candidate", None, "candidate", "candidate",
    ]  # fmt: skip


def test_a_switch_is_seen_by_all_who_have_it(tmp_path: Path) -> None:
    told = Switch.create(tmp_path / "switch")
    seen = Switch(tmp_path / "switch")
    for side in (0, 1, 0):
        told.turn(side)
        assert (told.side(), seen.side()) == (side, side)


@contextlib.contextmanager
def running(folder: Path, *, same: bool) -> Iterator[tuple[local.Target, Instances]]:
    with local.up(named("small", free_range()), state=folder) as target:
        instances = Instances(target, same=same)
        with instances.fresh({"LIKESTORM_SERVER_TIMING": "0"}):
            yield target, instances


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.alone
def test_off_keeps_nothing_and_the_sides_take_turns(tmp_path: Path) -> None:
    with running(tmp_path, same=False) as (target, instances):
        sides: tuple[Which, ...] = ("candidate", "base", "candidate")
        for side in sides:
            instances.serve(side)
            before, answered = scraped(target), instances.answered()
            used = instances.cpu_s(instances.names)
            ask(target)
            # Told in hundredths of a second, which these requests need not take.
            assert instances.cpu_s(instances.names) >= used > 0
            # None of them was answered with 2xx; the stack's own probes come by once a second, and are.
            assert 0 <= instances.answered() - answered < REQUESTS
            if side == "candidate":
                await_true(partial(has_scraped, target, before + REQUESTS))
            else:
                assert before == scraped(target) == 0
        # What was asked in between was counted by nobody.
        assert scraped(target) == 2 * REQUESTS


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.alone
def test_both_sides_can_be_alike(tmp_path: Path) -> None:
    with running(tmp_path, same=True) as (target, instances):
        sides: tuple[Which, ...] = ("candidate", "base")
        for number, side in enumerate(sides, 1):
            instances.serve(side)
            ask(target)
            await_true(partial(has_scraped, target, number * REQUESTS))


def ask(target: local.Target) -> None:
    answers = [urllib3.request("GET", f"{target.url}/feed", retries=False) for _ in range(REQUESTS)]
    assert {answer.status for answer in answers} == {401}
    assert all("Server-Timing" not in answer.headers for answer in answers)


def scraped(target: local.Target) -> float:
    """Requests to /feed, as Prometheus finds them at the instances' endpoints now."""
    total = 0.0
    for name in target.topology.app_instances:
        page = requests.get(f"http://127.0.0.1:{target.topology.ports['collectors']}/service/{name}", timeout=5).text
        lines = [line for line in page.splitlines() if line.startswith("likestorm_http_requests_total{")]
        total += sum(float(line.split()[-1]) for line in lines if '"/feed"' in line)
    return total


def has_scraped(target: local.Target, requests_: float) -> bool:
    return scraped(target) >= requests_


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.alone
def test_rounds_are_measured_and_cannot_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief = ["--rounds", "1", "--paced", "4", "--saturated", "2", "--rate", "40"]
    assert main([*brief, "--base-port", str(free_range()), "--state", str(tmp_path)]) == observing.STATUS["unclear"]
    said = capsys.readouterr().out
    assert all(f"metrics {side}: " in said for side in ("on", "off"))
    assert "throughput: " in said
    assert "CPU time a like: app " in said
