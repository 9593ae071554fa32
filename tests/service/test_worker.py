"""The worker on a real queue."""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
import urllib3
from PIL import Image
from redis import Redis
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.registry import FailedJobRegistry, ScheduledJobRegistry
from rq.serializers import JSONSerializer

from service import catalog
from service.backends import Backends
from service.config import Config
from service.domain.errors import CorruptImageError
from service.jobs.thumbnails import shrink
from service.stores.queue import THUMBNAILS
from service.telemetry.metrics import Metrics
from service.worker import Worker, create_handlers, create_worker, main
from tests.servers import Servers, process
from tests.service.conftest import Member, jpeg

ROOT = Path(__file__).parents[2]


def work_off(worker: Worker) -> None:
    """Run what is in the queue, here and now."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        worker.work(burst=True, logging_level="CRITICAL")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        worker.connection.close()


@pytest.fixture
def queue(config: Config) -> Iterator[Queue]:
    """The queue of thumbnails, empty."""
    connection = Redis.from_url(config.redis_url)
    connection.flushdb()
    yield Queue(THUMBNAILS, connection=connection, serializer=JSONSerializer)
    connection.close()


@pytest.fixture
def metrics_of_jobs() -> Metrics:
    return Metrics()


@pytest.fixture
def worker(queue: Queue, config: Config, stores: Backends, metrics_of_jobs: Metrics) -> Worker:
    return create_worker(THUMBNAILS, config, metrics_of_jobs, create_handlers(stores)[THUMBNAILS])


def scheduled(queue: Queue) -> ScheduledJobRegistry:
    return ScheduledJobRegistry(queue=queue)  # type: ignore[no-untyped-call]


def outcomes(metrics: Metrics) -> dict[str, float | None]:
    return {
        outcome: metrics.registry.get_sample_value(catalog.JOBS.name, {"queue": THUMBNAILS, "outcome": outcome})
        for outcome in ("done", "failed")
    }


def test_a_thumbnail_is_made_and_shown(worker: Worker, member: Member, metrics_of_jobs: Metrics) -> None:
    photo = member.publish(jpeg(800, 600))
    assert member.ask("GET", f"/photos/{photo}").json["thumbnail_url"] is None
    work_off(worker)
    url = member.ask("GET", f"/photos/{photo}").json["thumbnail_url"]
    with Image.open(BytesIO(urllib3.request("GET", url).data)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (320, 240))
    assert outcomes(metrics_of_jobs) == {"done": 1, "failed": 0}
    waited = metrics_of_jobs.registry.get_sample_value(f"{catalog.JOB_WAIT.name}_sum", {"queue": THUMBNAILS})
    assert waited is not None
    assert 0 < waited < 5


def test_a_job_may_run_again(worker: Worker, member: Member, queue: Queue, stores: Backends) -> None:
    photo = member.publish(jpeg())
    stores.queue.enqueue_thumbnail(int(photo))
    work_off(worker)
    assert member.ask("GET", f"/photos/{photo}").json["thumbnail_url"]
    assert (queue.count, FailedJobRegistry(queue=queue).count) == (0, 0)


def test_a_corrupt_image_fails_once(worker: Worker, member: Member, queue: Queue, metrics_of_jobs: Metrics) -> None:
    photo = member.publish(b"no picture at all")
    work_off(worker)
    assert outcomes(metrics_of_jobs) == {"done": 0, "failed": 1}
    assert FailedJobRegistry(queue=queue).get_job_ids() == [f"thumbnail-{photo}"]
    assert (queue.count, scheduled(queue).count) == (0, 0)
    assert member.ask("GET", f"/photos/{photo}").json["thumbnail_url"] is None


def test_another_failure_is_tried_again_later(worker: Worker, queue: Queue, stores: Backends) -> None:
    stores.queue.enqueue_thumbnail(2**62)
    work_off(worker)
    later = scheduled(queue)
    assert later.get_job_ids() == [f"thumbnail-{2**62}"]
    job = Job.fetch(f"thumbnail-{2**62}", connection=queue.connection, serializer=JSONSerializer)
    later.schedule(job, datetime.now(UTC) - timedelta(seconds=1))
    worker.run_maintenance_tasks()
    assert (later.count, queue.job_ids) == (0, [f"thumbnail-{2**62}"])


def test_a_job_that_was_lost_with_its_worker_is_done_once(
    worker: Worker, member: Member, queue: Queue, metrics_of_jobs: Metrics
) -> None:
    photo = member.publish(jpeg())
    job = Job.fetch(f"thumbnail-{photo}", connection=queue.connection, serializer=JSONSerializer)
    with queue.connection.pipeline() as pipeline:
        lost = Execution.create(job, 60, pipeline, "killed")
        pipeline.delete(lost.key)
        pipeline.execute()
    work_off(worker)
    assert outcomes(metrics_of_jobs) == {"done": 1, "failed": 0}
    assert member.ask("GET", f"/photos/{photo}").json["thumbnail_url"]


def test_a_job_of_an_unknown_name_runs_nothing(worker: Worker, queue: Queue, metrics_of_jobs: Metrics) -> None:
    queue.enqueue_call("os.getcwd", timeout=5)
    work_off(worker)
    assert outcomes(metrics_of_jobs) == {"done": 0, "failed": 1}


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


def test_the_command_works_until_it_is_told_to_stop(
    queue: Queue, servers: Servers, member: Member, tmp_path: Path
) -> None:
    environment = os.environ | servers.environment()
    environment |= {"LIKESTORM_INSTANCE": "worker-1", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    photo = member.publish(jpeg())

    def has_thumbnail() -> bool:
        return bool(member.ask("GET", f"/photos/{photo}").json["thumbnail_url"])

    command = [sys.executable, "-m", "service.worker", THUMBNAILS]
    with process(command, has_thumbnail, env=environment, cwd=ROOT) as running:
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
    assert {file.name for file in (tmp_path / "metrics").glob("*_0.db")} >= {"counter_0.db", "histogram_0.db"}
    assert not queue.connection.keys("rq:workers*")


def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIKESTORM_DATABASE_URL", raising=False)
    monkeypatch.delenv("LIKESTORM_S3_ENDPOINT", raising=False)
    assert main([THUMBNAILS]) == 2
    assert capsys.readouterr().err == "service.worker: LIKESTORM_S3_ENDPOINT is not set\n"
