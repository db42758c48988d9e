"""Adding, searching, reading, changing and deleting, with the client's defaults and with all that it can send."""

from typing import Any

from tests.official.talk import Meant, Talk, refused

__all__ = ["forget", "memories"]

LYON: list[dict[str, Any]] = [
    {"role": "user", "content": "I moved to Lyon in August. I prefer quiet cafés. 我喜欢绿茶。 🍵"},
    {"role": "assistant", "content": "Noted: a quiet café in Lyon.", "chat_time": "2026-08-01 10:00:00"},
]
TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "How is the weather in Nantes?"}]},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Nantes"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "t1", "content": '{"sky": "rain"}'},
]
VIEWS = ["detail_factual", "preference", "tool_memory", "skill", "profile", "event"]
LONG = "x" * 101
FIRST = "data.memory_detail_list.0.id"


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def memories(talk: Talk) -> None:
    _add(talk)
    _refuse_adds(talk)
    _search(talk)
    _read(talk)
    _update(talk)
    _feedback(talk)
    _stateless(talk)


def _add(talk: Talk) -> None:
    task = Meant(says=["running"], gives={"task": "data.task_id"})
    talk.ask("add_message", LYON, "ada", "monday", meant=task)
    done = Meant(says=["completed", "detail_factual"], settled=True)
    talk.ask("get_task_status", talk.ids["task"], meant=done)
    everything: dict[str, Any] = {
        "info": {"scene": "home", "biz_id": 42},
        "source": "tests",
        "app_id": "shop",
        "agent_id": "helper",
        "async_mode": False,
        "tags": ["pets"],
        "allow_memory_view": ["detail_factual", "preference"],
    }
    completed = Meant(says=["completed"])
    talk.ask("add_message", said("My cat is called Mouse."), "ada", "tuesday", **everything, meant=completed)
    talk.ask("add_message", said("We meet at the old harbour."), ["ada", "bob"], "group", async_mode=False)
    talk.ask(
        "add_message", said("The stock is kept in Metz."), agent_id="helper", conversation_id="w", async_mode=False
    )
    talk.ask("add_message", TOOLS, "ada", "weather", async_mode=False, meant=completed)
    talk.ask("add_message", said("The office closes at six."), "ada", "public", allow_public=True, async_mode=False)
    talk.ask("add_message", said("I live in Brest."), "ada", "monday", async_mode=False, meant=Meant(key="other"))


def _refuse_adds(talk: Talk) -> None:
    talk.ask("add_message", said("Hello."), LONG, "c", meant=refused(40010))
    talk.ask("add_message", said("Hello."), "ada", LONG, meant=refused(40011))
    talk.ask("add_message", [{"role": "user"}], "ada", "c", meant=refused(40002))
    talk.ask("add_message", said("Hello."), "ada", "c", allow_knowledgebase_ids=["none"], meant=refused(50123))
    talk.ask("add_message", said("Hello."), "ada", "c", meant=refused(40132, status=401, key="unknown"))
    talk.ask("get_task_status", "nobody's", meant=refused(50131))
    talk.ask("get_task_status", talk.ids["task"], meant=refused(50131, key="other"))


def _search(talk: Talk) -> None:
    found = Meant(says=["Lyon", "preference_note"], lacks=["Brest"], gives={"memory": FIRST})
    talk.ask("search_memory", "Which city did I move to?", "ada", meant=found)
    talk.ask("search_memory", "Which city did I move to?", "ada", meant=Meant(says=["Lyon"], key="slash"))
    talk.ask("search_memory", "绿茶", "ada", meant=Meant(says=["我喜欢绿茶"]))
    talk.ask("search_memory", "Where is the stock?", agent_id="helper", meant=Meant(says=["Metz"]))
    talk.ask("search_memory", "Where do I live?", "ada", meant=Meant(says=["Brest"], lacks=["Lyon"], key="other"))
    talk.ask("search_memory", "Where did I move?", "nobody", meant=Meant(lacks=["Lyon"]))
    everything: dict[str, Any] = {
        "conversation_id": "tuesday",
        "memory_limit_number": 25,
        "filter": {"and": [{"tags": {"contains": "pets"}}, {"create_time": {"gte": "2020-01-01"}}]},
        "source": "tests",
        "include_tool_memory": True,
        "preference_limit_number": 25,
        "tool_memory_limit_number": 25,
        "relativity": 0.0,
        "include_skill": True,
        "skill_limit_number": 25,
        "include_memory_view": VIEWS,
        "context_format": "mixed",
    }
    talk.ask(
        "search_memory", "What is my cat called?", "ada", **everything, meant=Meant(says=["Mouse"], lacks=["Lyon"])
    )
    talk.ask("search_memory", "The weather?", "ada", include_tool_memory=True, relativity=0.0)
    talk.ask("search_memory", "q", "ada", relativity=2, meant=refused(40012))
    talk.ask("search_memory", "q", LONG, meant=refused(40010))
    talk.ask("search_memory", " ", "ada", meant=refused(40002))
    talk.ask("search_memory", "q", "ada", filter={"and": [{"user_id": "bob"}]}, meant=refused(40000))
    talk.ask("search_memory", "q", "ada", knowledgebase_ids=["none"], meant=refused(50123))
    talk.ask("search_memory", "q", "ada", meant=refused(40132, status=401, key="unknown"))


