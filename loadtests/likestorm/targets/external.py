"""A service that runs already at a URL; the scenario describes it."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import msgspec
from msgspec import Struct

from likestorm.errors import LikestormError
from likestorm.results.prometheus import Prometheus
from likestorm.results.reconciliation import Counting, PromqlHop
from likestorm.results.running import Running
from likestorm.scenario import Target
from likestorm.targets.base import OnPhase

AUDIT_S = 120.0


class AuditError(LikestormError):
    """An audit command that failed, or whose output is not JSON of ids by set."""


class External:
    """A service that runs already."""

    Settings: ClassVar[type[Struct]] = Struct
    objectives: ClassVar[Path | None] = None

    def __init__(self, target: Target) -> None:
        self._target = target

    @contextmanager
    def up(self, out: Path, on_phase: OnPhase) -> Iterator[Running]:
        """The service as it is."""
        del out, on_phase
        yield _Service(self._target)

    def kept(self) -> AbstractContextManager[object]:
        """The service stays up by itself."""
        return nullcontext()


class _Service(Running):
    is_reused = True

    def __init__(self, target: Target) -> None:
        super().__init__(target.url)
        self._target = target
        self.hosts = tuple(target.allow_hosts)
        self.prometheus = target.prometheus

    def facts(self) -> Mapping[str, str]:
        return {"target": "an external service", "model": self._target.model}

    def counting(self) -> Counting | None:
        if not (self.prometheus and self._target.counters):
            return None
        hops = [PromqlHop(name, promql) for name, promql in self._target.counters.items()]
        return Counting(Prometheus(self.prometheus), hops)

    def audit(self, since: datetime) -> Mapping[str, Sequence[str]] | None:
        del since
        command = self._target.audit
        if not command:
            return None
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=AUDIT_S)
            return msgspec.json.decode(done.stdout, type=dict[str, list[str]])
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
            raise AuditError(f"target.audit: {' '.join(command)}: {error}") from error
