"""The run as one HTML file that opens anywhere: no script, no request, nothing outside of it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from likestorm.panels import charts
from likestorm.report import drawings, search, tables, timing, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict
from likestorm.units import limit, quantity

TEMPLATES = Path(__file__).with_name("templates")


def template(name: str) -> Template:
    """One of the templates, which all escape what they are given."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(quantity=quantity, limit=limit)
    environment.filters["svg"] = Markup  # the charts' own output, in which all text is escaped already
    return environment.get_template(name)


def render(record: Record, verdict: Verdict) -> str:
    """The page's HTML."""
    return template("report.html").render(
        record=record,
        verdict=verdict,
        reason=wording.shorten(verdict.reason),
        headline=wording.HEADLINES[verdict.status],
        tones=wording.TONES,
        icons=wording.ICONS,
        say_asked=wording.say_asked,
        closed_warning=wording.warn_of_closed(record),
        chart_style=charts.STYLE,
        figures=tables.list_figures(record, verdict),
        budgets=tables.list_budgets(verdict),
        requests=tables.list_requests(record),
        parts=tables.list_parts(record),
        latency=drawings.draw_latency(record, verdict),
        percentiles=drawings.draw_percentiles(record),
        rates=drawings.draw_rates(record),
        timing=timing.draw_timing(record),
        tiers=drawings.draw_panels(record),
        search=record.capacity and search.tell(record.capacity),
        lag=wording.say_percentiles(record.generator.dispatch_lag_ms, record.load.offered, None, censored=False),
    )
