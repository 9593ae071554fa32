"""That every metric of the catalog is observed by what the service does."""

from dataclasses import replace

from service import catalog
from service.app import create_app
from service.config import Config
from service.stores.queue import THUMBNAILS
from service.telemetry.metrics import Metrics
from service.worker import create_handlers, create_worker
from tests.servers import free_port
from tests.service.conftest import ask, jpeg, sign_up
from tests.service.test_worker import work_off


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
    app = create_app(replace(config, memcached=(("127.0.0.1", free_port()),)), metrics)
    member = sign_up(app)
    photo = member.publish(jpeg())
    assert member.ask("PUT", f"/photos/{photo}/like").status_code == 201
    assert member.ask("DELETE", f"/photos/{photo}/like").status_code == 200
    stores = app.extensions["likestorm"]
    work_off(create_worker(THUMBNAILS, config, metrics, create_handlers(stores)[THUMBNAILS]))
    stores.close()
    assert observed(metrics) == {metric.name for metric in catalog.METRICS}


def test_what_was_done_is_counted_once(config: Config) -> None:
    metrics = Metrics()
    app = create_app(config, metrics)
    member = sign_up(app)
    photo = member.publish(jpeg())
    member.ask("POST", "/photos", json={"upload_id": photo})
    for method in ("PUT", "PUT", "DELETE", "DELETE", "PUT"):
        member.ask(method, f"/photos/{photo}/like")
    ask(app, "POST", "/users", json={"username": member.name, "password": "12345678"})
    app.extensions["likestorm"].close()
    counted = {
        metric.name: metrics.registry.get_sample_value(metric.name)
        for metric in (catalog.SIGNUPS, catalog.PHOTOS, catalog.LIKES, catalog.UNLIKES)
    }
    assert counted == {
        catalog.SIGNUPS.name: 1, catalog.PHOTOS.name: 1, catalog.LIKES.name: 2, catalog.UNLIKES.name: 1,
    }  # fmt: skip
    hits = metrics.registry.get_sample_value(catalog.CACHE_REQUESTS.name, {"cache": "photo", "result": "hit"})
    assert hits == 6, "one for the second confirmation, one for each like and unlike"
