"""promtool, which checks rules files and runs their tests."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alerts import AlertsError, units
from alerts.units import Rule, Unit

# Tests in one run of promtool, whose start takes as long as a test.
_BATCH = 25
_TIMEOUT_S = 300


def check_rules(rules: Path) -> None:
    """Raises AlertsError where promtool rejects a rules file."""
    done = _promtool("check", "rules", str(rules))
    if done.returncode != 0:
        raise AlertsError(f"promtool check rules:\n{done.stdout.strip()}")


def run_tests(tests: Sequence[Unit], rules: Sequence[Rule]) -> None:
    """Raises AlertsError with promtool's output where a test fails, or where there are no tests."""
    if not tests:
        raise AlertsError("there are no rules tests to run")
    failures = find_failures({unit.name: (unit, rules) for unit in tests})
    if failures:
        raise AlertsError("promtool test rules:\n" + "\n".join(f"{name}\n{why}" for name, why in failures.items()))


def find_failures(cases: Mapping[str, tuple[Unit, Sequence[Rule]]]) -> dict[str, str]:
    """The output of promtool for each test that fails on its rules, by the name of the case."""
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
    """The output for each file that fails."""
    done = _promtool("test", "rules", *tests)
    reports = re.split(r"^Unit Testing:  (.+)$", done.stdout, flags=re.MULTILINE)[1:]
    outcomes = dict(zip(reports[::2], (text.strip() for text in reports[1::2]), strict=True))
    if outcomes.keys() != set(tests):
        raise AlertsError(f"promtool test rules: promtool did not run every test:\n{done.stdout.strip()}")
    return {file: text for file, text in outcomes.items() if not text.startswith("SUCCESS")}


def _promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["promtool", *arguments]
    try:
        # promtool prints the names of the tests to standard output, the failures to standard error.
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise AlertsError("promtool is missing; `make setup` installs it with prometheus") from error
    except subprocess.TimeoutExpired as error:
        raise AlertsError(f"promtool {arguments[0]} {arguments[1]} did not end within {_TIMEOUT_S} s") from error
