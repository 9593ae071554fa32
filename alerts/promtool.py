"""promtool, Prometheus' own checker of rules files and runner of their tests."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alerts import AlertsError, units
from alerts.units import Rule, Unit

# Tests that one promtool runs: its start costs as much as a test.
_BATCH = 25
_TIMEOUT_S = 300


def check_rules(rules: Path) -> None:
    """AlertsError where promtool finds fault with a rules file."""
    done = _promtool("check", "rules", str(rules))
    if done.returncode != 0:
        raise AlertsError(f"promtool check rules:\n{done.stdout.strip()}")


def run_tests(tests: Sequence[Unit], rules: Sequence[Rule]) -> None:
    """AlertsError with promtool's findings where a test fails, or where there are none to run."""
    if not tests:
        raise AlertsError("there are no rules tests to run")
    failures = find_failures({unit.name: (unit, rules) for unit in tests})
    if failures:
        raise AlertsError("promtool test rules:\n" + "\n".join(f"{name}\n{why}" for name, why in failures.items()))


def find_failures(cases: Mapping[str, tuple[Unit, Sequence[Rule]]]) -> dict[str, str]:
    """What promtool has to say of each test that does not hold on its rules, by the cases' names."""
    with tempfile.TemporaryDirectory(prefix="likestorm-rules-") as name:
        folders = {case: Path(name) / str(number) for number, case in enumerate(cases)}
        for case, (unit, rules) in cases.items():
            folders[case].mkdir()
            for file, text in units.files(unit, rules):
                (folders[case] / file).write_text(text)
        tests = [str(folder / "test.yaml") for folder in folders.values()]
        batches = [tests[start : start + _BATCH] for start in range(0, len(tests), _BATCH)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = {file: why for failed in pool.map(_run, batches) for file, why in failed.items()}
        return {case: found[file] for case, folder in folders.items() if (file := str(folder / "test.yaml")) in found}


def _run(tests: Iterable[str]) -> dict[str, str]:
    """What is said of each file that fails."""
    done = _promtool("test", "rules", *tests)
    reports = re.split(r"^Unit Testing:  (.+)$", done.stdout, flags=re.MULTILINE)[1:]
    outcomes = dict(zip(reports[::2], (text.strip() for text in reports[1::2]), strict=True))
    if outcomes.keys() != set(tests):
        raise AlertsError(f"promtool test rules: not every test was run:\n{done.stdout.strip()}")
    return {file: text for file, text in outcomes.items() if not text.startswith("SUCCESS")}


def _promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            # What fails is told on the one, which test it was on the other.
            ["promtool", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise AlertsError("promtool is missing; `make setup` installs it with prometheus") from error
    except subprocess.TimeoutExpired as error:
        raise AlertsError(f"promtool {arguments[0]} {arguments[1]} did not end within {_TIMEOUT_S} s") from error
