"""An app instance that holds the service twice, without metrics and with them, of which a switch says who answers.

What a process happens to be, such as where its memory lies, moves its speed by more than metrics do: so both share one.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.benchmarks.switch import SAME, Switch
from service.app import create_app
from service.config import Config
from service.telemetry import logs
from service.telemetry.buffer import Buffer
from service.telemetry.metrics import Metrics
from service.telemetry.null_metrics import NullMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Paused(Buffer):
    """Counts only while metrics are on: who notes is to bear it, and not who answers a moment later."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        super().__init__()

    def count(self) -> None:
        """Count what waits, unless metrics are off."""
        if self._switch.side():
            super().count()


def from_env() -> WSGIApplication:
    """The application that the environment describes, twice; what gunicorn loads."""
    config = Config.from_env()
    logs.configure(config.instance)
    switch = Switch(Path(os.environ[Switch.FILE]))
    same = bool(os.environ.get(SAME))
    kept = Metrics(Buffer if same else lambda: _Paused(switch))
    kinds = (kept if same else NullMetrics(), kept)
    # In either order, lest one always has the better place in memory.
    made = {side: create_app(config, kinds[side]) for side in random.sample((0, 1), 2)}
    sides = (made[0], made[1])

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return sides[switch.side()](environ, start_response)

    return answer
