"""Alerts on a living stack: their series exist, Prometheus takes the rules, and runbooks' commands work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from alerts import rules
from compose.local import Target
from compose.topology import DEFAULT_BASE_PORT, OFFSETS
from tests.alerts.metric_names import metrics_in
from tests.compose.stacks import await_true

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
# What is recorded of routes and chains exists once there is traffic.
BY_TRAFFIC = {recording.record for recording in rules.RECORDINGS if recording.record.startswith("route:")}


def ask(stack: Target, path: str) -> dict[str, list[str]]:
    answer = requests.get(f"{stack.prometheus_url}/api/v1/{path}", timeout=30)
    answer.raise_for_status()
    found: dict[str, list[str]] = answer.json()
    return found


def test_every_series_that_rules_ask_for_exists(stack: Target) -> None:
    wanted = {name for rule in rules.listed() for name in metrics_in(str(rule["expr"]))} - BY_TRAFFIC
    assert len(wanted) > 20
    # The past of a rate is recorded only once it has one.
    later = {name for name in wanted if name.endswith("_avg1h")}
    await_true(lambda: wanted - later <= set(ask(stack, "label/__name__/values")["data"]), timeout_s=90)


def test_prometheus_evaluates_every_rule_and_knows_alertmanager(stack: Target) -> None:
    def health() -> list[str]:
        groups = requests.get(f"{stack.prometheus_url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        return [rule["health"] for group in groups for rule in group["rules"]]

    count = len(rules.RECORDINGS) + len(rules.ALERTS)
    assert len(health()) == count
    # A group is evaluated for the first time some seconds into its interval, which is a minute for one of them.
    assert set(health()) <= {"ok", "unknown"}
    active = requests.get(f"{stack.prometheus_url}/api/v1/alertmanagers", timeout=30).json()["data"]
    port = stack.topology.ports["alertmanager"]
    assert [each["url"] for each in active["activeAlertmanagers"]] == [f"http://127.0.0.1:{port}/api/v2/alerts"]


def commands() -> list[str]:
    """Every command of a runbook, without the question that it answers."""
    blocks = [path.read_text().split("```sh\n")[1].split("```")[0] for path in (ROOT / rules.RUNBOOKS).glob("*.md")]
    return sorted({re.sub(r"\s+#.*$", "", line) for block in blocks for line in block.strip().splitlines()})


def here(command: str, stack: Target) -> str:
    """The command for this stack: its ports, its logs."""
    base = min(stack.topology.ports.values())
    for offset in OFFSETS.values():
        command = command.replace(f"127.0.0.1:{DEFAULT_BASE_PORT + offset}", f"127.0.0.1:{base + offset}")
    command = command.replace(".stack/logs", str(stack.logs_dir))
    return command.replace("make status", f"{sys.executable} -m compose status --state {stack.state_dir}")


def test_every_command_of_a_runbook_works(stack: Target) -> None:
    await_true(lambda: {state.state for state in stack.states().values()} == {"RUNNING"})
    failed = {}
    for command in commands():
        if "journalctl" in command:  # the kernel's log is root's alone
            continue
        done = subprocess.run(
            ["sh", "-c", here(command, stack)], capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode != 0:
            failed[command] = done.stderr.strip()
    assert failed == {}
