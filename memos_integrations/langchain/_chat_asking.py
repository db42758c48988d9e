"""What a chat of MemOS's is asked, for whom, by which client, and whether it writes the turn itself."""

import logging
import os
from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeVar

from langchain_core.caches import BaseCache
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig, ensure_config
from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError

from memos_integrations._connect import borrow, connect, give_back
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain._chat_request import question_in
from memos_integrations.langchain._identity import scope_in
from memos_integrations.langchain._writers import is_from_history, is_recorded_around
from memos_integrations.memory.asking import CALL, SHOWN, ChatFields, Warned, check_fields
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import known_names
from memos_integrations.memory.loan import Held
from memos_integrations.memory.scope import new_conversation
from memos_integrations.wire.calls import Chat, StreamChat
from memos_integrations.wire.checks import invalid

__all__ = ["Asking", "known"]

C = TypeVar("C", Chat, StreamChat)
_log = logging.getLogger(__name__)
_CALL: Final = {*CALL, "stream"} - {"tags"}  # which are the run's, and LangChain's
_IDS: Final = ("user_id", "conversation_id")
_BESIDE_HISTORY: Final = (
    "a history of ours writes this conversation, so the chat does not: make the model with "
    "add_message_on_answer=False beside a history"
)

_OF_LANGCHAIN: Final = frozenset({"lc_source", "lc_internal_call"})  # in a run's metadata: a middleware's own question


def _secret(key: SecretStr | str | None) -> SecretStr | None:
    return SecretStr(key) if isinstance(key, str) else key


class Asking(Closing, ChatFields, BaseChatModel):
    """The parameters of `ChatMemOS`, and the call that comes of them, of a run and of what the run asks."""

    client: MemOS | None = Field(default=None, exclude=True, kw_only=False)
    user_id: str | None = None
    streaming: bool = False
    api_key: Annotated[SecretStr | str | None, AfterValidator(_secret)] = Field(default=None, exclude=True)
    base_url: str | None = Field(default=None, exclude=True)
    cache: BaseCache | bool | None = Field(default=False, exclude=True)

    _memos: MemOS = PrivateAttr()
    _held: Held = PrivateAttr()
    _warned: Warned = PrivateAttr(default_factory=lambda: Warned("ChatMemOS", _log))

    if not TYPE_CHECKING:

        def __init__(self, client: MemOS | None = None, **members: Any) -> None:
            _check(members, type(self).model_fields.keys() - {"client"})
            held = Held(client, "ChatMemOS", partial(_connected, members), give_back)
            if client is None and members.get("api_key") is None:
                members["api_key"] = os.environ.get("MEMOS_API_KEY", "").strip() or None
            try:
                super().__init__(**{**members, "client": held.now(), "cache": False})
            except ValidationError as error:
                held.close()
                raise invalid(error, "ChatMemOS") from None
            self._held, self._memos = held, self._patient(held.now())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy on the same client: connections can't be copied."""
        return self.model_copy()

    def __repr_args__(self) -> Any:
        """Nothing that is anybody's."""
        return self._identifying_params.items()

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self._shown()

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return {**super()._get_ls_params(stop=stop or self.stop, **kwargs), "ls_provider": "memos"}

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        """What traces show: no ids, and no words of anybody's."""
        shown = {name: value for name, value in kwargs.items() if name in SHOWN}
        return super()._get_invocation_params(stop=stop, **shown)

    def _within(self, config: RunnableConfig | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is `given` to a call, with whose turn it is and whether the chat writes it, as the run tells."""
        config = ensure_config(config)
        ids = {name: getattr(self, name) if given.get(name) is None else given[name] for name in _IDS}
        scope = scope_in(config, who="ChatMemOS", **ids)
        told = {**given, "user_id": scope.user_id, "conversation_id": scope.conversation_id}
        history = config.get("configurable", {}).get("message_history")  # of a RunnableWithMessageHistory around
        if getattr(history, "writes_to_memos", False):
            told["add_message_on_answer"] = self._unless_written(told)
        if not _OF_LANGCHAIN.isdisjoint(config.get("metadata", {})):
            told["add_message_on_answer"] = False
        return told

    def _call(self, kind: type[C], messages: Sequence[BaseMessage], given: Mapping[str, Any]) -> C:
        """The call, checked. Raises `Invalid`, and `Unsupported` for what is no text."""
        told = {name: value for name, value in self._within(None, known(given)).items() if value is not None}
        asked = question_in(messages, told.get("system_prompt", self.system_prompt))
        self._warned.tell_of(asked.left_out, self.history_policy)
        writes = told.get("add_message_on_answer", self.add_message_on_answer)
        if is_recorded_around():
            writes = False
        elif is_from_history(messages):
            writes = self._unless_written(told)
        conversation = told.get("conversation_id") or new_conversation()
        return self._call_of(kind, asked, told, writes=writes, conversation_id=conversation)

    def _unless_written(self, told: Mapping[str, Any]) -> bool:
        """False, since a history writes the turn; warns once where the chat was to write it too."""
        writes = told.get("add_message_on_answer")
        if (self.add_message_on_answer if writes is None else writes) and not is_recorded_around():
            self._warned.warn(_BESIDE_HISTORY)
        return False


def known(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`given`, if a call takes all of it. Raises `Invalid`."""
    known_names("ChatMemOS", given, _CALL, of="a call")
    return given


def _check(members: Mapping[str, Any], names: Set[str]) -> None:
    """Raises `Invalid` for what no call could be made of."""
    check_fields("ChatMemOS", members, names)
    if members.get("cache"):
        raise Invalid("ChatMemOS: an answer depends on what is remembered: leave cache out", field="cache")


def _connected(members: Mapping[str, Any]) -> MemOS:
    """Of the instance's own where it has a key or an address, else shared."""
    address, key = members.get("base_url"), members.get("api_key")
    return borrow() if address is None and key is None else connect(address, api_key=key)
