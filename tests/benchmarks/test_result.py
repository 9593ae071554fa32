"""What benchmarks leave, and the page that is made of it."""

from pathlib import Path

import pytest

from loadtests.benchmarks import figures, result
from loadtests.benchmarks.baseline import interpolate
from loadtests.benchmarks.result import BenchmarkError, Figure, Result, median, ratio


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(result, "RESULTS", tmp_path)
    monkeypatch.setattr(result, "PAGE", tmp_path / "BENCHMARKS.md")
    return tmp_path


def _result(title: str, date: str) -> Result:
    return Result(title, "make it", date, "2 cores", "7ad72af", [Figure("like p99", "14.2 ms", "14.2 to 16.6")], 0.5)


def test_the_page_has_the_newest_result_of_each_benchmark(folder: Path) -> None:
    result.save("start", _result("Starts", "2026-01-01"))
    result.save("bench", _result("Benches", "2026-01-02"))
    result.save("start", _result("Starts", "2026-01-03"))
    assert figures.main(["--page"]) == 0
    text = (folder / "BENCHMARKS.md").read_text()
    assert text.index("## Benches") < text.index("## Starts")
    assert "2026-01-01" not in text
    assert "2026-01-03, commit 7ad72af, 2 cores, load average 0.5 at the start: `make it`" in text
    assert "| like p99 | 14.2 ms | 14.2 to 16.6 |" in text


def test_a_benchmark_that_fails_keeps_its_earlier_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_port: int) -> list[Figure]:
        raise BenchmarkError("the stack does not start")

    monkeypatch.setitem(figures.BENCHMARKS, "start", figures.Benchmark("Starts", fail))
    result.save("start", _result("Starts", "2026-01-01"))
    assert figures.main(["--only", "start"]) == 1
    assert "figures: start: the stack does not start" in capsys.readouterr().err
    assert "2026-01-01" in (folder / "BENCHMARKS.md").read_text()


def test_a_measured_result_says_when_where_and_how(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del folder
    benchmark = figures.Benchmark("Starts", lambda port: [Figure("port", f"{port}")])
    monkeypatch.setitem(figures.BENCHMARKS, "start", benchmark)
    assert figures.main(["--only", "start", "--base-port", "9000"]) == 0
    saved = result.load("start")
    assert saved
    assert saved.figures == [Figure("port", "9000")]
    assert saved.command == "python -m loadtests.benchmarks.figures --only start"
    assert "cores" in saved.machine
    assert saved.revision.startswith(result.revision().rstrip("+"))


def test_the_committed_page_is_made_of_the_committed_results() -> None:
    kept = (result.load(name) for name in (*figures.BENCHMARKS, figures.EARLIER))
    assert result.PAGE.read_text() == result.page(each for each in kept if each)


def test_runs_are_told_by_their_median_and_range() -> None:
    assert median("like p99", [16.6, 14.2, 15.0], "ms") == Figure("like p99", "15.0 ms", "14.2 to 16.6, 3 runs")
    assert median("like p99", [16.6], "ms") == Figure("like p99", "16.6 ms", "one run")


def test_pairs_point_to_a_ratio_with_its_interval() -> None:
    pairs = [(1.0, each) for each in (0.5, 0.55, 0.6, 0.45, 0.5, 0.52, 0.48, 0.5)]
    assert ratio("like over bare", pairs) == Figure("like over bare", "0.505", "0.474 to 0.550, 8 pairs in turn")
    assert ratio("like over bare", pairs[:2]).interval == "none, 2 pairs in turn"


def test_a_value_is_interpolated_between_samples_and_never_beyond_them() -> None:
    samples = [(10.0, 1.0), (12.0, 3.0)]
    assert interpolate(samples, 10.5) == pytest.approx(1.5)
    with pytest.raises(BenchmarkError, match="not sampled for long enough"):
        interpolate(samples, 13.0)
