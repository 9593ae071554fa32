"""A like beside a bare route: one real pair."""

import re
from pathlib import Path

import pytest

from loadtests.benchmarks.overhead import main
from tests.compose.stacks import free_range


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.alone
def test_one_pair_is_driven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief = ["--rounds", "1", "--seconds", "1", "--base-port", str(free_range()), "--state", str(tmp_path)]
    assert main(brief) == 0
    said = capsys.readouterr().out
    pair = re.search(r"pair 1: (\d+) likes/s, pushes done ([\d.]+) s later, (\d+) bare, ([\d.]+)", said)
    assert pair, said
    likes, _, bare, ratio = map(float, pair.groups())
    assert ratio == pytest.approx(likes / bare, rel=0.01)


def test_without_wrk_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main([]) == 1
    assert capsys.readouterr().err == "overhead: wrk is not installed: apt-get install wrk\n"
