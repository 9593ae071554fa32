import pytest

from service import catalog
from service.telemetry.metrics import Metrics
from service.telemetry.stores import counting, lookups, measured

OPERATION = {"store": "tests", "operation": "find"}


class Shelf:
    """A store of one method."""

    def find(self, name: str, default: str | None = None) -> str | None:
        if name == "broken":
            raise LookupError(name)
        return default


def test_operations_are_timed_and_failures_counted() -> None:
    metrics = Metrics()
    shelf = measured(Shelf(), "tests", metrics, {})
    assert shelf.find("book", default="none") == "none"
    with pytest.raises(LookupError):
        shelf.find("broken")
    assert metrics.registry.get_sample_value(f"{catalog.STORE_DURATION.name}_count", OPERATION) == 2
    assert metrics.registry.get_sample_value(catalog.STORE_ERRORS.name, OPERATION) == 1


def test_a_stand_in_has_only_what_the_store_has() -> None:
    with pytest.raises(AttributeError):
        measured(Shelf(), "tests", Metrics(), {}).lose  # type: ignore[attr-defined]  # noqa: B018


def test_look_ups_count_as_hit_miss_or_error() -> None:
    metrics = Metrics()
    shelf = measured(Shelf(), "tests", metrics, {"find": lookups(metrics, "shelf")})
    shelf.find("a")
    shelf.find("a", default="x")
    shelf.find("a", default="x")
    with pytest.raises(LookupError):
        shelf.find("broken")
    found = {
        result: metrics.registry.get_sample_value(catalog.CACHE_REQUESTS.name, {"cache": "shelf", "result": result})
        for result in ("hit", "miss", "error")
    }
    assert found == {"hit": 2, "miss": 1, "error": 1}


def test_only_what_came_about_is_counted() -> None:
    metrics = Metrics()
    made = measured(Shelf(), "tests", metrics, {"find": counting(metrics, catalog.LIKES)})
    new = measured(Shelf(), "tests", metrics, {"find": counting(metrics, catalog.SIGNUPS, when=str.isupper)})
    for shelf in (made, new):
        shelf.find("a")
        shelf.find("a", default="x")
        shelf.find("a", default="X")
        with pytest.raises(LookupError):
            shelf.find("broken")
    assert metrics.registry.get_sample_value(catalog.LIKES.name) == 2
    assert metrics.registry.get_sample_value(catalog.SIGNUPS.name) == 1
