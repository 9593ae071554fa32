from collections.abc import Iterator
from itertools import count
from threading import Thread

import pytest
import redis

from service.domain.entities import Event
from service.domain.errors import UnavailableError
from service.domain.pushes import Notice
from service.stores import notifications
from service.stores.notifications import Notifications
from service.stores.redis import connect_redis
from tests.servers import Servers, free_port


@pytest.fixture
def client(servers: Servers) -> Iterator[redis.Redis]:
    """A Redis without events."""
    client = connect_redis(servers.redis_url, 2.0)
    forget(client)
    yield client
    forget(client)
    client.close()


def forget(client: redis.Redis) -> None:
    for key in client.scan_iter("push:*"):
        client.delete(key)


@pytest.fixture
def scheduled() -> list[str]:
    """The names of the batches for which a job was scheduled."""
    return []


@pytest.fixture
def inbox(client: redis.Redis, scheduled: list[str]) -> Notifications:
    return Notifications(client, scheduled.append)


_moments = count(1_300_000_000)


def like(photo_id: int = 7) -> Event:
    return Event("like", 2**62 + 1, photo_id, next(_moments) + 0.25)


def test_events_come_out_as_they_went_in(inbox: Notifications) -> None:
    comment, follow = Event("comment", 3, 2**62, 1.5), Event("follow", 4, None, 2.5)
    inbox.notify(comment)
    inbox.notify(follow, recipient_id=2**62 + 5)
    assert inbox.take("a") == [Notice(comment, None), Notice(follow, 2**62 + 5)]


def test_one_job_is_scheduled_for_all_that_waits(inbox: Notifications, scheduled: list[str]) -> None:
    for _ in range(10):
        inbox.notify(like())
    assert len(scheduled) == 1
    assert len(inbox.take(scheduled[0])) == 10
    inbox.notify(like())
    assert len(set(scheduled)) == 2


def test_a_repeated_job_finds_its_batch_and_nothing_newer(inbox: Notifications) -> None:
    inbox.notify(like())
    first = inbox.take("a")
    inbox.notify(like())
    assert inbox.take("a") == first
    inbox.finish("a")
    assert [notice for notice in inbox.take("a") if notice in first] == []


def test_batches_that_are_taken_side_by_side_share_nothing(
    inbox: Notifications, scheduled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "LARGEST_BATCH", 3)
    events = [like() for _ in range(8)]
    for event in events:
        inbox.notify(event)
    batches = [inbox.take(name) for name in ("a", "b", "c", "d")]
    assert [len(batch) for batch in batches] == [3, 3, 2, 0]
    assert [notice.event for batch in batches for notice in batch] == events
    # Whoever left something behind has seen to it that somebody else comes for it.
    assert len(set(scheduled)) == 3


def test_many_who_notify_at_once_lose_nothing(client: redis.Redis, scheduled: list[str]) -> None:
    events = [[like() for _ in range(50)] for _ in range(8)]

    def notify(mine: list[Event]) -> None:
        inbox = Notifications(client, scheduled.append)
        for event in mine:
            inbox.notify(event)

    threads = [Thread(target=notify, args=(mine,)) for mine in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = {notice.event for notice in Notifications(client, scheduled.append).take("a")}
    assert taken == {event for mine in events for event in mine}
    assert len(scheduled) == 1


def test_a_job_that_was_never_scheduled_is_scheduled_later(client: redis.Redis, scheduled: list[str]) -> None:
    def die(_batch: str) -> None:
        raise UnavailableError("redis", "killed")

    with pytest.raises(UnavailableError):
        Notifications(client, die).notify(like())
    inbox = Notifications(client, scheduled.append)
    inbox.schedule_waiting()
    assert scheduled == []
    assert 0 < client.pttl("push:scheduled") <= notifications.SCHEDULED_TTL_S * 1000
    client.delete("push:scheduled")
    inbox.schedule_waiting()
    inbox.schedule_waiting()
    assert len(scheduled) == 1
    assert len(inbox.take(scheduled[0])) == 1
    client.delete("push:scheduled")
    inbox.schedule_waiting()
    assert len(scheduled) == 1


def test_too_many_events_are_refused(
    inbox: Notifications, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "MOST_WAITING", 2)
    inbox.notify(like())
    inbox.notify(like())
    with pytest.raises(UnavailableError, match="push is unavailable: 2 events wait already"):
        inbox.notify(like())
    assert client.llen("push:waiting") == 2


def test_what_was_sent_is_known_until_the_batch_is_finished(inbox: Notifications, client: redis.Redis) -> None:
    inbox.notify(like())
    inbox.take("a")
    assert inbox.find_sent("a") == set()
    inbox.mark_sent("a", ["x", "y"])
    inbox.mark_sent("a", ["y", "z"])
    assert inbox.find_sent("a") == {"x", "y", "z"}
    assert inbox.find_sent("b") == set()
    inbox.finish("a")
    assert inbox.find_sent("a") == set()
    assert list(client.scan_iter("push:*")) == []


def test_a_batch_that_nobody_finishes_does_not_stay_for_ever(inbox: Notifications, client: redis.Redis) -> None:
    inbox.notify(like())
    inbox.take("a")
    inbox.mark_sent("a", ["x"])
    assert 0 < client.ttl("push:batch:a") <= notifications.BATCH_TTL_S
    assert 0 < client.ttl("push:sent:a") <= notifications.BATCH_TTL_S


def test_no_server_is_unavailable() -> None:
    client = connect_redis(f"redis://127.0.0.1:{free_port()}/0", 0.2)
    inbox = Notifications(client, lambda _batch: None)
    for operation in (
        lambda: inbox.notify(like()),
        lambda: inbox.take("a"),
        lambda: inbox.find_sent("a"),
        lambda: inbox.mark_sent("a", ["x"]),
        lambda: inbox.finish("a"),
    ):
        with pytest.raises(UnavailableError):
            operation()
    client.close()
