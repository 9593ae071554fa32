"""Charts: values land where they belong, gaps stay gaps, text is escaped."""

import re
from datetime import datetime
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from likestorm.panels import axes, charts
from likestorm.panels.lines import Line, largest, line, thin
from likestorm.panels.model import Threshold

SVG = {"": "http://www.w3.org/2000/svg"}
Points = list[tuple[float, float]]


def _parse(markup: str) -> ET.Element:
    return ET.fromstring(f'<div xmlns="{SVG[""]}">{markup}</div>')


def _texts(markup: str) -> list[str]:
    """The text in the drawing, then that of the legend."""
    return [text for element in _parse(markup).iter() if (text := (element.text or "").strip())]


def _paths(markup: str, css: str) -> list[dict[str, str]]:
    """The attributes of the paths of a class."""
    paths = [element.attrib for element in _parse(markup).iterfind(".//path", SVG)]
    return [each for each in paths if css in each.get("class", "").split()]


def _curves(markup: str) -> list[str]:
    """The path data of the drawn lines, in order; those of the legend are horizontal strokes and left out."""
    return [each["d"] for each in _paths(markup, "line") if not each["d"].endswith("h32")]


def _coordinates(path: str) -> Points:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_values_become_coordinates() -> None:
    svg = charts.time_chart("T", [Line("a", [(0, 0.0), (30, 50.0), (60, 100.0)])], "short", end=60)
    assert _coordinates(_curves(svg)[0]) == [
        (charts.LEFT, charts.BOTTOM),
        (charts.LEFT + (charts.RIGHT - charts.LEFT) / 2, (charts.TOP + charts.BOTTOM) / 2),
        (charts.RIGHT, charts.TOP),
    ]


def test_a_log_axis_gives_each_decade_the_same_height() -> None:
    svg = charts.time_chart("T", [Line("a", [(0, 1.0), (1, 10.0), (2, 100.0)])], "short", log=True)
    heights = [y for _, y in _coordinates(_curves(svg)[0])]
    assert heights == [charts.BOTTOM, (charts.TOP + charts.BOTTOM) / 2, charts.TOP]


def test_a_gap_lifts_the_pen_and_a_lone_point_is_seen() -> None:
    points = [(0, 1.0), (1, 2.0), (2, None), (3, 4.0), (4, None), (5, 4.0), (6, 4.0)]
    path = _curves(charts.time_chart("T", [Line("a", points)], "short"))[0]
    assert path.count("M") == 3
    assert path.count("L") == 2
    assert path.count("h4") == 1


def test_values_that_are_not_finite_are_gaps() -> None:
    assert line("a", [0, 1, 2], [1.0, float("nan"), float("inf")]).points == [(0, 1.0), (1, None), (2, None)]


@pytest.mark.parametrize("lines", [[], [Line("a", [])], [Line("a", [(0, None)])]])
def test_nothing_to_draw_is_said(lines: list[Line]) -> None:
    svg = charts.time_chart("T", lines, "s")
    assert _texts(svg) == ["no data"]
    assert not _curves(svg)


def test_names_are_escaped() -> None:
    svg = charts.time_chart("<b>&T", [Line('<script>"x"', [(0, 1.0)])], "suffix:<i>")
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert '<script>"x"' in _texts(svg)


def test_its_values_are_text_beside_the_drawing() -> None:
    root = _parse(charts.time_chart("Likes", [Line("likes", [(0, 0.004), (1, 0.0025)])], "s"))
    drawing, legend = root
    assert (drawing.attrib["role"], drawing.attrib["aria-label"]) == ("img", "Likes")
    cells = [[(cell.text or "").strip() for cell in row] for row in legend.iterfind(".//tr", SVG)]
    assert cells == [["ms", "last", "max"], ["", "likes", "2.50", "4.00"]]


def test_every_line_has_a_colour_and_a_dash_of_its_own() -> None:
    lines = [Line(str(k), [(0, 1.0 + k), (1, 2.0 + k)]) for k in range(6)] + [Line("rest", [(0, 1.0)], muted=True)]
    styles = {each["class"].split()[1] for each in _paths(charts.time_chart("T", lines, "short"), "line")}
    css = (charts.TEMPLATES / "charts.css").read_text()
    rules = [re.search(rf"^\.{style}{{color:(.+?)(?:;stroke-dasharray:(.+))?}}", css, re.MULTILINE) for style in styles]
    looks = {found.groups() for found in rules if found}
    assert len(looks) == len({colour for colour, _ in looks}) == len({dash for _, dash in looks}) == len(lines)


def test_a_limit_stands_at_its_value() -> None:
    svg = charts.time_chart("T", [Line("a", [(0, 0.0), (1, 100.0)])], "short", thresholds=[Threshold(50, "x")])
    limits = [each["d"] for each in _paths(svg, "limit")]
    assert limits == [f"M{charts.LEFT:g} {(charts.TOP + charts.BOTTOM) / 2:.1f}H{charts.RIGHT:g}"]
    assert "limit 50" in _texts(svg)


