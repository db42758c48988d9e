"""A chat of one user over a model that follows a script, in one piece or in several."""

from typing import Any

from memos_integrations.engine import Engine
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import AddMessage, Chat, GetMessage, SearchMemory, StreamChat
from tests.engine.conftest import Clock
from tests.engine.models import Said, Scripted
from tests.fakes import CountingEngine

LYON = "I moved to Lyon in August."
QUERY = "Which city did I move to?"


class Talk:
    """A chat of one user, over a model that follows a script."""

    def __init__(self, *script: Said, engine: Engine | None = None, **options: Any) -> None:
        self.model = Scripted(*script)
        self.engine = engine or CountingEngine(clock=Clock(), model=self.model, **options)

    def add(self, *texts: str, role: str = "user", user: str = "u", **more: Any) -> None:
        messages = more.pop("messages", None) or [{"role": role, "content": text} for text in texts]
        given = {"messages": messages, "user_id": user, "conversation_id": "c", "async_mode": False, **more}
        project = given.pop("project", "")
        self.engine.add_message(AddMessage.model_validate(given), project)

    def chat(self, query: str = QUERY, **more: Any) -> str:
        project = more.pop("project", "")
        return self.engine.chat(Chat.model_validate(asked(query, more)), project).response

    def stream(self, query: str = QUERY, **more: Any) -> Any:
        return self.engine.stream_chat(StreamChat.model_validate(asked(query, more)))

    def found(self) -> Found:
        return self.engine.search_memory(SearchMemory(query=QUERY, user_id="u", conversation_id="c"))

    def stored(self, user: str = "u", project: str = "") -> list[tuple[str, Any]]:
        call = GetMessage(user_id=user, conversation_id="c", message_limit_number=50)
        return [(m.role, m.content) for m in self.engine.get_message(call, project).message_detail_list]

    @property
    def counting(self) -> CountingEngine:
        assert isinstance(self.engine, CountingEngine)
        return self.engine


def asked(query: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"user_id": "u", "conversation_id": "c", "query": query, "async_mode": False, **more}


def plain(talk: Talk, *args: Any, **more: Any) -> str:
    return talk.chat(*args, **more)


def streamed(talk: Talk, *args: Any, **more: Any) -> str:
    events = list(talk.stream(*args, **more))
    assert [event.type for event in events][-1] == "end"
    return "".join(event.data for event in events if event.type == "text")
