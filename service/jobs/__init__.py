"""What the workers run, one module a queue: the job, and how it is put together from a process's stores."""

from collections.abc import Callable, Mapping
from importlib import import_module

from service.backends import Backends
from service.config import Config
from service.telemetry.metrics import Metrics

Handlers = Mapping[str, Callable[..., None]]
"""The function for each job, by the job's name."""

Create = Callable[[Backends, Metrics], Handlers]


def prepare(queue: str, config: Config) -> Create:
    """Import the module of a queue, so that a worker holds only its own queue's code in memory.

    Call it before the fork and call the result after the fork: the workers then share the imported code. ConfigError
    when the configuration lacks what the jobs need.
    """
    create: Create = import_module(f"service.jobs.{queue}").prepare(config)
    return create
