"""A profile's tree: what may stand in it, and that it crosses the wire as it was given (contract §1.5, §2.14)."""

import json
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.errors import Invalid
from memos_integrations.wire.call import checked
from memos_integrations.wire.profiles import AddProfileTemplate, BindProfileTemplate, DeleteProfile, EditProfile, leaves

LEAF = {"value": "Lyon", "algorithm_updatable": False}
# JSON Schema's regular expressions count one character more as blank than Python does.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=".\ufeff"), min_size=1).filter(str.strip)
LEAVES = st.fixed_dictionaries({"value": st.text(max_size=5)}, optional={"algorithm_updatable": st.booleans()})
BELOW = st.dictionaries(NAMES, LEAVES, min_size=1, max_size=3)
TREES = st.dictionaries(NAMES, LEAVES | BELOW | st.dictionaries(NAMES, LEAVES | BELOW, min_size=1), min_size=1)


def made(tree: Any) -> AddProfileTemplate:
    return checked(AddProfileTemplate, {"name": "Person", "metadata": tree})


@given(TREES)
def test_any_tree_survives_the_way_to_the_wire(tree: dict[str, Any]) -> None:
    call = made(tree)
    assert call.metadata == tree
    assert made(json.loads(call.body())["metadata"]) == call


@given(TREES)
def test_a_tree_fits_the_shape_that_is_published(tree: dict[str, Any]) -> None:
    schema = AddProfileTemplate.model_json_schema()["properties"]["metadata"]
    assert jsonschema_rs.is_valid(schema, tree)


def test_fields_by_their_paths_in_the_trees_order() -> None:
    tree = {"B": {"Y": LEAF, "X": {"value": {"value": "a name of its own"}}}, "A": LEAF}
    assert list(leaves(made(tree).metadata)) == ["B.Y", "B.X.value", "A"]


def test_nulls_are_as_good_as_absent() -> None:
    tree = {"A": {"value": "x", "algorithm_updatable": None}, "B": None, "C": {"value": None, "D": LEAF}}
    assert made(tree).metadata == {"A": {"value": "x"}, "C": {"D": LEAF}}


def test_trees_of_other_mappings_become_plain_ones() -> None:
    assert json.loads(made(MappingProxyType({"A": MappingProxyType(LEAF)})).body())["metadata"] == {"A": LEAF}


@pytest.mark.parametrize(
    ("tree", "rule"),
    [
        ({}, "too_short"),
        ({"A": None}, "too_short"),
        ({"A": {}}, "node"),
        ({"A": {"value": None}}, "node"),
        ({"A": "Lyon"}, "node"),
        ({"A": ["Lyon"]}, "node"),
        ({"value": "Lyon"}, "node"),
        ({"A": {"B": {"C": {"D": LEAF}}}}, "depth"),
        ({"A.B": LEAF}, "name"),
        ({" ": LEAF}, "name"),
        ({"A": {"": LEAF}}, "name"),
        ({"A": {5: LEAF}}, "name"),
        ({"A": {"value": 5}}, "leaf"),
        ({"A": {"value": "x", "algorithm_updatable": "yes"}}, "leaf"),
        ({"A": {"value": "x", "algorithm_updateable": False}}, "leaf"),
        ({"A": {"value": "x", "B": LEAF}}, "leaf"),
        ({"A": {"value": "\ud800"}}, "string_unicode"),
        ({"\udfff": LEAF}, "string_unicode"),
    ],
    ids=ascii,
)
def test_what_is_no_tree_is_refused_without_its_content(tree: Any, rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        made(tree)
    assert (caught.value.field, caught.value.rule) == ("metadata", rule)
    assert "Lyon" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"user_id": "u", "agent_id": "a", "metadata": {"A": LEAF}}, ""),
        ({"metadata": {"A": LEAF}}, ""),
        ({"user_id": "u"}, ""),
        ({"user_id": "u", "remove_fields": []}, "remove_fields"),
        ({"user_id": "u" * 101, "remove_fields": ["A"]}, "user_id"),
    ],
)
def test_an_edit_names_one_profile_and_a_change(more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(EditProfile, {"profile_template_id": "t", **more})
    assert caught.value.field == field


def test_one_to_twenty_bindings_each_of_one() -> None:
    one = {"profile_template_id": "t", "user_id": "u", "agent_id": None}
    assert len(checked(BindProfileTemplate, {"bind_list": [one] * 20}).bindings) == 20
    for wrong in ([], [one] * 21, [{**one, "agent_id": "a"}], [{"profile_template_id": "t"}]):
        with pytest.raises(Invalid, match="bind_list"):
            checked(BindProfileTemplate, {"bind_list": wrong})
    with pytest.raises(Invalid, match="exactly one"):
        checked(DeleteProfile, {"profile_template_id": "t"})
