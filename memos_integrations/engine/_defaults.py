"""What a call means: whose memory, which views, how much of it; with the engine's defaults for what was left out."""

from typing import Final, Literal, Protocol, get_args

from pydantic_core import to_json

from memos_integrations.engine._rows import Origin
from memos_integrations.engine._where import Where, where
from memos_integrations.errors import ServerFault
from memos_integrations.wire.call import View
from memos_integrations.wire.calls import AddFeedback, AddMessage, GetMemory, SearchMemory

FACTS: Final = "detail_factual"
PREFERENCES: Final = "preference"
EVENTS: Final = "event"
TOOLS: Final = "tool_memory"
PROFILES: Final = "profile"
SKILLS: Final = "skill"
_BY_MODEL: Final = frozenset((PROFILES, SKILLS))
_UNREAD: Final = frozenset(("image", "document"))
_MODEL_NEEDED: Final = (
    "give connect(…, extractor=ModelEndpoint(base_url=…, model=…)), or set MEMOS_EXTRACTOR_BASE_URL and "
    "MEMOS_EXTRACTOR_NAME (and MEMOS_EXTRACTOR_API_KEY where it takes a key), or leave it out"
)

MESSAGES: Final = 6  # message_limit_number (contract §2.2)
PAGE: Final = 10  # size (contract §2.4)
_LIMIT: Final = 9  # memory_limit_number and preference_limit_number (contract §2.3)
_TOOL_LIMIT: Final = 6  # tool_memory_limit_number (contract §2.3)
_SKILL_LIMIT: Final = 6  # skill_limit_number (contract §2.3)
_VIEWS: Final = get_args(View)

Kind = Literal["user", "agent"]
KINDS: Final[tuple[Kind, ...]] = ("user", "agent")
Selecting = SearchMemory | GetMemory

FARTHEST: Final = 1 << 62  # rows that a page may begin at; SQLite counts in 64 bits


class OfOne(Protocol):
    """What names exactly one user or agent."""

    @property
    def user_id(self) -> str | None:
        """The user."""

    @property
    def agent_id(self) -> str | None:
        """The agent."""


def subject(call: OfOne) -> tuple[Kind, str]:
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
    """What a feedback says of what is made of it."""
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
    if isinstance(call, SearchMemory):
        switches = {FACTS: True, PREFERENCES: call.include_preference is not False, TOOLS: call.include_tool_memory}
        switches[SKILLS] = call.include_skill
        return frozenset(view for view, wanted in switches.items() if wanted)
    left_out = {PREFERENCES: call.include_preference is False, TOOLS: call.include_tool_memory is False}
    return frozenset(view for view in _VIEWS if not left_out.get(view))


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


def event_limit(call: SearchMemory) -> int:
    """How many events at most: as many as facts."""
    if EVENTS not in views(call):
        return 0
    return _LIMIT if call.memory_limit_number is None else call.memory_limit_number


def tool_limit(call: SearchMemory) -> int:
    """How many tool memories at most."""
    if TOOLS not in views(call):
        return 0
    return _TOOL_LIMIT if call.tool_memory_limit_number is None else call.tool_memory_limit_number


def profile_limit(call: SearchMemory) -> int:
    """How many fields of profiles at most: as many as facts."""
    if PROFILES not in views(call):
        return 0
    return _LIMIT if call.memory_limit_number is None else call.memory_limit_number


def skill_limit(call: SearchMemory) -> int:
    """How many skills at most, an owner's and those of knowledge bases together."""
    if SKILLS not in views(call):
        return 0
    return _SKILL_LIMIT if call.skill_limit_number is None else call.skill_limit_number


def check_views(call: AddMessage, *, learns: bool) -> None:
    """Profiles and skills are made of conversations by a model, which reads words of the caller's own, too.

    Raises `ServerFault` (50002) for an add that asks for what takes one where there is none (`learns` False), and for
    words on images and documents, which nothing reads here: nothing would come of it.
    """
    prompts = call.custom_extract_prompt or {}
    if not learns and call.allow_memory_view and set(call.allow_memory_view) <= _BY_MODEL:
        raise _takes_model("profiles and skills are made of conversations by a model", call)
    if not learns and prompts:
        raise _takes_model("custom_extract_prompt is for a model", call)
    if unread := sorted(_UNREAD & set(prompts)):
        words = f"custom_extract_prompt: nothing here reads {' or '.join(unread)}: leave that out"
        raise ServerFault(words, code=50002, path=call.path)


def _takes_model(what: str, call: AddMessage) -> ServerFault:
    return ServerFault(f"{what}, and none is configured: {_MODEL_NEEDED}", code=50002, path=call.path)


def start(page: int, size: int) -> int:
    """The rows before a page."""
    return min((page - 1) * size, FARTHEST)


def project_id(project: str) -> str:
    """How an answer names the project of a call; the one without a name as a server's keys call it."""
    return project or "default"
