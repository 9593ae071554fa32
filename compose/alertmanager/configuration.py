"""Alertmanager's configuration: routes and silences from alerts/generated, addresses from the environment.

Without any of these variables, alerts are on Alertmanager's page only:

    LIKESTORM_ALERT_WEBHOOK       URL that receives every alert as JSON
    LIKESTORM_PAGERDUTY_KEY       integration key (Events API v2); receives critical alerts
    LIKESTORM_ALERT_MAIL_TO       address that receives every alert; needs the next two
    LIKESTORM_ALERT_MAIL_FROM     its sender
    LIKESTORM_SMTP                HOST:PORT
    LIKESTORM_SMTP_USER, LIKESTORM_SMTP_PASSWORD    if the server needs a log-in
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from compose.errors import UsageError
from compose.layout import CLONE
from compose.topology import Topology

NAME = "alertmanager"
ROUTING = CLONE / "alerts" / "generated" / "alertmanager.yaml"

_WEBHOOK, _PAGERDUTY = "LIKESTORM_ALERT_WEBHOOK", "LIKESTORM_PAGERDUTY_KEY"
_TO, _FROM, _SMTP = "LIKESTORM_ALERT_MAIL_TO", "LIKESTORM_ALERT_MAIL_FROM", "LIKESTORM_SMTP"
_SMTP_USER, _SMTP_PASSWORD = "LIKESTORM_SMTP_USER", "LIKESTORM_SMTP_PASSWORD"
# The receiver of critical alerts.
_PAGING = "page"


def alertmanager_text(environment: Mapping[str, str] = os.environ, routing: Path = ROUTING) -> str:
    """alertmanager.yml, with secrets; UsageError names a variable that is wrong or missing."""
    content: dict[str, Any] = yaml.safe_load(routing.read_text())
    for receiver in content["receivers"]:
        receiver.update(_integrations(receiver["name"], environment))
    if environment.get(_TO):
        content["global"] = _mail(environment)
    return yaml.safe_dump(content, sort_keys=False)


def _integrations(receiver: str, environment: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The integrations of a receiver; each sends resolved alerts too."""
    told: dict[str, list[dict[str, Any]]] = {}
    if url := environment.get(_WEBHOOK):
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise UsageError(f"{_WEBHOOK} must be a URL, http or https")
        told["webhook_configs"] = [{"url": url, "send_resolved": True}]
    if (key := environment.get(_PAGERDUTY)) and receiver == _PAGING:
        told["pagerduty_configs"] = [{"routing_key": key, "send_resolved": True}]
    if address := environment.get(_TO):
        told["email_configs"] = [{"to": address, "send_resolved": True}]
    return told


def _mail(environment: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in (_FROM, _SMTP) if not environment.get(name)]
    if missing:
        raise UsageError(f"{_TO} needs {' and '.join(missing)}")
    login = {"smtp_auth_username": _SMTP_USER, "smtp_auth_password": _SMTP_PASSWORD}
    return {
        "smtp_from": environment[_FROM],
        "smtp_smarthost": environment[_SMTP],
        **{key: environment[name] for key, name in login.items() if environment.get(name)},
    }


def alerting(topology: Topology) -> dict[str, object]:
    """The address of Alertmanager, for Prometheus."""
    return {"alertmanagers": [{"static_configs": [{"targets": [topology.address(NAME)]}]}]}
