"""Alertmanager's routing: receivers by severity, groups, and the alerts that a known cause silences.

The receivers have no address here, because addresses are secrets of the operator;
compose/alertmanager/configuration.py adds them.
"""

from pathlib import Path

from alerts import slo

ROUTING_FILE = Path(__file__).parent / "generated" / "alertmanager.yaml"

PAGE, TICKET = "page", "ticket"

_BURNS = tuple(alert.name for alert in slo.ALERTS)
_CHAIN_BURNS = tuple(name for name in _BURNS if name.startswith("Chain"))
_TRAFFIC = ("PhotoRateOutOfRange", "LikeRateOutOfRange", "SignupRateOutOfRange")
_WORK = ("QueueStalled", "JobsFailing", "PushFailing")
_REQUESTS = ("ErrorsFlooding", *_BURNS, *_TRAFFIC)

SILENCES: dict[str, tuple[str, ...]] = {
    "FrontDown": _REQUESTS,
    "NginxDown": ("FrontDown", "NginxInstanceUnreachable", *_REQUESTS),
    "AppDown": ("FrontDown", "AppInstanceUnreachable", *_REQUESTS),
    "PgbouncerDown": ("DatabasePoolSaturated", *_REQUESTS, *_WORK),
    "PostgresPrimaryUnreachable": ("DatabasePoolSaturated", "ReplicationLagging", *_REQUESTS, *_WORK),
    "RedisDown": ("WorkerInstanceUnreachable", *_REQUESTS, *_WORK),
    "StoreDown": (*_REQUESTS, *_WORK),
    "MemcachedDown": ("MemcachedInstanceUnreachable", *_BURNS),
    "WorkerInstanceUnreachable": (*_CHAIN_BURNS, "QueueStalled"),
    "PushFailing": _CHAIN_BURNS,
}
"""A cause, and the symptoms that it silences while it fires."""


def document() -> dict[str, object]:
    """The content of Alertmanager's configuration, without the receivers' addresses."""
    return {
        "route": {
            "receiver": TICKET,
            # The alerts of all instances are one message.
            "group_by": ["alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [{"receiver": PAGE, "matchers": ['severity="critical"']}],
        },
        "inhibit_rules": [*(_silence(cause, symptoms) for cause, symptoms in SILENCES.items()), *_slower_burns()],
        "receivers": [{"name": PAGE}, {"name": TICKET}],
    }


def _silence(cause: str, symptoms: tuple[str, ...]) -> dict[str, object]:
    return {"source_matchers": [f'alertname="{cause}"'], "target_matchers": [f'alertname=~"{"|".join(symptoms)}"']}


def _slower_burns() -> list[dict[str, object]]:
    """A fast burn silences the slower burns of the same budget."""
    windows = [window.long for window in slo.WINDOWS]
    return [
        _silence(f"{kind.prefix}Burn{fast}", tuple(f"{kind.prefix}Burn{slow}" for slow in windows[place + 1 :]))
        | {"equal": ["sli", "route"]}
        for kind in slo.KINDS
        for place, fast in enumerate(windows[:-1])
    ]
