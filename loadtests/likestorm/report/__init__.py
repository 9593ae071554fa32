"""Reports of a finished run, made from its record: report.html, summary.md and junit.xml."""

from __future__ import annotations

from pathlib import Path

from likestorm.errors import LikestormError
from likestorm.files import write_whole
from likestorm.results.record import Record
from likestorm.results.record.verdict import Verdict


class ReportError(LikestormError):
    """A record that cannot be reported, and why."""


def write(record: Record, out_dir: Path) -> Path:
    """Write report.html, summary.md and junit.xml into a folder that exists, each whole or not at all.

    Returns the path of report.html; ReportError where the record has no verdict.
    """
    from likestorm.report import junit, page, summary

    verdict = verdict_of(record)
    report = out_dir / "report.html"
    write_whole(report, page.render(record, verdict))
    write_whole(out_dir / "summary.md", summary.render(record, verdict))
    write_whole(out_dir / "junit.xml", junit.render(record, verdict))
    return report


def verdict_of(record: Record) -> Verdict:
    """The verdict of a judged record; ReportError where the record has none."""
    if record.verdict is None:
        raise ReportError(f"the record of {record.scenario.name!r} has no verdict: judge it first")
    return record.verdict
