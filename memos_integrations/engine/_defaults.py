"""What a call means: whose memory, which views, how much of it; with the engine's defaults for what was left out."""

from typing import Final, Literal

from pydantic_core import to_json

from memos_integrations.engine._rows import Origin
from memos_integrations.engine._where import Where, where
from memos_integrations.errors import BadRequest
from memos_integrations.wire.calls import AddFeedback, AddMessage, Chat, GetMemory, SearchMemory, StreamChat

FACTS: Final = "detail_factual"
PREFERENCES: Final = "preference"

MESSAGES: Final = 6  # message_limit_number (contract §2.2)
PAGE: Final = 10  # size (contract §2.4)
_LIMIT: Final = 9  # memory_limit_number and preference_limit_number (contract §2.3)

Kind = Literal["user", "agent"]
KINDS: Final[tuple[Kind, ...]] = ("user", "agent")
Selecting = SearchMemory | GetMemory


def subject(call: Selecting) -> tuple[Kind, str]:
    """Whose memory is asked for."""
    return ("agent", call.agent_id or "") if call.user_id is None else ("user", call.user_id)


def owners(call: AddMessage) -> list[tuple[Kind, str]]:
    """Whose memory an add becomes: the users', or the agents' where no user is named; else agents only mark it."""
    users = dict.fromkeys(call.users)
    return [("user", user) for user in users] or [("agent", agent) for agent in dict.fromkeys(call.agents)]


def origin(call: AddMessage) -> Origin:
    """What the call says of everything in it. All of its tags are attached: there is no model to choose among them."""
    tags = tuple(dict.fromkeys(call.tags or ()))
    views = None if call.allow_memory_view is None else tuple(call.allow_memory_view)
    info = to_json(dict(call.info or {})).decode()
    return Origin(call.agents, (*call.users, *call.agents), call.app_id, tags, info, views)


def feedback_origin(call: AddFeedback) -> Origin:
    """What a feedback says of what is made of it. Public memory and knowledge bases are none here, as for an add."""
    agents = () if call.agent_id is None else (call.agent_id,)
    info = to_json(dict(call.info or {})).decode()
    return Origin(agents, (call.user_id, *agents), call.app_id, (), info, None)


def condition(call: Selecting) -> Where | None:
    """The filter that binds the subject's memories; None when there is none."""
    group = call.condition.group(subject(call)[0]) if call.condition else None
    return where(group) if group else None


def views(call: Selecting) -> frozenset[str]:
    """The kinds asked for: `include_memory_view` decides alone where it is given (contract §2.3)."""
    if call.include_memory_view is not None:
        return frozenset(call.include_memory_view)
    return frozenset((FACTS,) if call.include_preference is False else (FACTS, PREFERENCES))


def fact_limit(call: SearchMemory) -> int:
    """How many facts at most."""
    if FACTS not in views(call):
        return 0
    return _LIMIT if call.memory_limit_number is None else call.memory_limit_number


def preference_limit(call: SearchMemory) -> int:
    """How many preferences at most. Each kind has its own limit."""
    if PREFERENCES not in views(call):
        return 0
    return _LIMIT if call.preference_limit_number is None else call.preference_limit_number


def check_bases(call: AddMessage | AddFeedback | SearchMemory | Chat | StreamChat) -> None:
    """There are no knowledge bases here, so none is linked. Raises `BadRequest` 50123 for a call that names one."""
    named = call.knowledgebase_ids if isinstance(call, SearchMemory) else call.allow_knowledgebase_ids
    if named or (isinstance(call, Chat | StreamChat) and call.knowledgebase_ids):
        raise BadRequest("no knowledge base is linked: the embedded engine has none", code=50123, path=call.path)
