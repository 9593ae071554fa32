"""promtool, Prometheus' own checker of rules files and runner of their tests."""

import subprocess
from pathlib import Path

from alerts import AlertsError


def check_rules(rules: Path) -> None:
    """AlertsError where promtool finds fault with a rules file."""
    _promtool("check", "rules", str(rules))


def run_tests(tests: list[Path]) -> None:
    """AlertsError with promtool's findings where a rules test fails, or where there are none to run."""
    if not tests:
        raise AlertsError("there are no rules tests to run")
    _promtool("test", "rules", *map(str, tests))


def _promtool(*arguments: str) -> None:
    try:
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError as error:
        raise AlertsError("promtool is missing; `make setup` installs it with prometheus") from error
    except subprocess.TimeoutExpired as error:
        raise AlertsError(f"promtool {arguments[0]} {arguments[1]} did not end within 60 s") from error
    if done.returncode != 0:
        raise AlertsError(f"promtool {arguments[0]} {arguments[1]}:\n{(done.stdout + done.stderr).strip()}")
