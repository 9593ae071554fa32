"""The request timer around small applications."""

from collections.abc import Iterator

import pytest
from flask import Response

from service.framework import Service
from service.routes.answers import answer, answer_nothing
from service.telemetry.http import time_requests
from service.telemetry.metrics import Metrics

COUNT = "likestorm_http_requests_total"
DURATION = "likestorm_http_request_duration_seconds_count"
IN_FLIGHT = "likestorm_http_requests_in_flight"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def app(metrics: Metrics) -> Service:
    app = Service("tests", static_folder=None)

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

    @app.get("/json")
    def tell() -> Response:
        return answer(200, {"told": True})

    @app.delete("/json")
    def drop() -> Response:
        return answer_nothing()

    time_requests(app, metrics)
    return app


def value(metrics: Metrics, method: str, route: str, status: str) -> float:
    return metrics.registry.get_sample_value(COUNT, {"method": method, "route": route, "status": status}) or 0


def series(metrics: Metrics) -> int:
    return sum(len(family.samples) for family in metrics.registry.collect())


def test_requests_count_by_rule_and_status(app: Service, metrics: Metrics) -> None:
    client = app.test_client()
    for number in range(5):
        client.get(f"/things/{number}", buffered=True)
    client.get("/things/broken", buffered=True)
    assert value(metrics, "GET", "/things/<id>", "200") == 5
    assert value(metrics, "GET", "/things/<id>", "500") == 1
    labels = {"method": "GET", "route": "/things/<id>"}
    assert metrics.registry.get_sample_value(DURATION, labels) == 6
    assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_an_answer_in_one_piece_counts_before_anybody_has_it(app: Service, metrics: Metrics) -> None:
    for method in ("GET", "HEAD"):
        given = app.test_client().open("/json", method=method)
        assert given.status_code == 200
        assert value(metrics, method, "/json", "200") == 1
        given.close()
        assert value(metrics, method, "/json", "200") == 1
        assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_any_other_answer_counts_when_it_has_been_handed_over(app: Service, metrics: Metrics) -> None:
    for method, status, route in (("DELETE", 204, "/json"), ("POST", 405, "unmatched")):
        given = app.test_client().open("/json", method=method)
        assert given.status_code == status
        assert value(metrics, method, route, str(status)) == 0
        assert metrics.registry.get_sample_value(IN_FLIGHT) == 1
        given.close()
        assert value(metrics, method, route, str(status)) == 1
        assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_a_stream_counts_when_it_has_been_handed_over(app: Service, metrics: Metrics) -> None:
    assert app.test_client().get("/stream", buffered=True).data == b"012"
    assert value(metrics, "GET", "/stream", "200") == 1
    assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_an_exception_that_escapes_counts_as_500(app: Service, metrics: Metrics) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/things/broken")
    # Flask has let go of the request by then.
    assert value(metrics, "GET", "unmatched", "500") == 1
    assert metrics.registry.get_sample_value(IN_FLIGHT) == 0


def test_unknown_paths_and_methods_do_not_grow_the_series(app: Service, metrics: Metrics) -> None:
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
