import threading
import time
from collections.abc import Iterable

import pytest
from prometheus_client.core import Metric

from compose.exporters.backend import Backend, gauge
from tests.servers import wait_until


def values(backend: Backend) -> dict[str, float]:
    return {sample.name: sample.value for metric in backend.collect() for sample in metric.samples}


def test_an_answer_comes_with_up() -> None:
    assert values(Backend("x", lambda: [gauge("x_things", "Things.", 3)], deadline_s=5)) == {"x_up": 1, "x_things": 3}


def test_a_failure_is_not_up() -> None:
    def fail() -> Iterable[Metric]:
        raise OSError("refused")

    assert values(Backend("x", fail, deadline_s=5)) == {"x_up": 0}


@pytest.mark.timed
def test_a_backend_that_hangs_costs_one_deadline_and_then_nothing_until_it_answers() -> None:
    release, asked = threading.Event(), []

    def hang() -> Iterable[Metric]:
        asked.append(1)
        release.wait(60)
        return []

    backend = Backend("x", hang, deadline_s=0.1)
    assert values(backend) == {"x_up": 0}
    began = time.monotonic()
    assert values(backend) == {"x_up": 0}
    assert time.monotonic() - began < 0.1
    assert len(asked) == 1
    release.set()
    # The one question ends; only then is the next asked.
    wait_until(lambda: values(backend) != {"x_up": 0})
    assert len(asked) == 2
