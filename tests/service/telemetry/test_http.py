"""The request timer around small applications."""

from collections.abc import Iterator

import pytest
from flask import Flask, Response

from service.telemetry.http import time_requests
from service.telemetry.metrics import Metrics

COUNT = "likestorm_http_requests_total"
DURATION = "likestorm_http_request_duration_seconds_count"
IN_FLIGHT = "likestorm_http_requests_in_flight"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def app(metrics: Metrics) -> Flask:
    app = Flask("tests", static_folder=None)
    time_requests(app, metrics)

    @app.get("/things/<id>")
    def show(id: str) -> str:
        if id == "broken":
            raise ZeroDivisionError
        return id

    @app.get("/stream")
    def stream() -> Response:
        def lines() -> Iterator[str]:
            for number in range(3):
                assert metrics.registry.get_sample_value(IN_FLIGHT) == 1
                assert value(metrics, "GET", "/stream", "200") == 0
                yield str(number)

        return Response(lines())

    return app


def value(metrics: Metrics, method: str, route: str, status: str) -> float:
    return metrics.registry.get_sample_value(COUNT, {"method": method, "route": route, "status": status}) or 0


def series(metrics: Metrics) -> int:
    return sum(len(family.samples) for family in metrics.registry.collect())


def test_requests_count_by_rule_and_status(app: Flask, metrics: Metrics) -> None:
    client = app.test_client()
    for number in range(5):
        client.get(f"/things/{number}", buffered=True)
    client.get("/things/broken", buffered=True)
    assert value(metrics, "GET", "/things/<id>", "200") == 5
    assert value(metrics, "GET", "/things/<id>", "500") == 1
    labels = {"method": "GET", "route": "/things/<id>"}
    assert metrics.registry.get_sample_value(DURATION, labels) == 6
    assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_a_response_counts_when_the_server_closes_it(app: Flask, metrics: Metrics) -> None:
    for method, path, status, route in (
        ("GET", "/things/1", 200, "/things/<id>"),
        ("HEAD", "/things/1", 200, "/things/<id>"),
        ("POST", "/things/1", 405, "unmatched"),
        ("GET", "/things/broken", 500, "/things/<id>"),
    ):
        response = app.test_client().open(path, method=method)
        assert response.status_code == status
        assert value(metrics, method, route, str(status)) == 0
        assert metrics.registry.get_sample_value(IN_FLIGHT) == 1
        response.close()
        assert value(metrics, method, route, str(status)) == 1
        assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_a_stream_counts_when_it_has_been_handed_over(app: Flask, metrics: Metrics) -> None:
    assert app.test_client().get("/stream", buffered=True).data == b"012"
    assert value(metrics, "GET", "/stream", "200") == 1
    assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_unknown_paths_and_methods_do_not_grow_the_series(app: Flask, metrics: Metrics) -> None:
    client = app.test_client()
    client.get("/unknown", buffered=True)
    client.open("/unknown", method="BREW", buffered=True)
    before = series(metrics)
    for number in range(50):
        client.get(f"/unknown/{number}", buffered=True)
        client.open("/unknown", method=f"BREW{number}", buffered=True)
    assert series(metrics) == before
    assert value(metrics, "GET", "unmatched", "404") == 51
    assert value(metrics, "other", "unmatched", "404") == 51
