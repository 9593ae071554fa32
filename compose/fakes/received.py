"""The messages that the fakes received: counts, metrics, and the last messages, in bounded memory."""

import threading
from collections import deque
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

NETWORKS = ("alpha", "beta")
PUSH = "push"
FAKES = (PUSH, *NETWORKS)

MOST_KEYS = 200_000
"""The accepted keys that are remembered, to recognise a duplicate."""
MOST_MESSAGES = 1000
_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class Metrics:
    """The metrics of all fakes, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, ("fake", *labels), registry=self.registry)

        self.received = counter("fake_received", "Requests that came in.")
        self.duplicates = counter("fake_duplicates", "Messages that were accepted before.")
        self.rejected = counter("fake_rejected", "Requests that were refused.", "reason")
        self.seconds = Histogram(
            "fake_work_seconds", "Time that a request cost the fake, without injected delays.", ("fake",),
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip


class Received:
    """The messages of one fake; safe for threads."""

    def __init__(self, fake: str, metrics: Metrics) -> None:
        self._fake = fake
        self._metrics = metrics
        self._lock = threading.Lock()
        self.clear()

    def accept(self, key: str, message: dict[str, Any], seconds: float) -> bool:
        """Count a message that was accepted; returns whether its key is new. seconds: what the message cost."""
        self._count(seconds)
        with self._lock:
            self._accepted += 1
            self._messages.append(message)
            if key in self._keys:
                self._duplicates += 1
                self._metrics.duplicates.labels(self._fake).inc()
                return False
            self._keys[key] = None
            if len(self._keys) > MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            return True

    def reject(self, reason: str, seconds: float) -> None:
        """Count a message that was refused."""
        self._count(seconds)
        self._metrics.rejected.labels(self._fake, reason).inc()
        with self._lock:
            self._rejected[reason] = self._rejected.get(reason, 0) + 1

    def _count(self, seconds: float) -> None:
        self._metrics.received.labels(self._fake).inc()
        self._metrics.seconds.labels(self._fake).observe(seconds)

    def counts(self) -> dict[str, Any]:
        """received = accepted + all rejected; duplicates are among the accepted."""
        with self._lock:
            return {
                "received": self._accepted + sum(self._rejected.values()),
                "accepted": self._accepted,
                "duplicates": self._duplicates,
                "rejected": dict(self._rejected),
            }

    def clear(self) -> None:
        """Forget everything but the metrics, which never go back."""
        with self._lock:
            self._accepted = self._duplicates = 0
            self._rejected: dict[str, int] = {}
            # Dicts keep the order of arrival.
            self._keys: dict[str, None] = {}
            self._messages: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)
        for metric in (self._metrics.received, self._metrics.duplicates, self._metrics.seconds):
            metric.labels(self._fake)

    def messages(self) -> list[dict[str, Any]]:
        """The last accepted messages, oldest first."""
        with self._lock:
            return list(self._messages)
