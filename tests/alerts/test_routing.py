"""The routing of alerts, by amtool and by a real Alertmanager."""

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import yaml

from alerts import routing, rules
from alerts.drills import webhook
from alerts.drills.stage import FASTER, scaled_routing
from alerts.drills.webhook import Receiver
from alerts.model import Alert
from compose.alertmanager.configuration import alertmanager_text
from compose.errors import UsageError

EVERYTHING = {
    "LIKESTORM_ALERT_WEBHOOK": "https://hooks.example.org/alerts",
    "LIKESTORM_PAGERDUTY_KEY": "0123456789abcdef0123456789abcdef",
    "LIKESTORM_ALERT_MAIL_TO": "oncall@example.org",
    "LIKESTORM_ALERT_MAIL_FROM": "likestorm@example.org",
    "LIKESTORM_SMTP": "mail.example.org:587",
    "LIKESTORM_SMTP_USER": "likestorm",
    "LIKESTORM_SMTP_PASSWORD": "secret",
}


def amtool(*arguments: str) -> str:
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_committed_file_is_what_the_data_says() -> None:
    assert routing.ROUTING_FILE.read_text() == rules.to_yaml(routing.document()), "run `python -m alerts generate`"


@pytest.mark.parametrize("environment", [{}, EVERYTHING], ids=["no receiver", "every receiver"])
def test_amtool_finds_no_fault(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(alertmanager_text(environment))
    assert "SUCCESS" in amtool("check-config", str(file))


@pytest.mark.parametrize("alert", rules.ALERTS, ids=lambda alert: alert.name)
def test_what_is_critical_is_a_page_and_the_rest_a_ticket(alert: Alert) -> None:
    told = amtool(
        "config", "routes", "test", f"--config.file={routing.ROUTING_FILE}",
        f"alertname={alert.name}", f"severity={alert.severity}",
    )  # fmt: skip
    assert told.split() == [{"critical": "page", "warning": "ticket"}[alert.severity]]


def test_receivers_are_as_configured() -> None:
    content = yaml.safe_load(alertmanager_text(EVERYTHING))
    page, ticket = content["receivers"]
    assert page == {
        "name": "page",
        "webhook_configs": [{"url": "https://hooks.example.org/alerts", "send_resolved": True}],
        "pagerduty_configs": [{"routing_key": "0123456789abcdef0123456789abcdef", "send_resolved": True}],
        "email_configs": [{"to": "oncall@example.org", "send_resolved": True}],
    }
    assert ticket == {key: value for key, value in page.items() if key != "pagerduty_configs"} | {"name": "ticket"}
    assert content["global"] == {
        "smtp_from": "likestorm@example.org",
        "smtp_smarthost": "mail.example.org:587",
        "smtp_auth_username": "likestorm",
        "smtp_auth_password": "secret",
    }


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"LIKESTORM_ALERT_WEBHOOK": "hooks.example.org"}, "LIKESTORM_ALERT_WEBHOOK must be a URL"),
        ({"LIKESTORM_ALERT_MAIL_TO": "a@b.c"}, "needs LIKESTORM_ALERT_MAIL_FROM and LIKESTORM_SMTP"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        alertmanager_text(environment)


def test_no_secret_is_in_the_repository() -> None:
    assert not re.search("url|key|password|@", routing.ROUTING_FILE.read_text())


def test_causes_and_symptoms_are_alerts_and_no_cause_silences_itself() -> None:
    names = {alert.name for alert in rules.ALERTS}
    for cause, symptoms in routing.SILENCES.items():
        assert {cause, *symptoms} <= names
        assert cause not in symptoms
        # Otherwise two that silence each other would both be silent.
        assert all(cause not in routing.SILENCES.get(symptom, ()) for symptom in symptoms)


def test_drills_change_durations_only() -> None:
    scaled = scaled_routing(routing.document(), 1 / FASTER)
    times = {"group_wait": "500ms", "group_interval": "5s", "repeat_interval": "4m"}
    document = routing.document()
    assert scaled == {**document, "route": {**document["route"], **times}}  # type: ignore[dict-item]


def post(url: str, alerts: list[dict[str, str]]) -> None:
    started = datetime.now(UTC).isoformat()
    body = [{"labels": labels, "startsAt": started} for labels in alerts]
    requests.post(f"{url}/api/v2/alerts", data=json.dumps(body), headers={"Content-Type": "application/json"},
                  timeout=5).raise_for_status()  # fmt: skip


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False


def await_true(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@contextmanager
def alertmanager(folder: Path, receiver: Receiver) -> Iterator[str]:
    """One that runs by our routing in fast motion."""
    document = yaml.safe_load(alertmanager_text({"LIKESTORM_ALERT_WEBHOOK": receiver.url}))
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(scaled_routing(document, 1 / FASTER)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = shutil.which("prometheus-alertmanager") or "alertmanager"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
             "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await_true(lambda: answers(f"http://127.0.0.1:{port}"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_a_cause_silences_its_symptoms_and_instances_come_together(tmp_path: Path) -> None:
    critical = {"severity": "critical"}
    with webhook.receiver(tmp_path / "raw.jsonl") as receiver, alertmanager(tmp_path, receiver) as url:
        post(url, [
            {"alertname": "PgbouncerDown", "job": "pgbouncer", **critical},
            {"alertname": "ErrorsFlooding", **critical},
            {"alertname": "AvailabilityBurn1h", "sli": "availability", "route": "GET /feed", **critical},
            *({"alertname": "MemcachedInstanceUnreachable", "instance": name, "severity": "warning"}
              for name in ("memcached-1", "memcached-2")),
        ])  # fmt: skip
        await_true(lambda: len(receiver.since(0)) == 3)
        post(url, [
            {"alertname": "LatencyBurn6h", "sli": "latency", "route": "GET /feed", **critical},
            {"alertname": "CdnDown", "job": "blackbox", **critical},
        ])  # fmt: skip
        await_true(lambda: len(receiver.since(0)) == 4)
        assert [notice.name for notice in receiver.since(0)].count("MemcachedInstanceUnreachable") == 2
        assert {notice.name for notice in receiver.since(0)} == {
            "PgbouncerDown", "MemcachedInstanceUnreachable", "CdnDown",
        }  # fmt: skip
    messages = [json.loads(line)["message"] for line in (tmp_path / "raw.jsonl").read_text().splitlines()]
    assert sorted(len(message["alerts"]) for message in messages) == [1, 1, 2]


def test_a_message_that_is_none_is_refused(tmp_path: Path) -> None:
    with webhook.receiver(tmp_path / "raw.jsonl") as receiver:
        assert requests.post(receiver.url, data=b"{}", timeout=5).status_code == 400
        assert receiver.since(0) == []
