"""Stacked bars: widths are shares, narrow ones bear no letter, text is escaped."""

from xml.etree import ElementTree as ET

import pytest
from likestorm.panels.charts import Segment, stacked_bars

SVG = {"": "http://www.w3.org/2000/svg"}
LEFT, WIDE = 8, 500.0


def _parse(markup: str) -> ET.Element:
    return ET.fromstring(f'<div xmlns="{SVG[""]}">{markup}</div>')


def _texts(markup: str) -> list[str]:
    return [text for element in _parse(markup).iter() if (text := (element.text or "").strip())]


def _bars(svg: str) -> list[list[tuple[float, float]]]:
    """(x, width) of the rectangles of each bar; those of the legend are left out."""
    rows: dict[float, list[tuple[float, float]]] = {}
    for rect in _parse(svg).iterfind(".//rect", SVG):
        if rect.attrib["height"] == "30":
            rows.setdefault(float(rect.attrib["y"]), []).append((float(rect.attrib["x"]), float(rect.attrib["width"])))
    return list(rows.values())


def test_widths_are_shares() -> None:
    svg = stacked_bars("T", ("median", "slow"), [Segment("a", (1.0, 30.0), 0), Segment("b", (3.0, 10.0), 1)], "ms")
    first, second = _bars(svg)
    assert [x for x, _ in first] == [LEFT, LEFT + WIDE / 4]
    assert [width for _, width in first] == pytest.approx([WIDE / 4, 3 * WIDE / 4], abs=2)
    assert [width for _, width in second] == pytest.approx([3 * WIDE / 4, WIDE / 4], abs=2)


def test_it_says_everything_in_words() -> None:
    segments = [Segment("a<b", (1.0, 30.0), 0), Segment("others", (3.0, 10.0), None)]
    markup = stacked_bars("T&", ("median", "slow"), segments, "ms")
    texts = _texts(markup)
    assert texts[:2] == ["median: 4.00 ms", "a"]
    assert texts[texts.index("a<b") :][:3] == ["a<b", "1.00", "30.0"]
    assert _parse(markup)[0].attrib["aria-label"] == "T&"


def test_what_is_narrow_has_no_letter_and_what_is_nothing_no_rectangle() -> None:
    svg = stacked_bars("T", ("x", "y"), [Segment("a", (0.0, 1.0), 0), Segment("b", (9.0, 99.0), 7)], "ms")
    assert [len(bar) for bar in _bars(svg)] == [1, 2]
    # Two bars and the legend have b; only the legend has a.
    texts = [element.text for element in _parse(svg).iterfind(".//text", SVG)]
    assert (texts.count("h"), texts.count("a")) == (3, 1)


def test_nothing_is_no_error() -> None:
    assert _bars(stacked_bars("T", ("x", "y"), [Segment("a", (0.0, 0.0), 0)], "ms")) == []