def test_a_limit_far_above_is_named_and_not_drawn() -> None:
    texts = _texts(charts.time_chart("T", [Line("a", [(0, 1.0)])], "short", thresholds=[Threshold(50, "x")]))
    assert "limit 50: above this chart" in texts


def test_labels_of_close_limits_do_not_overlap() -> None:
    near = [Threshold(50, "x"), Threshold(51, "y"), Threshold(90, "z")]
    texts = _texts(charts.time_chart("T", [Line("a", [(0, 100.0)])], "short", thresholds=near))
    assert [text for text in texts if text.startswith("limit")] == ["limit 50", "limit 90"]


def test_each_nine_is_as_wide_as_the_one_before() -> None:
    curve = Line("a", [(0, 1.0), (90, 2.0), (99, 3.0), (99.9, 4.0)])
    xs = [x for x, _ in _coordinates(_curves(charts.percentile_chart("T", [curve], "ms"))[0])]
    steps = [later - earlier for earlier, later in pairwise(xs)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.11)


def test_a_curve_that_ends_before_p99_has_no_p99() -> None:
    texts = _texts(charts.percentile_chart("T", [Line("a", [(0, 1.0), (50, 2.0), (90, 3.0)])], "ms"))
    assert texts[-2:] == ["2.00", "not known"]


def test_an_interval_bar_shows_where_the_limit_stands() -> None:
    parsed = _parse(charts.interval_bar(50, 40, 60, 100, at_most=True, tone="good"))[0]
    shade, interval = (r.attrib for r in parsed.iterfind("rect", SVG))
    edge = float(re.findall(r"M([\d.]+)", parsed.find("path", SVG).attrib["d"])[0])  # type: ignore[union-attr]
    assert float(shade["x"]) + float(shade["width"]) == pytest.approx(edge, abs=0.11)
    assert float(interval["x"]) + float(interval["width"]) < edge


def test_an_open_interval_runs_to_the_edge() -> None:
    parsed = _parse(charts.interval_bar(None, 40, None, 100, at_most=True, tone="bad"))[0]
    interval = parsed.findall("rect", SVG)[1].attrib
    assert float(interval["x"]) + float(interval["width"]) == pytest.approx(158)
    assert parsed.find("circle", SVG) is None


def test_thinning_keeps_peaks_and_gaps() -> None:
    points: list[tuple[float, float | None]] = [(float(x), 1.0) for x in range(3600)]
    points[1234], points[2000] = (1234.0, 99.0), (2000.0, None)
    thinned = thin(points, 220)
    assert len(thinned) <= 3 * 220
    assert (1234.0, 99.0) in thinned
    assert None in [value for _, value in thinned]
    assert [x for x, _ in thinned] == sorted(x for x, _ in thinned)


def test_the_largest_lines_and_the_sum_of_the_rest() -> None:
    lines = [Line(str(level), [(0, float(level)), (1, float(level))]) for level in (1, 5, 3, 2)]
    assert [each.name for each in largest(lines, 2, add_rest=False)] == ["5", "3"]
    kept = largest(lines, 2, add_rest=True)
    assert [each.name for each in kept] == ["5", "3", "2 others"]
    assert kept[-1].points == [(0, 3.0), (1, 3.0)]
    assert [each.name for each in largest(lines, 3, add_rest=True)] == ["5", "3", "2", "1"]


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(0, ["0", "1"]), (7, ["0", "2", "4", "6", "8"]), (100, ["0", "25", "50", "75", "100"]),
     (0.3, ["0", "0.1", "0.2", "0.3"])],
)  # fmt: skip
def test_linear_ticks_are_round(highest: float, ticks: list[str]) -> None:
    assert [label for _, label in axes.linear(highest).ticks] == ticks


@pytest.mark.parametrize(
    ("end", "labels"),
    [(3, ["0 s", "1 s", "2 s", "3 s"]), (60, ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]),
     (600, ["0 min", "2 min", "4 min", "6 min", "8 min", "10 min"]),
     (7200, ["0 min", "30 min", "60 min", "90 min", "120 min"])],
)  # fmt: skip
def test_time_ticks_are_round(end: float, labels: list[str]) -> None:
    assert [label for _, label in axes.seconds(end).ticks] == labels


def test_times_of_day_are_round_and_where_they_belong() -> None:
    began = datetime(2026, 11, 22, 14, 3, 20).astimezone().timestamp()
    axis = axes.times_of_day(began, 900)
    assert [label for _, label in axis.ticks] == ["14:05", "14:10", "14:15"]
    assert [at for at, _ in axis.ticks] == pytest.approx([100, 400, 700])
    assert [label for _, label in axes.times_of_day(began, 20).ticks] == [
        "14:03:20", "14:03:25", "14:03:30", "14:03:35", "14:03:40",
    ]  # fmt: skip


def test_log_ticks_hold_the_values() -> None:
    axis = axes.log(3.1, 41)
    assert (axis.low, axis.high) == (2, 50)
    assert [label for _, label in axis.ticks] == ["2", "5", "10", "20", "50"]
    assert axes.log(5, 5).low < axes.log(5, 5).high
