"""How long the asynchronous chains take, from the acknowledged request to its effect."""

from service import catalog
from service.telemetry.metrics import Metrics


class Chains:
    """Records chains; `observe` is what jobs get, as a callable."""

    def __init__(self, metrics: Metrics) -> None:
        self._observers = {chain: metrics.histogram(catalog.CHAIN_DURATION, chain).observe for chain in catalog.CHAINS}

    def observe(self, chain: str, seconds: float) -> None:
        """One chain that came to its end after so many seconds; `chain` is one of catalog.CHAINS."""
        # Two clocks may differ by more than the chain took.
        self._observers[chain](max(0.0, seconds))
