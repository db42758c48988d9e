"""The OpenAPI document of what the server answers, made from the calls' and answers' own classes."""

import inspect
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any, Final, get_args

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import CALLS, AddKnowledgebaseFile, Chat
from memos_integrations.wire.form import FORM, PART
from memos_integrations.wire.knowledge import FileKind

__all__ = ["BASE", "DOCUMENT", "HEALTH", "document", "version"]

Json = dict[str, Any]

BASE: Final = "/api/openmem/v1"
HEALTH: Final = "health"
DOCUMENT: Final = "openapi.json"
_SCHEMAS: Final = "#/components/schemas/"
_SERIALIZATION: Final = "serialization"
_CODE: Final = {"type": "integer", "minimum": 40000}
_REFUSALS: Final = {
    "401": "The key is missing (code 40130) or not known (40132).",
    "413": "The body is larger than this server takes.",
    "415": "The Content-Type of the body is not one that the call takes.",
    "421": "The Host header names another machine than this server's.",
}


def version() -> str:
    """The version of this package; "0" where it is not installed."""
    try:
        return installed("memos-integrations")
    except PackageNotFoundError:
        return "0"


def document(*, keyed: bool) -> Json:
    """What the server answers, as OpenAPI 3.1; `keyed` where it asks for keys.

    Requests may hold unknown members, and nulls count as absent. Answers leave out what is None.
    """
    left_out = "421" if keyed else "401"
    refusals = {status: words for status, words in _REFUSALS.items() if status != left_out}
    whole: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "MemOS, embedded",
            "version": version(),
            "description": "The memory API openmem/v1. Refusals come with HTTP 200 and a code of their own.",
        },
        "servers": [{"url": BASE}, {"url": "/"}],
        "paths": {f"/{path}": _path(call, refusals) for path, call in CALLS.items()},
        "components": {
            "schemas": _schemas(),
            "responses": {status: _told(words, _ref("Refusal")) for status, words in refusals.items()},
        },
    }
    whole["paths"][f"/{HEALTH}"] = {"get": _health()}
    return {**whole, **_secured(whole["components"])} if keyed else whole


def _path(call: type[Call[Any]], refusals: Json) -> Json:
    """A path with its one operation."""
    first, _, rest = inspect.cleandoc(call.__doc__ or "").partition("\n\n")
    said: Json = {"operationId": call.__name__, "summary": first.replace("\n", " "), "description": rest}
    if call.method == "GET":
        said["parameters"] = _parameters(call)
    else:
        said["requestBody"] = {"required": True, **_json(_ref(call.__name__))}
    if call is AddKnowledgebaseFile:
        said["parameters"] = _form_parameters()
        said["requestBody"]["content"][FORM] = {"schema": _form()}
    told = _enveloped(call.answer.__name__) if call.enveloped else _ref(call.answer.__name__)
    answer = {"anyOf": [told, _ref("Refusal")]}
    said["responses"] = {"200": _told("The answer, or a refusal.", answer)}
    if call is Chat:
        said["responses"]["200"]["content"]["text/event-stream"] = {"schema": _event()}
    for status in refusals:
        said["responses"][status] = {"$ref": f"#/components/responses/{status}"}
    return {call.method.lower(): said}


def _form() -> Json:
    """Files as parts of a form."""
    return _object({PART: {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}})


def _form_parameters() -> list[Json]:
    """What stands in the query where the body is a form; where it is JSON, it counts for nothing."""
    kinds = {"knowledgebase_id": {"type": "string"}, "type": {"enum": list(get_args(FileKind))}}
    words = f"For a body of {FORM} only."
    return [{"name": name, "in": "query", "schema": kind, "description": words} for name, kind in kinds.items()]


def _event() -> Json:
    """One event of a stream; what is in its `data` is JSON once more."""
    kind: Json = {"enum": ["reasoning", "text", "end"]}
    piece = _object({"type": kind, "data": {"type": "string"}})
    failure = _object({"type": {"const": "error"}, "code": _CODE, "content": {"type": "string"}})
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"oneOf": [piece, failure]}}
    words = 'One event, with "stream": true. The last one is of type "end", or "error" where the answer failed.'
    return {**_object({"event": {"const": "message"}, "data": data}), "description": words}


def _parameters(call: type[Call[Any]]) -> list[Json]:
    """A call's fields as parts of its path, percent-encoded; dots alone would be steps in the path."""
    fields = call.model_json_schema(schema_generator=_Schemas)["properties"]
    return [
        {"name": name, "in": "path", "required": True, "schema": {**field, "not": {"enum": [".", ".."]}}}
        for name, field in fields.items()
    ]


def _health() -> Json:
    members = {"status": {"const": "ok"}, "version": {"type": "string"}}
    return {
        "operationId": "Health",
        "summary": "Whether the server answers; needs no key.",
        "security": [],
        "responses": {"200": _told("It does.", _object(members))},
    }


def _secured(components: Json) -> Json:
    """What is said of keys."""
    token = {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token <key>"}
    schemes = {"token": token, "bearer": {"type": "http", "scheme": "bearer"}}
    return {"security": [{name: []} for name in schemes], "components": {**components, "securitySchemes": schemes}}


def _schemas() -> Json:
    calls = [call for call in CALLS.values() if call.method != "GET"]
    answers = {call.answer for call in CALLS.values()}
    _, made = models_json_schema(
        [*((call, "validation") for call in calls), *((answer, _SERIALIZATION) for answer in answers)],
        ref_template=_SCHEMAS + "{model}",
        schema_generator=_Schemas,
    )
    schemas: Json = dict(sorted(made["$defs"].items()))
    for call in calls:
        schemas[call.__name__]["additionalProperties"] = True  # the router drops what it does not know
    schemas[Chat.__name__]["properties"]["stream"] = {"anyOf": [{"type": "boolean"}, {"type": "null"}]}
    schemas["Refusal"] = _object({"code": _CODE, "message": {"type": "string"}, "data": {"type": "null"}})
    return schemas


class _Schemas(GenerateJsonSchema):
    """Of answers what is really sent: every member that is not None, and no null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Without null where an answer is meant."""
        return self.generate_inner(schema["schema"]) if self.mode == _SERIALIZATION else super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Without the default: a null member counts as absent in a request, and an answer holds what it holds."""
        return self.generate_inner(schema["schema"])

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """In an answer: whatever has not None for its default."""
        if self.mode != _SERIALIZATION:
            return super().field_is_required(field, total)
        inner = field["schema"]
        return inner["type"] != "default" or inner.get("default") is not None

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's own signature
        """Never: a title would only repeat the name."""
        return False


def _enveloped(answer: str) -> Json:
    return _object({"code": {"const": 0}, "message": {"type": "string"}, "data": _ref(answer)})


def _told(words: str, schema: Json) -> Json:
    return {"description": words, **_json(schema)}


def _json(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _object(members: Json) -> Json:
    return {"type": "object", "properties": members, "required": list(members)}


def _ref(name: str) -> Json:
    return {"$ref": _SCHEMAS + name}
