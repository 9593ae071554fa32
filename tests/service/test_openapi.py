"""The API's description against the application: nothing undescribed, nothing that behaves otherwise."""

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import sampled_from
from jsonschema import Draft202012Validator
from schemathesis import Case, GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

from service.routes.openapi import document
from tests.service.conftest import Member, ask, jpeg

PAGES = {"/", "/login", "/logout", "/openapi.json"}
OWN_METHODS = {"HEAD", "OPTIONS"}


def test_every_route_of_the_api_is_described(app: Flask) -> None:
    described = {(method.upper(), path) for path, ways in document(app)["paths"].items() for method in ways}
    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - OWN_METHODS
        if rule.rule not in PAGES
    }
    assert described == served


def test_the_document_is_served_and_its_schemas_are_schemas(app: Flask) -> None:
    answer = ask(app, "GET", "/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == document(app)
    assert answer.json["openapi"] == "3.1.0"
    for name, schema in answer.json["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema["description"], name
    assert set(answer.json["paths"]["/photos/{id}/like"]["put"]["responses"]) == {"200", "201", "401", "404", "503"}
    assert set(answer.json["paths"]["/users"]["post"]["responses"]) == {"201", "400", "409", "413", "429", "503"}


# It would end the session that all other requests have.
UNTRIED = {"DELETE /sessions"}
WITHOUT_INPUT = {"/healthz", "/readyz"}
# What may be too large, or too much, is said by the configuration, not by a schema; unknown fields are not refused.
EXCLUDED = [positive_data_acceptance, negative_data_rejection]
BOUNDED = settings(
    max_examples=12, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_made_up_requests_are_answered_as_described(
    app: Flask, member: Member, other: Member, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    """No 5xx, no undeclared status, no answer beyond its schema, and nothing without a token that wants one."""
    ids = sampled_from([None, other.id, other.publish(jpeg())])
    tried = set()
    for found in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        if operation.label in UNTRIED or (mode is GenerationMode.NEGATIVE and operation.path in WITHOUT_INPUT):
            continue
        tried.add(operation.label)

        @BOUNDED
        @given(operation.as_strategy(generation_mode=mode), ids)
        def check(case: Case[Any], known_id: str | None) -> None:
            if known_id and "id" in case.path_parameters:
                case.path_parameters["id"] = known_id
            case.call_and_validate(headers=member.header, excluded_checks=EXCLUDED)

        with subtests.test(operation.label):
            check()
    assert len(tried) > 15
