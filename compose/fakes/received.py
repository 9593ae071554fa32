"""What the fakes received: counts, metrics, and the last messages, in bounded memory."""

import threading
from collections import Counter, deque
from typing import Any

import prometheus_client

NETWORKS = ("alpha", "beta")
PUSH = "push"
FAKES = (PUSH, *NETWORKS)

MOST_KEYS = 200_000
"""So many accepted messages are remembered, to know a duplicate by its key."""
MOST_MESSAGES = 1000
_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class Metrics:
    """The fakes' metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self.received = prometheus_client.Counter(
            "fake_received_total", "Requests that came in.", ("fake",), registry=self.registry
        )
        self.duplicates = prometheus_client.Counter(
            "fake_duplicates_total", "Messages that were accepted before.", ("fake",), registry=self.registry
        )
        self.rejected = prometheus_client.Counter(
            "fake_rejected_total", "Requests that were refused.", ("fake", "reason"), registry=self.registry
        )
        self.seconds = prometheus_client.Histogram(
            "fake_work_seconds", "Time that a request cost the fake, without the delays that it was told.",
            ("fake",), buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip


class Tally:
    """The books of one fake; all may use them at once."""

    def __init__(self, fake: str, metrics: Metrics) -> None:
        self._fake = fake
        self._metrics = metrics
        self._received = metrics.received.labels(fake)
        self._duplicates = metrics.duplicates.labels(fake)
        self._observe = metrics.seconds.labels(fake).observe
        self._lock = threading.Lock()
        self._counts = Counter[str]()
        self._rejected = Counter[str]()
        # In the order of their arrival, as dicts are.
        self._keys: dict[str, None] = {}
        self._messages: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)

    def accept(self, key: str, message: dict[str, Any], seconds: float) -> bool:
        """Book a message that was taken; whether it is new. `seconds`: what it cost."""
        self._received.inc()
        self._observe(seconds)
        with self._lock:
            self._counts["received"] += 1
            self._counts["accepted"] += 1
            self._messages.append(message)
            if key in self._keys:
                self._counts["duplicates"] += 1
                self._duplicates.inc()
                return False
            self._keys[key] = None
            if len(self._keys) > MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            return True

    def reject(self, reason: str, seconds: float) -> None:
        """Book a message that was not taken."""
        self._received.inc()
        self._observe(seconds)
        self._metrics.rejected.labels(self._fake, reason).inc()
        with self._lock:
            self._counts["received"] += 1
            self._rejected[reason] += 1

    def counts(self) -> dict[str, Any]:
        """received = accepted + all rejected; duplicates are among the accepted."""
        with self._lock:
            numbers = {name: self._counts[name] for name in ("received", "accepted", "duplicates")}
            return {**numbers, "rejected": dict(self._rejected)}

    def clear(self) -> None:
        """Begin anew; metrics, which never go back, stay."""
        with self._lock:
            self._counts.clear()
            self._rejected.clear()
            self._keys.clear()
            self._messages.clear()

    def messages(self) -> list[dict[str, Any]]:
        """The last accepted ones, oldest first."""
        with self._lock:
            return list(self._messages)
