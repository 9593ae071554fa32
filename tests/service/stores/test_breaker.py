"""The breaker, by a clock of its own and on a server that hangs."""

import time

import pytest

from service.domain.errors import NotFoundError, UnavailableError
from service.stores.breaker import PAUSE_S, Breaker, guarded


class Clock:
    """Time that passes only when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_hung_is_tried_by_one_after_the_pause() -> None:
    clock = Clock()
    breaker = Breaker(2.0, clock)
    assert breaker.admits()
    breaker.note_failure(2.0)
    assert not breaker.admits()
    clock.now += PAUSE_S
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.note_failure(2.0)
    assert not breaker.admits()
    clock.now += PAUSE_S
    assert breaker.admits()
    breaker.note_success()
    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_whoever_tries_it_and_never_reports_holds_nobody_up_for_good() -> None:
    clock = Clock()
    breaker = Breaker(2.0, clock)
    breaker.note_failure(2.0)
    clock.now += PAUSE_S
    assert breaker.admits()
    clock.now += 2.0 + PAUSE_S
    assert breaker.admits()


def test_a_failure_at_once_shuts_nothing() -> None:
    breaker = Breaker(2.0, Clock())
    breaker.note_failure(0.01)
    assert breaker.admits()


def test_one_that_waits_in_vain_may_be_tolerated_but_not_several_in_a_row() -> None:
    breaker = Breaker(2.0, Clock(), tolerance=3)
    for _ in range(2):
        breaker.note_failure(2.0)
    breaker.note_success()
    for _ in range(2):
        breaker.note_failure(2.0)
        assert breaker.admits()
    breaker.note_failure(2.0)
    assert not breaker.admits()


class Store:
    """Hangs, refuses or answers."""

    def find(self, what: str) -> str:
        if what == "hang":
            time.sleep(0.1)  # What a deadline of 0.1 s looks like from outside.
        if what in {"hang", "refuse"}:
            raise UnavailableError("shelf", what)
        if what == "nothing":
            raise NotFoundError(what)
        return what


@pytest.mark.timed
def test_a_guarded_store_fails_fast_while_it_is_left_alone() -> None:
    store = guarded(Store(), "shelf", Breaker(0.1, Clock()))
    for what in ("refuse", "hang"):
        with pytest.raises(UnavailableError, match=what):
            store.find(what)
    started = time.perf_counter()
    with pytest.raises(UnavailableError, match="shelf is unavailable: it did not answer lately"):
        store.find("book")
    assert time.perf_counter() - started < 0.05


def test_a_guarded_store_answers_and_raises_what_it_will() -> None:
    store = guarded(Store(), "shelf", Breaker(0.1))
    assert store.find(what="book") == "book"
    with pytest.raises(NotFoundError):
        store.find("nothing")
    assert store.find("book") == "book"
    with pytest.raises(AttributeError):
        store.lose  # type: ignore[attr-defined]  # noqa: B018
