"""The run as one HTML file that opens anywhere: without scripts, without requests, without other files."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Template

from likestorm.panels import charts
from likestorm.report import drawings, tables, wording
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict
from likestorm.units import limit, quantity

TEMPLATES = Path(__file__).with_name("templates")


def template(name: str) -> Template:
    """One of the report's templates, which escape all values."""
    environment = charts.environment(TEMPLATES)
    environment.filters.update(quantity=quantity, limit=limit, interval=wording.say_interval)
    environment.globals.update(wording=wording, tables=tables)
    return environment.get_template(name)


def render(record: Record, verdict: Verdict) -> str:
    """The page's HTML."""
    return template("report.html").render(
        record=record,
        verdict=verdict,
        headline=wording.HEADLINES[verdict.status],
        closed_warning=wording.warn_of_closed(record),
        parts=tables.list_parts(record),
        latency=drawings.draw_latency(record, verdict),
        percentiles=drawings.draw_percentiles(record),
        rates=drawings.draw_rates(record),
        timing=drawings.draw_timing(record),
        tiers=drawings.draw_panels(record),
        lag=wording.say_percentiles(record.generator.dispatch_lag_ms, record.load.offered, None, censored=False),
    )
