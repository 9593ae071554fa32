"""The report of each verdict: what it says, and that it opens anywhere and runs nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from junitparser import JUnitXml
from likestorm import report
from likestorm.report import ReportError, wording
from likestorm.results.record import Record, document
from likestorm.results.record.target import ErrorGroup, PanelData, Series
from likestorm.results.record.timesplit import Composition, TimeSplit

from tests.likestorm import records

MAKERS = [records.passing, records.breach, records.invalid, records.inconclusive]
EVIL = "<script>alert(1)</script>\"'|`\x00"


class Page(HTMLParser):
    """Collects a page's tags, attributes, headings and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _write(record: Record, folder: Path) -> tuple[str, str, JUnitXml]:
    page = report.write(record, folder)
    assert page == folder / "report.html"
    assert {path.name for path in folder.iterdir()} == {"report.html", "summary.md", "junit.xml"}
    return page.read_text(), (folder / "summary.md").read_text(), JUnitXml.fromfile(str(folder / "junit.xml"))


def _results(junit: JUnitXml) -> dict[str, tuple[str, ...]]:
    return {case.name: tuple(type(r).__name__ for r in case.result) for suite in junit for case in suite}


@pytest.mark.parametrize(
    ("make", "word", "code"),
    [
        (records.passing, "PASS", 0),
        (records.breach, "BREACH", 99),
        (records.invalid, "INVALID", 98),
        (records.inconclusive, "INCONCLUSIVE", 97),
    ],
)
def test_the_verdict_comes_first(make: Callable[[], Record], word: str, code: int, tmp_path: Path) -> None:
    html, markdown, _ = _write(make(), tmp_path)
    assert re.search(rf"<h1>{word}</h1>", html)
    assert f"exit status {code}" in html
    assert markdown.splitlines()[0].endswith(f"{word}: likes")
    assert f"exit status {code}" in markdown


@pytest.mark.parametrize("make", MAKERS)
def test_it_opens_offline_and_runs_nothing(make: Callable[[], Record], tmp_path: Path) -> None:
    html, _, _ = _write(make(), tmp_path)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "href", "xlink:href") or name[:2] == "on"]
    assert "url(" not in html
    assert "@import" not in html
    assert len(html.encode()) < 400_000


@pytest.mark.parametrize("make", MAKERS)
def test_every_budget_and_check_is_in_it(make: Callable[[], Record], tmp_path: Path) -> None:
    record = make()
    html, markdown, junit = _write(record, tmp_path)
    verdict, text, cases = record.verdict, Page(html).text, _results(junit)
    assert verdict is not None
    for budget in verdict.budgets:
        name = budget.name
        assert name in text
        assert name in markdown
        assert name in cases
    for check in verdict.validity:
        assert check.check in text
        assert check.check in cases
    assert len(cases) == len(verdict.budgets) + len(verdict.validity)


def test_a_pass_has_no_mark_in_junit(tmp_path: Path) -> None:
    _, _, junit = _write(records.passing(), tmp_path)
    assert set(_results(junit).values()) == {()}


def test_a_broken_budget_is_a_failure(tmp_path: Path) -> None:
    html, markdown, junit = _write(records.breach(), tmp_path)
    failed = {name for name, results in _results(junit).items() if results == ("Failure",)}
    assert failed == {"like p99", "like errors", "errors, all requests"}
    assert (junit.failures, junit.errors, junit.skipped) == (3, 0, 0)
    assert "| ✕ broken | like p99 | ≤ 50 ms | 152 ms | 135 ms or more | 5,390 |" in markdown
    assert "152 ms" in Page(html).text


def test_a_failed_check_is_an_error(tmp_path: Path) -> None:
    html, markdown, junit = _write(records.invalid(), tmp_path)
    failed = {name for name, results in _results(junit).items() if results == ("Error",)}
    assert failed == {"dispatch lag p99", "generator CPU", "ledger"}
    assert "these results decide nothing" in html
    assert html.index("Is the measurement valid?") < html.index("<h2>Budgets</h2>")
    assert "## Validity checks that did not hold" in markdown
    assert "lost, for example: 1041:77, 1188:902." in html


def test_what_cannot_be_told_is_skipped(tmp_path: Path) -> None:
    html, _, junit = _write(records.inconclusive(), tmp_path)
    results = _results(junit)
    assert results["like p99"] == ("Skipped",)
    assert results["dispatch lag p99"] == ()
    assert "276 samples; p99 has an upper bound from 368" in html


def test_percentiles_among_censored_arrivals_are_only_bounded(tmp_path: Path) -> None:
    text = Page(_write(records.breach(), tmp_path)[0]).text
    assert "> 218 ms" in text


def test_percentiles_beyond_the_sample_are_not_given() -> None:
    times = records.passing().requests["signup"].response_time_ms
    said = wording.say_percentiles(times, 62, 118.0, censored=False)
    assert said[3:5] == ["too few", "too few"]
    assert "too few" not in wording.say_percentiles(times, 1000, 118.0, censored=False)


def test_a_panel_without_data_says_so(tmp_path: Path) -> None:
    record = records.passing()
    empty = [PanelData(panel.panel, panel.query, []) for panel in record.panels]
    text = Page(_write(replace(record, panels=empty), tmp_path)[0]).text
    assert text.count("no data") >= len(empty)


