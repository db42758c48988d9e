"""The document that the server gives of itself: valid, whole, and made of the calls' own classes."""

import json
from typing import Any

import jsonschema_rs
import pytest
from schemathesis import openapi

from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._openapi import document
from memos_integrations.wire.calls import CALLS, Chat
from tests.engine.asked import asking

UNKEYED, KEYED = document(keyed=False), document(keyed=True)
DRAFT = "https://json-schema.org/draft/2020-12/schema"
BOTH = pytest.mark.parametrize("whole", [UNKEYED, KEYED], ids=["unkeyed", "keyed"])


def references(part: Any) -> set[str]:
    """All that `part` points at."""
    if isinstance(part, list):
        return set().union(*map(references, part))
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*map(references, part.values()))


@BOTH
def test_it_is_valid(whole: dict[str, Any]) -> None:
    openapi.from_dict(whole).validate()
    for schema in whole["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": DRAFT, **schema})
    json.dumps(whole, allow_nan=False)


def test_a_document_that_is_not_valid_would_be_told() -> None:
    with pytest.raises(Exception, match="description"):
        openapi.from_dict({**UNKEYED, "paths": {"/x": {"get": {"responses": {"200": {}}}}}}).validate()


@BOTH
def test_all_that_it_points_at_is_there_and_used(whole: dict[str, Any]) -> None:
    kinds = ("schemas", "responses")
    there = {f"#/components/{kind}/{name}" for kind in kinds for name in whole["components"][kind]}
    assert references(whole) == there


@BOTH
def test_every_call_is_there_with_its_method_and_fields(whole: dict[str, Any]) -> None:
    assert set(whole["paths"]) == {f"/{path}" for path in CALLS} | {"/health"}
    for path, call in CALLS.items():
        operation = whole["paths"][f"/{path}"][call.method.lower()]
        assert operation["operationId"] == call.__name__
        assert operation["summary"]
        if call.method == "GET":
            assert [each["name"] for each in operation["parameters"]] == list(call.model_fields)
            continue
        schema = whole["components"]["schemas"][call.__name__]
        told_apart = {"stream"} if call is Chat else set()
        assert set(schema["properties"]) == set(call.model_fields) | told_apart
        needed = {name for name, field in call.model_fields.items() if field.is_required()}
        assert set(schema.get("required", ())) == needed


@BOTH
def test_every_operation_has_a_name_of_its_own(whole: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in whole["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(CALLS) + 1


def test_limits_are_the_calls_own() -> None:
    search = UNKEYED["components"]["schemas"]["SearchMemory"]["properties"]
    assert {"type": "integer", "minimum": 0, "maximum": 25} in search["memory_limit_number"]["anyOf"]
    assert {"type": "null"} in search["memory_limit_number"]["anyOf"]
    assert search["query"]["minLength"] == 1


def test_what_keys_change() -> None:
    assert "security" not in UNKEYED
    assert set(KEYED["components"]["securitySchemes"]) == {"token", "bearer"}
    assert KEYED["paths"]["/health"]["get"]["security"] == []
    for whole, own, other in ((UNKEYED, "421", "401"), (KEYED, "401", "421")):
        told = whole["paths"]["/search/memory"]["post"]["responses"]
        assert own in told
        assert other not in told


@pytest.mark.parametrize("keyed", [False, True])
def test_it_is_served_to_everybody(engine: Engine, keyed: bool) -> None:
    keys = Keys.read("ada-0123456789abcdef", "--keys") if keyed else None
    with asking(engine, keys=keys) as (client,):
        for path in ("/openapi.json", "/api/openmem/v1/openapi.json"):
            assert client.http.get(path).json() == document(keyed=keyed)
