"""Jobs that failed for good, looked at and tried again by the command."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from rq import Queue
from rq.registry import FailedJobRegistry

from service.__main__ import main
from service.backends import Backends
from service.catalog import FANOUT, QUEUES, THUMBNAILS
from service.config import Config
from service.jobs import prepare
from service.stores.queue import POLICIES
from service.telemetry.metrics import Metrics
from service.worker import create_worker
from tests.servers import Servers
from tests.service.conftest import Member, jpeg
from tests.service.workers import job_of, open_empty_queue, open_queue, work_off


@pytest.fixture
def queue(config: Config) -> Iterator[Queue]:
    """The queue of thumbnails; no queue has a dead letter."""
    connection = Redis.from_url(config.redis_url)
    for name in QUEUES:
        open_empty_queue(name, connection)
    yield open_queue(THUMBNAILS, connection)
    connection.close()


@pytest.fixture
def work(queue: Queue, config: Config, stores: Backends) -> Callable[[], None]:
    """Runs what waits."""
    metrics = Metrics()
    handlers = prepare(THUMBNAILS, config)(stores, metrics)
    return lambda: work_off(create_worker(THUMBNAILS, config, metrics, handlers))


@pytest.fixture
def command(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs python -m service dead-letters …: its status and what it printed."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["dead-letters", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_a_dead_letter_is_listed_and_tried_again(
    command: Callable[..., tuple[int, str, str]],
    work: Callable[[], None],
    queue: Queue,
    member: Member,
    stores: Backends,
) -> None:
    photo = member.publish(b"no picture at all")
    job_id = f"thumbnail-{photo}"
    work()
    status, listed, _ = command("list")
    assert status == 0
    heading, error = listed.splitlines()
    assert heading.startswith(f"thumbnails {job_id} ")
    assert f"thumbnails.make({photo}, " in heading
    assert "CorruptImageError: cannot identify image" in error
    assert command("list", FANOUT) == (0, "no dead letters\n", "")

    stores.objects.put_object(f"photos/{member.id}/{photo}.jpg", jpeg(), "image/jpeg")
    assert command("requeue", THUMBNAILS, job_id) == (0, f"requeued {job_id}\n", "")
    assert command("list", THUMBNAILS) == (0, "no dead letters\n", "")
    assert job_of(queue, job_id).retries_left == len(POLICIES[THUMBNAILS].waits_s)
    work()
    assert member.ask("GET", f"/photos/{photo}").json["thumbnail_url"]
    assert command("list") == (0, "no dead letters\n", "")


def test_all_of_a_queue_are_tried_again(
    command: Callable[..., tuple[int, str, str]], work: Callable[[], None], queue: Queue, member: Member
) -> None:
    ids = [f"thumbnail-{member.publish(b'nothing')}" for _ in range(2)]
    work()
    assert command("requeue", THUMBNAILS, "--all") == (0, "".join(f"requeued {job_id}\n" for job_id in ids), "")
    assert queue.job_ids == ids
    assert command("requeue", THUMBNAILS, "--all") == (0, "", "")


def test_what_was_done_since_is_not_listed(
    command: Callable[..., tuple[int, str, str]], work: Callable[[], None], queue: Queue, member: Member
) -> None:
    job_id = f"thumbnail-{member.publish(b'nothing')}"
    work()
    job_of(queue, job_id).connection.delete(f"rq:job:{job_id}")
    assert command("list") == (0, "no dead letters\n", "")
    assert FailedJobRegistry(queue=queue).get_job_ids() == []


def test_a_job_that_is_no_dead_letter_is_refused(
    command: Callable[..., tuple[int, str, str]], work: Callable[[], None], queue: Queue, member: Member
) -> None:
    job_id = f"thumbnail-{member.publish(b'nothing')}"
    work()
    status, _, complaint = command("requeue", THUMBNAILS, job_id, "thumbnail-1")
    assert status == 1
    assert complaint == "service dead-letters: no dead letter thumbnail-1 in the queue thumbnails\n"
    assert queue.job_ids == []


@pytest.mark.parametrize("arguments", [["requeue", THUMBNAILS], ["requeue", "cakes", "--all"], []])
def test_wrong_usage_is_refused(command: Callable[..., tuple[int, str, str]], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    assert ended.value.code == 2
