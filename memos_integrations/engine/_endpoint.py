"""A model behind an endpoint: which endpoint, which model, which key; checked before any I/O."""

import os
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Self, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from memos_integrations.engine._completions import Asked, asked_bytes
from memos_integrations.engine._pieces import Answering, Waiting
from memos_integrations.errors import Invalid

if TYPE_CHECKING:
    from memos_integrations.engine._models import Answer

__all__ = ["Endpoint", "ModelEndpoint"]

_LONGEST_SECONDS: Final = 86_400.0
_SETTINGS: Final = {"base_url": "BASE_URL", "model": "NAME", "api_key": "API_KEY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What endpoints of all kinds have in common. `path` is what they are asked below `base_url`."""

    path: ClassVar[str]
    prefix: ClassVar[str]
    """What the names of their settings in the environment begin with."""

    base_url: str
    model: str
    api_key: str | SecretStr | None = field(default=None, repr=False)
    timeout: float = 120.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self._address(self.base_url))
        object.__setattr__(self, "api_key", self._key(self.api_key))
        if not isinstance(self.model, str) or not self.model.strip():
            raise self._invalid("model", "must be the model's name at the endpoint")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float):
            raise self._invalid("timeout", "is a number of seconds")
        if not 0 < self.timeout <= _LONGEST_SECONDS:
            raise self._invalid("timeout", "is a number of seconds above 0, a day at most")

    @classmethod
    def from_environment(cls, prefix: str | None = None) -> Self | None:
        """The endpoint that PREFIX_BASE_URL, PREFIX_NAME and, where it takes one, PREFIX_API_KEY name.

        `prefix` is the kind's own where it is None. None when none of them is set; an empty one counts as unset.
        Raises `Invalid` when some are missing.
        """
        settings = {name: f"{prefix or cls.prefix}_{end}" for name, end in _SETTINGS.items()}
        given = {name: os.environ.get(variable, "").strip() for name, variable in settings.items()}
        if not any(given.values()):
            return None
        missing = [settings[name] for name in ("base_url", "model") if not given[name]]
        if missing:
            told = " and ".join(settings[name] for name, value in given.items() if value)
            raise Invalid(f"{told} is set, but not {' nor '.join(missing)}: a model needs both", rule="missing")
        return cls(base_url=given["base_url"], model=given["model"], api_key=given["api_key"] or None)

    def _headers(self, accept: str) -> dict[str, str]:
        key = cast("SecretStr | None", self.api_key)
        return {
            "content-type": "application/json",
            "accept": accept,
            "accept-encoding": "identity",  # what is packed comes in lumps
            **({"authorization": f"Bearer {key.get_secret_value()}"} if key else {}),
        }

    def _address(self, text: object) -> str:
        """Messages never show it: it may hold a password."""
        try:
            parts = urlsplit(text if isinstance(text, str) else "")
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise self._invalid("base_url", "is no valid address") from None
        if parts.scheme not in {"http", "https"} or not host or any(not "!" <= letter <= "~" for letter in str(text)):
            raise self._invalid("base_url", 'must be an address such as "http://localhost:11434/v1"')
        if "@" in parts.netloc:
            raise self._invalid("base_url", "must hold no user or password: give the key as api_key")
        if parts.query or parts.fragment:
            raise self._invalid("base_url", "must end with its path, without ? and #")
        address = parts.geturl().rstrip("/")
        if address.endswith(self.path):
            raise self._invalid("base_url", f"ends before {self.path}, which is added to it")
        return address

    def _key(self, given: object) -> SecretStr | None:
        key = given.get_secret_value() if isinstance(given, SecretStr) else given
        if key is None:
            return None
        if not isinstance(key, str) or not key or not all("!" <= letter <= "~" for letter in key):
            told = "is empty, or holds a blank, a line break or a non-ASCII letter: or leave it out"
            raise self._invalid("api_key", told)
        return SecretStr(key)

    def _invalid(self, field_name: str, rule: str) -> Invalid:
        return Invalid(f"{type(self).__name__}: {field_name} {rule}", field=field_name, rule="model")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint(Endpoint):
    """A model behind any endpoint that speaks OpenAI's chat completions: OpenAI, Ollama, vLLM, llama.cpp and others.

    `base_url` is what stands before /chat/completions ("http://localhost:11434/v1"); `model` its name there, which a
    chat's `model_name` overrides. Without `api_key` no Authorization is sent. `timeout` in seconds (120, a day at most)
    bounds a whole answer, and in a stream the wait for each piece. A proxy and certificates are taken from the
    environment. The key shows in no repr and no error. Raises `Invalid`.

    >>> ModelEndpoint(base_url="http://localhost:11434/v1/", model="qwen3:8b", api_key="sk-secret")
    ModelEndpoint(base_url='http://localhost:11434/v1', model='qwen3:8b', timeout=120.0)
    """

    path: ClassVar[str] = "/chat/completions"
    prefix: ClassVar[str] = "MEMOS_MODEL"

    def answer(self, asked: Asked, waiting: Waiting) -> str:
        """The whole answer's text, without the model's thoughts. Raises `Refused`."""
        with closing(self._asked(asked, waiting, stream=False)) as answer:
            waiting.on_give_up(answer.stop)
            return "".join(event.data for event in answer if event.type == "text")

    def stream(self, asked: Asked, waiting: Waiting) -> Answering:
        """The answer as it is made; the endpoint is asked when the first event is."""
        return self._asked(asked, waiting, stream=True)

    def _asked(self, asked: Asked, waiting: Waiting, *, stream: bool) -> "Answer":
        from memos_integrations.engine._models import Answer, Question  # loads httpx: not before needed

        headers = self._headers("text/event-stream" if stream else "application/json")
        seconds = self.timeout if waiting.seconds is None else min(self.timeout, waiting.seconds)
        question = Question(self.base_url + self.path, headers, asked_bytes(asked, self.model, stream=stream))
        return Answer(question, seconds)
