"""That every metric of the catalog is observed by what the service does."""

from dataclasses import replace

from service import catalog
from service.app import create_app
from service.config import Config
from service.jobs import prepare
from service.telemetry.jobs import PushCounter
from service.telemetry.metrics import Metrics
from service.worker import create_worker
from tests.servers import free_port
from tests.service.conftest import ask, jpeg, sign_up
from tests.service.workers import work_off

FROM_OUTSIDE = {"X-Forwarded-For": "192.0.2.200"}


def observed(metrics: Metrics) -> set[str]:
    """Names of counters above zero, histograms with a value, and gauges."""
    names = set()
    for family in metrics.registry.collect():
        for sample in family.samples:
            if family.type == "gauge" or (sample.value > 0 and sample.name.endswith(("_total", "_count"))):
                names.add(sample.name.removesuffix("_count"))
    return names


def test_the_whole_catalog_is_observed(config: Config) -> None:
    metrics = Metrics()
    settings = replace(config, memcached=(("127.0.0.1", free_port()),), signups_per_hour_and_address=1)
    app = create_app(settings, metrics)
    member, other = sign_up(app), sign_up(app)
    photo = member.publish(jpeg())
    assert member.ask("PUT", f"/photos/{photo}/like").status_code == 201
    assert member.ask("DELETE", f"/photos/{photo}/like").status_code == 200
    assert member.ask("POST", f"/photos/{photo}/comments", json={"text": "!"}).status_code == 201
    assert member.ask("PUT", f"/users/{other.id}/follow").status_code == 201
    statuses = [
        ask(app, "POST", "/users", json={"username": name, "password": "12345678"}, headers=FROM_OUTSIDE).status_code
        for name in ("first-from-there", "second-from-there")
    ]
    assert statuses == [201, 429]
    stores = app.extensions["likestorm"]
    work_off(create_worker(catalog.THUMBNAILS, config, metrics, prepare(catalog.THUMBNAILS, config)(stores, metrics)))
    PushCounter(metrics).count("delivered")
    stores.close()
    assert observed(metrics) == {metric.name for metric in catalog.METRICS}


def test_what_was_done_is_counted_once(config: Config) -> None:
    metrics = Metrics()
    app = create_app(config, metrics)
    member, other = sign_up(app), sign_up(app)
    photo = member.publish(jpeg())
    member.ask("POST", "/photos", json={"upload_id": photo})
    for method in ("PUT", "PUT", "DELETE", "DELETE", "PUT"):
        member.ask(method, f"/photos/{photo}/like")
    ask(app, "POST", "/users", json={"username": member.name, "password": "12345678"})
    for method in ("PUT", "PUT", "DELETE", "PUT"):
        other.ask(method, f"/users/{member.id}/follow")
    other.ask("POST", "/photos/1/comments", json={"text": "!"})
    app.extensions["likestorm"].close()
    counted = {
        metric.name: metrics.registry.get_sample_value(metric.name)
        for metric in (
            catalog.SIGNUPS,
            catalog.PHOTOS,
            catalog.LIKES,
            catalog.UNLIKES,
            catalog.FOLLOWS,
            catalog.COMMENTS,
        )
    }
    assert counted == {
        catalog.SIGNUPS.name: 2, catalog.PHOTOS.name: 1, catalog.LIKES.name: 2, catalog.UNLIKES.name: 1,
        catalog.FOLLOWS.name: 2, catalog.COMMENTS.name: 0,
    }  # fmt: skip
    hits = metrics.registry.get_sample_value(catalog.CACHE_REQUESTS.name, {"cache": "photo", "result": "hit"})
    assert hits == 1, "the second confirmation; likes do not look for the photo"
