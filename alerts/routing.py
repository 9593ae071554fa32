"""Who is told of an alert, together with which others, and which alerts are silent because their cause is known.

Alertmanager's configuration without its receivers' addresses: those are the operator's, and secret
(compose/alertmanager/configuration.py adds them).
"""

from pathlib import Path

from alerts import slo

ROUTING_FILE = Path(__file__).parent / "generated" / "alertmanager.yaml"

PAGE, TICKET = "page", "ticket"

_BURNS = tuple(alert.name for alert in slo.ALERTS)
_TRAFFIC = ("PhotoRateOutOfRange", "LikeRateOutOfRange", "SignupRateOutOfRange")
_WORK = ("QueueStalled", "JobsFailing", "PushFailing")
_REQUESTS = ("ErrorsFlooding", *_BURNS, *_TRAFFIC)

SILENCES: dict[str, tuple[str, ...]] = {
    # What nobody gets through to is neither slow nor failing: it is away.
    "FrontDown": _REQUESTS,
    "NginxDown": ("FrontDown", "NginxInstanceUnreachable", *_REQUESTS),
    "AppDown": ("FrontDown", "AppInstanceUnreachable", *_REQUESTS),
    "PgbouncerDown": ("DatabasePoolSaturated", *_REQUESTS, *_WORK),
    "PostgresPrimaryUnreachable": ("DatabasePoolSaturated", "ReplicationLagging", *_REQUESTS, *_WORK),
    "RedisDown": ("WorkerInstanceUnreachable", *_REQUESTS, *_WORK),
    "StoreDown": (*_REQUESTS, *_WORK),
    "MemcachedDown": ("MemcachedInstanceUnreachable", *_BURNS),
    "WorkerInstanceUnreachable": (*(name for name in _BURNS if name.startswith("Chain")), "QueueStalled"),
    "PushFailing": tuple(name for name in _BURNS if name.startswith("Chain")),
}
"""A cause, and the symptoms of which nobody is told while it lasts."""


def document() -> dict[str, object]:
    """The content of Alertmanager's configuration, its receivers still without an address."""
    return {
        "route": {
            "receiver": TICKET,
            # All instances of which the same is said are one message.
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
    """Of a budget that burns fast nobody needs to be told that it also burns slowly."""
    prefixes = [kind.prefix for kind in slo.KINDS]
    windows = [window.long for window in slo.WINDOWS]
    return [
        _silence(f"{prefix}Burn{fast}", tuple(f"{prefix}Burn{slow}" for slow in windows[place + 1 :]))
        | {"equal": ["sli", "route"]}
        for prefix in prefixes
        for place, fast in enumerate(windows[:-1])
    ]
