"""Durations of the asynchronous chains, from the acknowledged request to its effect."""

from service import catalog
from service.telemetry.metrics import Metrics


class Chains:
    """Records chains; jobs get `observe` as a callable."""

    def __init__(self, metrics: Metrics) -> None:
        self._observers = {chain: metrics.histogram(catalog.CHAIN_DURATION, chain).observe for chain in catalog.CHAINS}

    def observe(self, chain: str, seconds: float) -> None:
        """Record a chain that ended after so many seconds; `chain` is one of catalog.CHAINS."""
        # The clocks of two machines may differ by more than the chain's duration.
        self._observers[chain](max(0.0, seconds))