def _read(talk: Talk) -> None:
    talk.ask("get_message", "ada", "monday", meant=Meant(says=["🍵", "assistant"]))
    limits = {"conversation_limit_number": 2, "message_limit_number": 1, "source": "tests"}
    talk.ask("get_message", "ada", "monday", **limits, meant=Meant(says=["Noted"], lacks=["🍵"]))
    talk.ask("get_message", "ada", "nowhere", meant=Meant(lacks=["Lyon"]))
    talk.ask("get_message", "ada", "monday", message_limit_number=51, meant=refused(40000))
    talk.ask("get_memory", "ada", meant=Meant(says=["Lyon", "Mouse", "harbour"], lacks=["Brest", "Metz"]))
    talk.ask("get_memory", agent_id="helper", meant=Meant(says=["Metz"]))
    facts: dict[str, Any] = {"include_memory_view": ["detail_factual"], "filter": {"and": [{"scene": "home"}]}}
    only = Meant(says=["Mouse"], lacks=["Lyon"])
    talk.ask("get_memory", "ada", False, 1, 50, include_tool_memory=False, **facts, meant=only)
    talk.ask("get_memory", "ada", page=9, meant=Meant(lacks=["Lyon"]))
    talk.ask("get_memory", "ada", page=0, meant=refused(40000))
    talk.ask("get_memory_by_id", talk.ids["memory"], meant=Meant(says=["Lyon", "activated"]))
    talk.ask("get_memory_by_id", talk.ids["memory"], meant=refused(40001, key="other"))
    talk.ask("get_memory_by_id", "a/b?c=d#é", meant=refused(40001))


def _update(talk: Talk) -> None:
    memory = talk.ids["memory"]
    talk.ask("update_memory", memory, "I moved to Lyon, to the rue Mercière.", meant=Meant(says=["true"]))
    talk.ask("update_memory", memory, title="Home", status="activated")
    talk.ask("get_memory_by_id", memory, meant=Meant(says=["Mercière", "Home"]))
    talk.ask("search_memory", "Which city did I move to?", "ada", meant=Meant(says=["Mercière"]))
    talk.ask("update_memory", memory, status="no such status", meant=refused(40000))
    talk.ask("update_memory", "no such memory", "text", meant=refused(40307))
    talk.ask("update_memory", memory, "text", meant=refused(40307, key="other"))


def _feedback(talk: Talk) -> None:
    task = Meant(gives={"feedback": "data.task_id"})
    talk.ask("add_feedback", "ada", "group", "We meet at the station, not at the old harbour.", meant=task)
    talk.ask("get_task_status", talk.ids["feedback"], meant=Meant(says=["completed"], settled=True))
    everything: dict[str, Any] = {"feedback_time": "2026-08-02 10:00:00", "allow_public": False, "app_id": "shop"}
    talk.ask("add_feedback", "ada", feedback_content="The guide was excellent.", agent_id="helper", **everything)
    talk.ask("add_feedback", "ada", "c", " ", meant=refused(40002))
    unknown = {"allow_knowledgebase_ids": ["none"]}
    talk.ask("add_feedback", "ada", feedback_content="So it is.", **unknown, meant=refused(50123))


def _stateless(talk: Talk) -> None:
    messages = said("I moved to Rouen. I prefer tea over coffee.")
    found = Meant(says=["Rouen", "preference_detail_list", "tea"])
    talk.ask("extract_memory", messages, meant=found)
    talk.ask("extract_memory", messages, ["preference"], "some-model", meant=Meant(says=["tea"], lacks=["Rouen"]))
    talk.ask("search_memory", "Where is Rouen?", "ada", meant=Meant(lacks=["Rouen"]))
    talk.ask("extract_memory", messages, ["event"], meant=refused(40000))
    documents = ["Trains to Nantes leave at nine.", "Green tea is kept in the kitchen."]
    talk.ask("rerank", "Where is the green tea?", documents, meant=Meant(says=["kitchen", "relevance_score", "Nantes"]))
    talk.ask("rerank", "green tea", documents, "memos-reranker-4b", 1, meant=Meant(says=["kitchen"], lacks=["Nantes"]))
    talk.ask("rerank", " ", documents, meant=refused(40002))


def forget(talk: Talk) -> None:
    """By each of the selectors."""
    memory = talk.ids["memory"]
    talk.ask("delete_memory", memory_ids=[memory], meant=refused(40307, key="other"))
    talk.ask("delete_memory", ["ignored"], [memory], meant=Meant(says=["true"]))
    talk.ask("get_memory_by_id", memory, meant=refused(40001))
    talk.ask("delete_memory", memory_ids=[memory], meant=refused(40307))
    talk.ask("delete_memory", filter={"and": [{"tags": {"contains": "pets"}}]}, memory_type="UserMemory")
    talk.ask("search_memory", "What is my cat called?", "ada", meant=Meant(lacks=["Mouse"]))
    talk.ask("delete_memory", ["bob"])
    talk.ask("delete_memory", agent_id="helper")
    talk.ask("delete_memory", user_id="ada")
    talk.ask("get_memory", "ada", meant=Meant(lacks=["Lyon", "harbour"]))
    talk.ask("delete_memory", user_id="ada", meant=refused(40308))
    talk.ask("get_memory", "ada", meant=Meant(says=["Brest"], key="other"))
