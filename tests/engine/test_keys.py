"""Which project a key opens, and that no key is told to anyone."""

import re
import traceback

import pytest

from memos_integrations.engine._keys import MISSING, WRONG, Keys
from memos_integrations.errors import Invalid, Unauthorized

ADA, BOB, OLD = "ada-0123456789abcdef", "bob-0123456789abcdef", "old-0123456789abcdef"


def test_a_key_opens_its_project() -> None:
    keys = Keys.read(f"# ours\n\n shop={ADA}\nshop={OLD}\n{BOB}\r\n", "--keys")
    assert len(keys) == 3
    assert keys.project(f"Token {ADA}") == keys.project(f"bearer  {OLD}") == "shop"
    assert keys.project(f"Token {BOB}") not in {"", "shop"}


def test_default_is_the_project_that_files_have() -> None:
    assert Keys.read(f"default={ADA}", "--keys").project(f"Token {ADA}") == ""


def test_a_key_without_a_name_has_the_same_project_every_time() -> None:
    first, second = (Keys.read(f"{ADA}\n{BOB}", "--keys") for _ in range(2))
    assert first.project(f"Token {ADA}") == second.project(f"Token {ADA}") != first.project(f"Token {BOB}")
    assert ADA not in first.project(f"Token {ADA}")


def test_a_nameless_project_can_not_be_named() -> None:
    named = Keys.read(BOB, "--keys").project(f"Token {BOB}")
    with pytest.raises(Invalid, match="project's name"):
        Keys.read(f"{named}={ADA}", "--keys")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, MISSING),
        ("", MISSING),
        ("Token", WRONG),
        ("Token ", WRONG),
        (ADA, WRONG),
        (f"Basic {ADA}", WRONG),
        (f"Token {ADA}x", WRONG),
        (f"Token {ADA.upper()}", WRONG),
        ("Token ключ", WRONG),
    ],
)
def test_what_opens_nothing(authorization: str | None, code: int) -> None:
    with pytest.raises(Unauthorized) as caught:
        Keys.read(ADA, "--keys").project(authorization)
    assert (caught.value.code, caught.value.status) == (code, 401)
    assert ADA not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no key"),
        ("# nothing\n", "holds no key"),
        (f"{BOB}\nshort-key", "line 2: a key has at least 16"),
        (f"{ADA} {BOB}", "line 1: a key holds printable ASCII"),
        ("schlüssel-0123456789", "line 1: a key holds printable ASCII"),
        (f"a shop={ADA}", "line 1: a project's name"),
        (f"={ADA}", "line 1: a project's name"),
        (f"{ADA}\nshop={ADA}", "line 2: this key is there already"),
    ],
)
def test_keys_that_can_not_be(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=f"^the file.*{re.escape(words)}") as caught:
        Keys.read(text, "the file")
    told = "".join(traceback.format_exception(caught.value))
    assert not any(secret in told for secret in (ADA, BOB, "short-key", "schlüssel"))


def test_keys_show_in_no_repr() -> None:
    keys = Keys.read(f"shop={ADA}", "--keys")
    assert repr(keys) == "Keys(<1>)"
    assert ADA not in str(vars(keys))
