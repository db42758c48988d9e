from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from pydantic import SecretStr

from memos_integrations.client import AsyncMemOS, MemOS, _settings
from memos_integrations.client._settings import settings, zone
from memos_integrations.errors import Invalid

CHINA, GLOBAL = "https://memos.memtensor.cn/api/openmem/v1", "https://api.memt.ai/platform/api/openmem/v1"
OWN, OTHER = "http://127.0.0.1:8000/api/openmem/v1", "https://memos.example/v1"
KEY = "mpg-0123456789"


def test_the_address_by_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(api_key=KEY).base_url == CHINA
    assert settings(api_key=KEY, is_global=True).base_url == GLOBAL
    monkeypatch.setenv("MEMOS_IS_GLOBAL", "Yes")
    assert settings(api_key=KEY).base_url == GLOBAL
    assert settings(api_key=KEY, is_global=False).base_url == CHINA
    monkeypatch.setenv("MEMOS_BASE_URL", OTHER)
    assert settings(api_key=KEY, is_global=True).base_url == OTHER
    assert settings(api_key=KEY, base_url=OWN).base_url == OWN


@pytest.mark.parametrize(("value", "address"), [("true", GLOBAL), ("1", GLOBAL), ("YES", GLOBAL), ("0", CHINA)])
def test_the_global_switch_of_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, address: str) -> None:
    monkeypatch.setenv("MEMOS_IS_GLOBAL", value)
    monkeypatch.setenv("MEMOS_API_KEY", KEY)
    assert settings().base_url == address


def test_the_key_from_argument_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(base_url=OWN).api_key is None
    monkeypatch.setenv("MEMOS_API_KEY", f" {KEY}\n")
    assert settings().api_key == SecretStr(KEY)
    assert settings(api_key="other").api_key == SecretStr("other")
    assert settings(api_key=SecretStr("other")).api_key == SecretStr("other")


@pytest.mark.parametrize("kind", [MemOS, AsyncMemOS])
def test_with_nothing_set_the_ways_on_are_named(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    monkeypatch.setenv("MEMOS_API_KEY", "")
    monkeypatch.setenv("MEMOS_BASE_URL", " ")
    with pytest.raises(Invalid) as caught:
        kind()
    for way in ("api_key=", "MEMOS_API_KEY", "base_url=", "MEMOS_BASE_URL", 'connect("memos.db")'):
        assert way in str(caught.value)


@pytest.mark.parametrize("kind", [MemOS, AsyncMemOS])
@pytest.mark.parametrize("form", ["memos.db", ":memory:", "./a/memos.db", "file:///memos.db", "sqlite://x", ""])
def test_other_forms_of_address_are_sent_to_connect(kind: type, form: str) -> None:
    with pytest.raises(Invalid, match="connect") as caught:
        kind(base_url=form)
    assert caught.value.field == "base_url"


def test_a_file_in_the_environment_is_sent_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", "memos.db")
    with pytest.raises(Invalid, match=r"MEMOS_BASE_URL.*connect"):
        MemOS()


@pytest.mark.parametrize("address", [CHINA, GLOBAL, "https://MEMOS.memtensor.cn/api/openmem/v1"])
def test_the_clouds_need_a_key(address: str) -> None:
    with pytest.raises(Invalid, match="MEMOS_API_KEY"):
        settings(base_url=address)


def test_the_clouds_are_asked_over_tls_only() -> None:
    with pytest.raises(Invalid, match="https"):
        settings(base_url="http://memos.memtensor.cn/api/openmem/v1", api_key=KEY)
    assert settings(base_url="http://memos.internal:8000/v1", api_key=KEY).base_url == "http://memos.internal:8000/v1"


@pytest.mark.parametrize(("given", "kept"), [(OWN + "/", OWN), (OWN + "//", OWN), ("HTTP://h", "http://h")])
def test_addresses_are_kept_without_a_trailing_slash(given: str, kept: str) -> None:
    assert settings(base_url=given).base_url == kept


@pytest.mark.parametrize(
    "address",
    [
        "http://user:marker@host/v1",
        "http://marker@host/v1",
        "http://host/v1?marker=1",
        "http://host/v1#marker",
        "http://",
        "http:///marker",
        "http://host:marker/v1",
        "http://host:99999/marker",
        "http://ho st/marker",
        "http://host/mar\nker",
        "http://host\\marker/v1",
        "http://[marker/v1",
        "http:marker",
        b"http://marker",
        42,
    ],
    ids=str,
)
def test_a_broken_address_is_refused_and_never_shown(address: str) -> None:
    with pytest.raises(Invalid) as caught:
        settings(base_url=address)
    assert caught.value.field == "base_url"
    assert "marker" not in str(caught.value)


def test_an_address_that_only_httpx_finds_broken_is_refused_as_well() -> None:
    with pytest.raises(Invalid, match="base_url"):
        MemOS(base_url="http://-märker/v1")


@pytest.mark.parametrize("key", ["", "  ", "marker\n", "mar ker", "märker", "marker\x00", 7], ids=repr)
def test_a_broken_key_is_refused_and_never_shown(key: str) -> None:
    with pytest.raises(Invalid) as caught:
        settings(base_url=OWN, api_key=key)
    assert caught.value.field == "api_key"
    assert "marker" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "name"), [(None, "Asia/Shanghai"), (GLOBAL, "Asia/Shanghai"), (OWN, "UTC"), (OTHER, "UTC")]
)
def test_the_servers_zone(address: str | None, name: str) -> None:
    assert settings(base_url=address, api_key=KEY).timezone == name
    assert settings(base_url=address, api_key=KEY, timezone="Europe/Berlin").timezone == "Europe/Berlin"


def test_a_client_tells_its_zone() -> None:
    client = MemOS(api_key=KEY)
    assert datetime(2026, 1, 1, tzinfo=client.timezone).utcoffset() == timedelta(hours=8)
    assert MemOS(base_url=OWN).aio.timezone is UTC


@pytest.mark.parametrize("name", ["Nowhere/Land", "", "/etc/passwd", "../x", "a\x00b", "Europe", 8], ids=repr)
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="IANA") as caught:
        settings(base_url=OWN, timezone=name)
    assert caught.value.field == "timezone"


def test_the_servers_zones_need_no_zone_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_such(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(_settings, "ZoneInfo", none_such)
    assert zone("UTC") is UTC
    assert zone("Asia/Shanghai").utcoffset(None) == timedelta(hours=8)
    with pytest.raises(Invalid, match="tzdata"):
        zone("Europe/Berlin")


def test_settings_show_no_key() -> None:
    made = settings(base_url=OWN, api_key=KEY)
    assert KEY not in repr(made) + str(made)
    assert made.host == "127.0.0.1:8000"
