"""The front door: what `make help` shows first, and that it shows every target."""

import re
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
FIRST = {"help", "setup", "bench", "up", "down", "status", "compare", "view", "test", "verify"}
INTERNAL = {"test-crowd", "lint-style", "lint-types", "lint-rules"}
"""Parts of other targets."""


@pytest.fixture(scope="module")
def shown() -> tuple[str, str]:
    """What stands before "more:" and after it."""
    command = ["make", "-s", "-C", str(MAKEFILE.parent), "help"]
    before, _, after = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\nmore:\n")
    return before, after


def _targets(text: str) -> set[str]:
    return set(re.findall(r"^  ([a-z-]+) {2,}\S", text, re.MULTILINE))


def test_the_ten_targets_that_people_need_come_first(shown: tuple[str, str]) -> None:
    assert _targets(shown[0]) == FIRST


def test_every_target_is_shown_once(shown: tuple[str, str]) -> None:
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE.read_text(), re.MULTILINE)
    assert phony
    assert _targets(shown[0]) | _targets(shown[1]) == set(phony[1].split()) - INTERNAL
    assert not _targets(shown[0]) & _targets(shown[1])


def test_every_variable_is_shown_with_its_default(shown: tuple[str, str]) -> None:
    variables = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE.read_text(), re.MULTILINE))
    assert set(re.findall(r"^  ([A-Z_]+) +\S", "".join(shown), re.MULTILINE)) == variables
    assert "TOML file (likes)" in shown[0]
