"""Workers on a real queue, one job after the other, in this process."""

import logging
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from redis import Redis
from rq import Queue
from rq.executions import Execution
from rq.registry import FailedJobRegistry, ScheduledJobRegistry
from rq.worker import SimpleWorker

from service import catalog
from service.backends import Backends
from service.catalog import FANOUT, PUSH, THUMBNAILS
from service.config import Config
from service.domain.errors import CorruptImageError, RefusedError
from service.jobs import Handlers, prepare
from service.jobs.thumbnails import shrink
from service.stores.queue import MAKE_THUMBNAIL, POLICIES
from service.telemetry.metrics import Metrics
from service.worker import create_worker, main
from tests.service.conftest import Member, jpeg
from tests.service.workers import job_of, open_empty_queue, work_off


@pytest.fixture
def queue(config: Config) -> Iterator[Queue]:
    """The queue of thumbnails, empty."""
    connection = Redis.from_url(config.redis_url)
    yield open_empty_queue(THUMBNAILS, connection)
    connection.close()


@pytest.fixture
def job_metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def worker(queue: Queue, config: Config, stores: Backends, job_metrics: Metrics) -> SimpleWorker:
    return create_worker(queue.name, config, job_metrics, prepare(queue.name, config)(stores, job_metrics))


@pytest.fixture
def working(queue: Queue, config: Config, job_metrics: Metrics) -> Callable[[Callable[..., None]], SimpleWorker]:
    """Makes a worker that runs something else in the place of thumbnails."""

    def make(handler: Callable[..., None]) -> SimpleWorker:
        handlers: Handlers = {MAKE_THUMBNAIL: handler}
        return create_worker(queue.name, config, job_metrics, handlers)

    return make


def scheduled(queue: Queue) -> ScheduledJobRegistry:
    return ScheduledJobRegistry(queue=queue)  # type: ignore[no-untyped-call]


def outcomes(metrics: Metrics) -> dict[str, float | None]:
    return {
        outcome: metrics.registry.get_sample_value(catalog.JOBS.name, {"queue": THUMBNAILS, "outcome": outcome})
        for outcome in ("done", "failed")
    }


def thumbnail_of(member: Member, photo: str) -> str | None:
    url: str | None = member.ask("GET", f"/photos/{photo}").json["thumbnail_url"]
    return url


def test_a_thumbnail_is_made_and_shown(
    worker: SimpleWorker, member: Member, stores: Backends, job_metrics: Metrics
) -> None:
    photo = member.publish(jpeg(800, 600))
    assert thumbnail_of(member, photo) is None
    work_off(worker)
    assert str(thumbnail_of(member, photo)).endswith(f"thumbs/{member.id}/{photo}.jpg")
    stored = stores.objects.get_object(f"thumbs/{member.id}/{photo}.jpg")
    assert stored
    with Image.open(BytesIO(stored)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (320, 240))
    assert outcomes(job_metrics) == {"done": 1, "failed": 0}
    for histogram, labels in (
        (catalog.JOB_WAIT, {"queue": THUMBNAILS}),
        (catalog.CHAIN_DURATION, {"chain": catalog.UPLOAD_TO_THUMBNAIL}),
    ):
        seconds = job_metrics.registry.get_sample_value(f"{histogram.name}_sum", labels)
        assert seconds is not None
        assert 0 < seconds < 5


def test_a_job_that_is_enqueued_twice_is_done_once(
    worker: SimpleWorker, member: Member, queue: Queue, stores: Backends, job_metrics: Metrics
) -> None:
    photo = member.publish(jpeg())
    stores.queue.enqueue_thumbnail(int(photo), time.time())
    assert queue.count == 2
    work_off(worker)
    assert thumbnail_of(member, photo)
    assert outcomes(job_metrics) == {"done": 1, "failed": 0}
    assert (queue.count, FailedJobRegistry(queue=queue).count) == (0, 0)


def test_a_job_may_run_again(worker: SimpleWorker, member: Member, stores: Backends, job_metrics: Metrics) -> None:
    photo = member.publish(jpeg())
    work_off(worker)
    stores.queue.enqueue_thumbnail(int(photo), time.time())
    work_off(worker)
    assert thumbnail_of(member, photo)
    assert outcomes(job_metrics) == {"done": 2, "failed": 0}


