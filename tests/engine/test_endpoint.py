import copy
from typing import Any

import pytest
from pydantic import SecretStr

from memos_integrations import ModelEndpoint, connect
from memos_integrations.errors import Invalid
from tests.engine.endpoints import KEY

URL = "http://localhost:11434/v1"
VARIABLES = ("MEMOS_MODEL_BASE_URL", "MEMOS_MODEL_NAME", "MEMOS_MODEL_API_KEY")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_value() -> None:
    endpoint = ModelEndpoint(base_url=URL + "/", model="qwen3:8b", api_key=KEY)
    assert endpoint == ModelEndpoint(base_url=URL, model="qwen3:8b", api_key=SecretStr(KEY)) == copy.copy(endpoint)
    assert endpoint != ModelEndpoint(base_url=URL, model="qwen3:8b")
    assert len({endpoint, copy.deepcopy(endpoint)}) == 1
    assert endpoint.timeout == 120
    assert KEY not in f"{endpoint!r} {endpoint} {endpoint.api_key!r}"
    with pytest.raises(AttributeError):
        endpoint.model = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", ""),
        ("base_url", "localhost:11434"),
        ("base_url", "ftp://localhost"),
        ("base_url", "http://"),
        ("base_url", "http://[::1"),
        ("base_url", "http://localhost:99999"),
        ("base_url", f"http://me:{KEY}@localhost/v1"),
        ("base_url", f"http://localhost/v1?key={KEY}"),
        ("base_url", "http://local host/v1"),
        ("base_url", "http://localhost/v1/chat/completions"),
        ("base_url", None),
        ("model", ""),
        ("model", " "),
        ("model", None),
        ("api_key", ""),
        ("api_key", KEY + "\n"),
        ("api_key", KEY + "é"),
        ("api_key", 5),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", True),
        ("timeout", "5"),
    ],
)
def test_what_can_not_be(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        ModelEndpoint(**{"base_url": URL, "model": "m", field: value})
    assert caught.value.field == field
    assert field in str(caught.value)
    assert KEY not in str(caught.value)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ModelEndpoint.from_environment() is None
    for name, value in zip(VARIABLES, (URL, " qwen3:8b ", ""), strict=True):
        monkeypatch.setenv(name, value)
    assert ModelEndpoint.from_environment() == ModelEndpoint(base_url=URL, model="qwen3:8b")
    monkeypatch.setenv("MEMOS_MODEL_API_KEY", KEY)
    assert ModelEndpoint.from_environment() == ModelEndpoint(base_url=URL, model="qwen3:8b", api_key=KEY)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (VARIABLES[:1], VARIABLES[1:2]),
        (VARIABLES[1:2], VARIABLES[:1]),
        (VARIABLES[2:], VARIABLES[:2]),
        ((VARIABLES[0], VARIABLES[2]), VARIABLES[1:2]),
    ],
)
def test_half_of_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    for name in given:
        monkeypatch.setenv(name, URL)
    for ask in (ModelEndpoint.from_environment, lambda: connect(":memory:")):
        with pytest.raises(Invalid) as caught:
            ask()
        told, _, lacking = str(caught.value).partition("is set, but not")
        assert all(name in told for name in given)
        assert all(name in lacking for name in missing)


def test_connect_takes_a_model_for_the_embedded_engine_alone() -> None:
    endpoint = ModelEndpoint(base_url=URL, model="m")
    connect(":memory:", model=endpoint).close()
    with pytest.raises(Invalid, match="leave out model"):
        connect("http://127.0.0.1:1/api", model=endpoint)
    with pytest.raises(Invalid, match="ModelEndpoint"):
        connect(":memory:", model="qwen3:8b")  # type: ignore[arg-type]
