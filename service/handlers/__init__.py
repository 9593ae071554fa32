"""What the workers of each queue run; one module a queue, so that a worker has only its own in memory."""

from collections.abc import Callable, Mapping
from importlib import import_module

from service.backends import Backends
from service.config import Config
from service.telemetry.metrics import Metrics

Handlers = Mapping[str, Callable[..., None]]
"""What to call for a job, by the job's name."""

Create = Callable[[Backends, Metrics], Handlers]


def prepare(queue: str, config: Config) -> Create:
    """Import what the jobs of a queue need, and look whether they can be run; ConfigError when not.

    To be called before the fork, so that processes share what is imported; what it returns, after it.
    """
    create: Create = import_module(f"service.handlers.{queue}").prepare(config)
    return create