def test_what_cannot_succeed_fails_once(
    worker: SimpleWorker, member: Member, queue: Queue, job_metrics: Metrics
) -> None:
    photo = member.publish(b"no picture at all")
    work_off(worker)
    assert outcomes(job_metrics) == {"done": 0, "failed": 1}
    assert FailedJobRegistry(queue=queue).get_job_ids() == [f"thumbnail-{photo}"]
    assert (queue.count, scheduled(queue).count) == (0, 0)
    assert thumbnail_of(member, photo) is None


@pytest.mark.parametrize(("error", "tried_again"), [(RefusedError("no"), False), (OSError("maybe"), True)])
def test_another_failure_is_tried_again_after_its_wait(
    error: Exception,
    tried_again: bool,
    working: Callable[[Callable[..., None]], SimpleWorker],
    queue: Queue,
    stores: Backends,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_photo_id: int, _at: float) -> None:
        raise error

    stores.queue.enqueue_thumbnail(1, time.time())
    before = int(time.time())
    work_off(working(fail), "WARNING")
    waits = [
        scheduled(queue).get_scheduled_time(job_id).timestamp() - before for job_id in scheduled(queue).get_job_ids()
    ]
    first = POLICIES[THUMBNAILS].waits_s[0]
    assert [first <= wait <= first + 2 for wait in waits] == ([True] if tried_again else [])
    assert FailedJobRegistry(queue=queue).count == (0 if tried_again else 1)
    [record] = caplog.records
    assert "thumbnails.make failed" in record.getMessage()
    assert record.levelno == (logging.WARNING if tried_again else logging.ERROR)


def test_a_job_that_was_lost_with_its_worker_is_done_once(
    worker: SimpleWorker, member: Member, queue: Queue, job_metrics: Metrics
) -> None:
    photo = member.publish(jpeg())
    job = job_of(queue, f"thumbnail-{photo}")
    with queue.connection.pipeline() as pipeline:
        lost = Execution.create(job, 60, pipeline, "killed")
        pipeline.delete(lost.key)
        pipeline.execute()
    work_off(worker)
    assert outcomes(job_metrics) == {"done": 1, "failed": 0}
    assert thumbnail_of(member, photo)


def test_a_job_of_an_unknown_name_runs_nothing(worker: SimpleWorker, queue: Queue, job_metrics: Metrics) -> None:
    queue.enqueue_call("os.getcwd", timeout=5)
    work_off(worker)
    assert outcomes(job_metrics) == {"done": 0, "failed": 1}


def test_pictures_are_shrunk_upright_and_never_enlarged() -> None:
    turned = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 320), (1, 2, 3)).save(turned, "JPEG", exif=exif)
    with Image.open(BytesIO(shrink(turned.getvalue()))) as upright:
        assert upright.size == (160, 320)
    with Image.open(BytesIO(shrink(jpeg(40, 20)))) as small:
        assert small.size == (40, 20)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", jpeg(400, 400)[:300], b"GIF89a" + b"\0" * 50])
def test_what_is_no_whole_jpeg_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptImageError):
        shrink(data)


@pytest.mark.parametrize(
    ("arguments", "unset", "complaint"),
    [
        ([THUMBNAILS], "LIKESTORM_S3_ENDPOINT", "LIKESTORM_S3_ENDPOINT is not set"),
        ([PUSH], "LIKESTORM_PUSH_URL", "LIKESTORM_PUSH_URL is not set"),
    ],
)
def test_a_wrong_configuration_is_one_line(
    arguments: list[str],
    unset: str,
    complaint: str,
    servers_environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in servers_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(unset, raising=False)
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"service.worker: {complaint}\n"


@pytest.fixture
def servers_environment(tmp_path: Path) -> dict[str, str]:
    """Settings of servers that nobody reaches."""
    return {
        "LIKESTORM_SHARDS": str(tmp_path / "shards.json"),
        "LIKESTORM_REDIS_URL": "redis://127.0.0.1:9/0",
        "LIKESTORM_MEMCACHED": "127.0.0.1:9",
        "LIKESTORM_S3_ENDPOINT": "http://127.0.0.1:9",
        "LIKESTORM_S3_ACCESS_KEY": "key",
        "LIKESTORM_S3_SECRET_KEY": "secret",
    }


@pytest.mark.parametrize("arguments", [["nonsense"], [FANOUT, "--count", "0"], [FANOUT, "--count", "many"]])
def test_wrong_usage_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
