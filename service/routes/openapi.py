"""The API's description in OpenAPI 3.1, made of the application's routes, their operations and their schemas."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Flask, Response
from werkzeug.routing import Rule

from service.routes.request_schemas import DeviceToken, Id
from service.routes.responses import ErrorResponse

REF = "#/components/schemas/{name}"
_OWN_METHODS = frozenset({"HEAD", "OPTIONS"})
_PARAMETER = re.compile(r"<(\w+)>")
_PARAMETERS: Mapping[str, Any] = {"id": Id, "tag": str, "token": DeviceToken}

View = TypeVar("View", bound=Callable[..., Response])


@dataclass(frozen=True)
class Operation:
    """What a route takes and returns.

    responses: the body's type by status, None for an empty body. refusals: statuses beyond the usual ones.
    """

    summary: str
    responses: Mapping[int, Any]
    body: Any
    query: Any
    refusals: Sequence[int]
    public: bool

    def statuses(self, rule: Rule) -> dict[int, Any]:
        """Every status that the route returns, and the type of its body."""
        refused = {503, *self.refusals}
        if not self.public:
            refused.add(401)
        if self.body or self.query:
            refused.add(400)
        if self.body:
            refused.add(413)
        if rule.arguments:
            refused.add(404)
        return dict(self.responses) | {status: ErrorResponse for status in refused if status not in self.responses}


def operation(
    summary: str,
    responses: Mapping[int, Any],
    body: Any = None,
    query: Any = None,
    refusals: Sequence[int] = (),
    public: bool = False,
) -> Callable[[View], View]:
    """Describe what a view takes and returns; `public` means without a token."""
    described = Operation(summary, responses, body, query, refusals, public)

    def describe(view: View) -> View:
        view.operation = described  # type: ignore[attr-defined]
        return view

    return describe


def blueprint(app: Flask) -> Blueprint:
    """GET /openapi.json: the routes that `app` has at the first request for it."""
    routes = Blueprint("openapi", __name__)

    @cache
    def encoded() -> bytes:
        return msgspec.json.encode(document(app))

    @routes.get("/openapi.json")
    def show_document() -> Response:
        return Response(encoded(), mimetype="application/json")

    return routes


def list_operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """Each rule and method that describes itself; pages for people do not."""
    for rule in app.url_map.iter_rules():
        described = getattr(app.view_functions[rule.endpoint], "operation", None)
        if described is not None:
            for method in sorted((rule.methods or set()) - _OWN_METHODS):
                yield rule, method, described


def document(app: Flask) -> dict[str, Any]:
    """The description of every operation of the application."""
    listed = list(list_operations(app))
    types = {kind for rule, _, described in listed for kind in described.statuses(rule).values() if kind}
    types |= {described.body for _, _, described in listed if described.body}
    order = sorted(types, key=lambda kind: str(kind.__name__))
    schemas, components = _translated(msgspec.json.schema_components(order, ref_template=REF))
    by_type = dict(zip(order, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, described in listed:
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _describe(rule, described, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Likestorm reference service", "version": "1"},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
    }


def _describe(rule: Rule, described: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    content = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": described.summary,
        "parameters": [*_path_parameters(rule), *_query_parameters(described.query)],
        "responses": {
            str(status): _response(status, kind, schemas) for status, kind in sorted(described.statuses(rule).items())
        },
    }
    if described.body:
        content["requestBody"] = {"required": True, "content": _json(schemas[described.body])}
    if not described.public:
        content["security"] = [{"session": []}]
    return content


def _response(status: int, kind: Any, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if kind:
        response["content"] = _json(schemas[kind])
    if status == 429:
        response["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return response


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _schema(_PARAMETERS[name])}
        for name in _PARAMETER.findall(rule.rule)
    ]


def _query_parameters(query: Any) -> list[dict[str, Any]]:
    return [
        {"name": field.encode_name, "in": "query", "required": field.required, "schema": _schema(field.type)}
        for field in (msgspec.structs.fields(query) if query else ())
    ]


def _schema(kind: Any) -> Any:
    return _translated(msgspec.json.schema(kind))


def _translated(schema: Any) -> Any:
    """The schema with its patterns in JSON Schema's dialect of regular expressions instead of Python's."""
    if isinstance(schema, dict):
        return {
            name: value.replace(r"\A", "^").replace(r"\Z", "$") if name == "pattern" else _translated(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list | tuple):
        return [_translated(one) for one in schema]
    return schema
