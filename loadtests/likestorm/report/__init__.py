"""What a person and a machine read of a finished run: report.html, summary.md and junit.xml, made from its record."""

from __future__ import annotations

from pathlib import Path

from likestorm.errors import LikestormError
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict


class ReportError(LikestormError):
    """A record that cannot be reported, and why."""


def write(record: Record, out_dir: Path) -> Path:
    """Write report.html, summary.md and junit.xml into a folder that exists, each whole or not at all.

    Returns the path of report.html; ReportError where the record has no verdict yet.
    """
    from likestorm.report import junit, page, summary

    verdict = verdict_of(record)
    report = out_dir / "report.html"
    for path, text in (
        (report, page.render(record, verdict)),
        (out_dir / "summary.md", summary.render(record, verdict)),
        (out_dir / "junit.xml", junit.render(record, verdict)),
    ):
        partial = path.with_name(path.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return report


def verdict_of(record: Record) -> Verdict:
    """The verdict of a judged record; ReportError where it was not judged."""
    if record.verdict is None:
        raise ReportError(f"the record of {record.scenario.name!r} has no verdict: judge it first")
    return record.verdict
