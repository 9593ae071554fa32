"""The pages for readers: what they name is there."""

import re
import subprocess
from pathlib import Path

from likestorm.scenario import Limits, Scenario
from msgspec.structs import fields

from tests.likestorm import records

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "loadtests" / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)")


def test_the_page_on_validity_has_every_check_and_every_limit() -> None:
    text = (PAGES / "validity.md").read_text()
    verdict = records.passing().verdict
    assert verdict
    rows = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)[2:]
    assert rows == [each.check for each in verdict.validity]
    assert all(f"`{limit.name}`" in text for limit in fields(Limits))


def test_the_pages_name_keys_that_scenarios_have() -> None:
    known = {each.name for each in fields(Scenario)}
    named = set(re.findall(r"`([a-z]+_(?:max|s|timeout_s))`", (PAGES / "latency.md").read_text()))
    assert named
    assert named <= known


def test_the_readme_stays_within_150_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_every_link_between_pages_leads_to_a_file() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pages = [ROOT / name for name in listed.splitlines()]
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text()) if "://" not in link]
    assert len(links) > 30
    assert [f"{page}: {link}" for page, link in links if not (page.parent / link).exists()] == []