def test_a_panel_is_drawn_from_what_the_record_has_of_it(tmp_path: Path) -> None:
    series = [Series({"x": "1"}, [0.0], [0.004])]
    panel = PanelData("id", "up", series, "Title", "Question?", "s", "line {{x}}", [(0.05, "limit")], False)
    page = Page(_write(replace(records.passing(), panels=[panel]), tmp_path)[0])
    for said in ("Title", "Question?", "line 1", "limit 50 ms"):
        assert said in page.text


def test_a_panel_of_an_older_record_has_its_id_and_its_labels(tmp_path: Path) -> None:
    old = PanelData("queue-depth", "rq_jobs", [Series({"queue": "push", "status": "queued"}, [0.0], [3.0])])
    page = Page(_write(replace(records.passing(), panels=[old]), tmp_path)[0])
    assert "queue-depth" in page.text
    assert "queue=push, status=queued" in page.text


def test_a_run_without_anything_is_reported(tmp_path: Path) -> None:
    record = records.passing()
    bare = replace(record, arrivals={}, requests={}, panels=[], ledger=[], scrapes=[], memory_mb={}, environment={})
    html, markdown, _ = _write(bare, tmp_path)
    assert "The target has no audit" in html
    assert "not known" in markdown


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    record = records.breach()
    assert record.verdict is not None
    like = replace(record.requests["like"], errors={EVIL: 9})
    hostile = replace(
        record,
        scenario=replace(record.scenario, name=EVIL, description=EVIL),
        target=EVIL,
        environment={EVIL: EVIL},
        requests={EVIL: like},
        arrivals={EVIL: record.arrivals["like"]},
        memory_mb={EVIL: 1.0},
        verdict=replace(
            record.verdict, reason=EVIL, budgets=[replace(b, name=EVIL, reason=EVIL) for b in record.verdict.budgets]
        ),
    )
    html, markdown, junit = _write(hostile, tmp_path)
    assert "script" not in Page(html).tags
    assert "<script>" not in html
    assert "<script>" not in markdown
    assert len(_results(junit)) > 0


def test_long_reasons_are_cut_after_a_clause() -> None:
    reason = "; ".join(f"budget number {k} was broken" for k in range(40)) + "."
    short = wording.shorten(reason)
    assert len(short) < 400
    assert re.fullmatch(r"(budget number \d+ was broken; )+and more, in the tables below\.", short)
    assert wording.shorten("like p99 was 1 ms.") == "like p99 was 1 ms."


def test_a_long_run_stays_small(tmp_path: Path) -> None:
    record = records.passing()
    hour = [float(second) for second in range(3600)]
    panels = [
        replace(p, series=[replace(s, times=hour, values=(s.values * 60)[:3600]) for s in p.series])
        for p in record.panels
    ]
    html, _, _ = _write(replace(record, panels=panels), tmp_path)
    assert len(html.encode()) < 2_000_000


def test_it_is_the_same_from_the_saved_record(tmp_path: Path) -> None:
    record = records.breach()
    saved = tmp_path / "record.json"
    document.save(record, saved)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert report.write(record, tmp_path / "a").read_text() == (
        report.write(document.load(saved), tmp_path / "b").read_text()
    )


def test_a_record_that_was_not_judged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no verdict"):
        report.write(replace(records.passing(), verdict=None), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_errors_that_the_service_reported_are_listed(tmp_path: Path) -> None:
    group = ErrorGroup("ZeroDivisionError", EVIL, "PUT /photos/<id>/like", 1234)
    html, _, _ = _write(replace(records.passing(), reported_errors=[group]), tmp_path)
    page = Page(html)
    assert "Errors that the service reported" in page.text
    assert "ZeroDivisionError" in page.text
    assert "1,234" in page.text
    assert "script" not in page.tags


def test_a_run_without_an_error_tracker_says_nothing_of_errors(tmp_path: Path) -> None:
    html, _, _ = _write(records.passing(), tmp_path)
    assert "Errors that the service reported" not in Page(html).text


def test_where_the_time_went_is_shown_for_targets_that_tell(tmp_path: Path) -> None:
    record = records.passing()
    html, _, _ = _write(record, tmp_path)
    page = Page(html)
    assert "Time by tier" in page.text
    assert "like: time by tier" in page.text
    assert "Of 5,391 responses: 540 around the median, 54 in the slowest 1 %." in page.text
    assert "By the counters of PgBouncer, operations waited 800 ms and worked 21.5 s" in page.text
    html, _, _ = _write(replace(record, timing={}), tmp_path)
    assert "ime by tier" not in html
    html, _, _ = _write(replace(record, tier_waits=[]), tmp_path)
    assert "By the counters of" not in Page(html).text


def test_a_target_s_own_tiers_are_shown_and_escaped(tmp_path: Path) -> None:
    slow = Composition(1, 9.0, {"app": 2.0, EVIL: 7.0})
    split = TimeSplit(9, 9, Composition(1, 2.0, {"app": 2.0}), slow, slow)
    html, _, _ = _write(replace(records.passing(), timing={"like": split}), tmp_path)
    assert "<script" not in html
    assert "alert(1)" in html
