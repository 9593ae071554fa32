"""A service that keeps no metrics: it works as ever, and nothing of its telemetry is in the way."""

from pathlib import Path

import urllib3

from service import catalog
from service.app import create_app
from service.config import Config
from service.stores.postgres import Photos
from service.telemetry.metrics import Metrics
from service.telemetry.null_metrics import NullMetrics, choose
from tests.servers import Servers
from tests.service.conftest import jpeg, sign_up
from tests.service.telemetry.instances import gunicorn


def test_metrics_are_kept_unless_told_otherwise() -> None:
    assert type(choose(True)) is Metrics
    assert type(choose(False)) is NullMetrics


def test_what_is_never_kept_takes_whatever_is_observed() -> None:
    metrics = NullMetrics()
    for metric in catalog.METRICS:
        metrics.counter(metric, "x").inc()
        metrics.histogram(metric, "y", "z").observe(0.5)
        metrics.gauge(metric).inc()
        metrics.gauge(metric).dec()
    assert not hasattr(metrics, "registry")


def test_without_metrics_nothing_is_wrapped_and_all_works(config: Config) -> None:
    app = create_app(config, NullMetrics())
    stores = app.extensions["likestorm"]
    try:
        assert type(stores.photos) is Photos
        assert not app.before_request_funcs
        member = sign_up(app)
        photo = member.publish(jpeg())
        assert member.ask("PUT", f"/photos/{photo}/like").status_code == 201
        assert member.ask("GET", f"/photos/{photo}").json["likes"] == 1
        assert member.ask("GET", "/nowhere").status_code == 404
    finally:
        stores.close()


def test_an_instance_without_metrics_writes_none(servers: Servers, config: Config, tmp_path: Path) -> None:
    written = []
    for setting in ("0", "1"):
        metrics = tmp_path / setting
        with gunicorn(servers, metrics, 1, {"LIKESTORM_METRICS": setting}) as (url, _):
            assert urllib3.request("GET", f"{url}/feed").status == 401
            written.append({file.name for file in metrics.glob("*.db")})
    assert written == [set(), {"counter_0.db", "gauge_livesum_0.db", "histogram_0.db"}]
