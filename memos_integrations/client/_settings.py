"""Where MemOS is and who asks: the argument, else the environment, else the default; checked before any I/O."""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from memos_integrations.errors import Invalid

__all__ = ["Settings", "settings", "user_agent", "zone"]

_CLOUD = "https://memos.memtensor.cn/api/openmem/v1"
_GLOBAL_CLOUD = "https://api.memt.ai/platform/api/openmem/v1"
_CLOUD_HOSTS = frozenset({"memos.memtensor.cn", "api.memt.ai"})
_CLOUD_ZONE = "Asia/Shanghai"  # contract §4: inferred from the documentation's examples
# Two zones that must work where the system has no zone database (Windows, slim images).
_FIXED: dict[str, tzinfo] = {"UTC": UTC, "Asia/Shanghai": timezone(timedelta(hours=8), "Asia/Shanghai")}

_WAYS_ON = (
    'nothing says where MemOS is. For MemOS Cloud give api_key="…" or set MEMOS_API_KEY; for a server of your own '
    'give base_url="http://…" or set MEMOS_BASE_URL; for the embedded engine use connect("memos.db")'
)
_NOT_HTTP = (
    'must be an http:// or https:// address here; for a file ("memos.db") or ":memory:" use '
    "memos_integrations.connect(…), which opens the embedded engine"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """`base_url` without a trailing slash; `api_key` None only for a server of one's own; `timezone` an IANA name."""

    base_url: str
    api_key: SecretStr | None
    timezone: str

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.base_url).netloc

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https:")

    def account(self, salt: bytes, instead: str = "") -> str:
        """What tells this key from others without telling the key: the same for the same `salt`. Without a key ""."""
        secret = self.api_key.get_secret_value() if self.api_key else instead
        return hashlib.blake2b(secret.encode(), key=salt, digest_size=16).hexdigest() if secret else ""


def settings(
    *,
    base_url: str | None = None,
    api_key: str | SecretStr | None = None,
    is_global: bool | None = None,
    timezone: str | None = None,
) -> Settings:
    """The settings from arguments, MEMOS_BASE_URL, MEMOS_API_KEY and MEMOS_IS_GLOBAL. Raises `Invalid`.

    The address, in this order: `base_url`, MEMOS_BASE_URL, the two clouds by `is_global` or MEMOS_IS_GLOBAL. An empty
    environment variable counts as unset. A key travels over plain http:// to a server of one's own, since TLS
    often ends before it, but never to MemOS Cloud.
    """
    key = _key(api_key)
    address = base_url if base_url is not None else _environment("MEMOS_BASE_URL")
    if address is None and key is None:
        raise Invalid(_WAYS_ON, field="api_key", rule="missing")
    if address is None:
        address = _GLOBAL_CLOUD if _is_global(is_global) else _CLOUD
    parts = _address(address)
    cloud = parts.hostname in _CLOUD_HOSTS
    if cloud:
        _check_cloud(parts, key)
    name = timezone if timezone is not None else (_CLOUD_ZONE if cloud else "UTC")
    zone(name)
    return Settings(parts.geturl(), key, name)


def _environment(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


def _is_global(given: bool | None) -> bool:
    asked = (_environment("MEMOS_IS_GLOBAL") or "").lower()
    return asked in {"true", "1", "yes"} if given is None else given


def _key(given: str | SecretStr | None) -> SecretStr | None:
    key = given.get_secret_value() if isinstance(given, SecretStr) else given
    if key is None:
        key = _environment("MEMOS_API_KEY")
    if key is None:
        return None
    if not isinstance(key, str) or not key.strip():
        raise Invalid("api_key must not be blank: give MemOS's key, or leave it out", field="api_key", rule="blank")
    if not all("!" <= letter <= "~" for letter in key):
        raise Invalid("api_key holds a blank, a line break or a non-ASCII letter", field="api_key", rule="not_a_key")
    return SecretStr(key)


def _address(text: str) -> SplitResult:
    """The address, taken apart. Messages never show it: it may hold a password."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except (ValueError, TypeError, AttributeError):
        raise Invalid("base_url is no valid address", field="base_url", rule="url") from None
    if parts.scheme not in {"http", "https"}:
        raise Invalid(f"base_url (or MEMOS_BASE_URL) {_NOT_HTTP}", field="base_url", rule="url_scheme")
    if not host or any(letter <= " " or letter == "\\" for letter in text):
        raise Invalid("base_url names no host, or holds a blank", field="base_url", rule="url")
    if "@" in parts.netloc:
        raise Invalid("base_url must hold no user or password: give the key as api_key", field="base_url", rule="url")
    if parts.query or parts.fragment:
        raise Invalid("base_url must end with its path, without ? and #", field="base_url", rule="url")
    return parts._replace(path=parts.path.rstrip("/"))


def _check_cloud(parts: SplitResult, key: SecretStr | None) -> None:
    if key is None:
        raise Invalid("MemOS Cloud needs a key: give api_key or set MEMOS_API_KEY", field="api_key", rule="missing")
    if parts.scheme != "https":
        raise Invalid("MemOS Cloud is asked over https:// only: it would show the key", field="base_url", rule="url")


def zone(name: str) -> tzinfo:
    """The zone of that IANA name ("Asia/Shanghai"). Raises `Invalid` where the system knows none such."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError, TypeError, AttributeError):  # unknown, absolute, a folder, no text
        if isinstance(name, str) and name in _FIXED:
            return _FIXED[name]
    raise Invalid(
        'timezone must be an IANA name such as "Europe/Berlin" that this system knows (else: pip install tzdata)',
        field="timezone",
        rule="timezone",
    )


@cache
def user_agent() -> str:
    """Who asks: this package and its version."""
    try:
        return f"memos-integrations/{version('memos-integrations')}"
    except PackageNotFoundError:  # run from a source tree
        return "memos-integrations"
