"""Pages of dashboards: every panel drawn, or a reason why not."""

import re
from html import unescape

import pytest
from likestorm.panels.drawing import tone
from likestorm.results.prometheus import Sampled

from dashboards import page
from dashboards.page import View
from dashboards.panels import BY_ID, DASHBOARDS, PANELS

LIVE = View("stack at http://127.0.0.1:8400", 1_795_315_000.0, 1_795_315_900.0, minutes=15)
LABELS = {"method": "PUT", "route": "/photos/<id>/like", "objective": "like", "queue": "push"}


def _answers(value: float = 3.0) -> dict[str, list[Sampled]]:
    points = [(LIVE.start + second, value) for second in range(0, 901, 4)]
    return {panel.id: [Sampled(LABELS, points)] for panel in PANELS}


def _text(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html))


def _card(html: str, panel: str) -> str:
    return html.split(f'id="overview-{panel}"')[1].split("</figure>", maxsplit=1)[0]


@pytest.mark.parametrize("name", [*(each.name for each in DASHBOARDS), page.EVERYTHING])
def test_every_panel_is_on_its_page_with_its_query(name: str) -> None:
    html = page.render(name, LIVE, _answers(), "20s")
    panels = [panel for dashboard in page.panels_of(name) for panel in dashboard.panels]
    assert html.count("<figure") == html.count("<details") == len(panels)
    text = _text(html)
    for panel in panels:
        assert panel.title in text
        assert panel.question in text
        assert panel.promql("20s") in text
    assert 'class="empty"' not in html
    assert re.findall(r'\bid="([^"]+)"', html) == list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', html)))


def test_nothing_is_fetched_from_elsewhere() -> None:
    html = page.render(page.EVERYTHING, LIVE, _answers(), "20s")
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", html)
    assert "default-src 'none'; connect-src 'self'" in html
    assert "/photos/<id>/like" not in html


def test_an_empty_panel_says_why() -> None:
    answers = _answers() | {"slo-latency": [], "queue-depth": [Sampled({}, [(LIVE.start, float("nan"))])]}
    html = page.render("overview", LIVE, answers, "20s")
    assert BY_ID["slo-latency"].empty in _card(html, "slo-latency")
    assert page.NO_DATA in _card(html, "queue-depth")


def test_trouble_is_said_in_every_panel_and_above_them() -> None:
    html = page.render("overview", View("x", 0, 900, 15, "http://x: no answer from Prometheus"), {}, "20s")
    assert html.count("no answer from Prometheus") == 1 + len(DASHBOARDS[0].panels)


def test_a_tile_has_the_newest_value_and_the_state_of_its_thresholds() -> None:
    html = page.render("overview", LIVE, _answers(3.0), "20s")
    assert re.search(r'<div class="big "><b>3.00</b> <span>likes/s</span><svg', _card(html, "likes-per-second"))
    assert re.search(
        r'<li class="state open"><i [^>]*>!</i><span class="of">like</span><b>3.00', _card(html, "slo-latency")
    )
    assert [tone(BY_ID["slo-latency"], value) for value in (0.99, 1, 14.3, 14.4)] == ["good", "open", "open", "bad"]
    assert tone(BY_ID["likes-per-second"], 1e9) == ""


def test_a_time_without_data_is_a_gap() -> None:
    points = [(LIVE.start + second, 1.0) for second in (*range(0, 100, 4), *range(500, 600, 4))]
    html = page.render("overview", LIVE, _answers() | {"queue-depth": [Sampled({"queue": "push"}, points)]}, "20s")
    line, legend = re.findall(r'<path class="line l1" d="(M[^"]+)"', _card(html, "queue-depth"))
    assert (line.count("M"), legend.count("M")) == (2, 1)


def test_a_live_page_goes_on_and_a_finished_one_does_not() -> None:
    live = page.render("overview", LIVE, _answers(), "20s")
    finished = page.render("overview", View("run", LIVE.start, LIVE.end), _answers(), "5s")
    assert 'data-refresh="5"' in live
    assert 'href="?minutes=60"' in live
    assert 'data-refresh="0"' in finished
    assert "minutes=" not in finished


def test_a_name_that_is_not_known_has_no_page() -> None:
    assert page.panels_of("grafana") == ()
