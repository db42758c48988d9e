"""Chats, whole and streamed. The model behind the server says "In Lyon, à côté du café." whatever it is asked."""

from typing import Any

from tests.official.talk import Meant, Talk, refused

__all__ = ["chat"]

ANSWER = Meant(says=["In Lyon, à côté du café."])


def chat(talk: Talk) -> None:
    talk.ask("chat", "ada", "wednesday", "Where do I live?", meant=ANSWER)
    talk.ask("chat", "ada", "wednesday", "Where do I live?", stream=True, meant=ANSWER)
    talk.ask("get_message", "ada", "wednesday", meant=Meant(says=["Where do I live?", "à côté"]))
    everything: dict[str, Any] = {
        "internet_search": False,
        "force_stop": True,
        "use_mem_os_cube": True,
        "source": "tests",
        "system_prompt": "Answer shortly. {memories}",
        "model_name": "Qwen3-32B",
        "filter": {"and": [{"scene": "home"}]},
        "add_message_on_answer": False,
        "app_id": "shop",
        "agent_id": "helper",
        "async_mode": False,
        "tags": ["home"],
        "info": {"scene": "home"},
        "max_tokens": 100,
        "temperature": None,
        "top_p": None,
        "preference_limit_number": 0,
        "memory_limit_number": 25,
        "include_tool_memory": True,
        "tool_memory_limit_number": 3,
        "relativity": 0.2,
    }
    talk.ask("chat", "ada", "thursday", "Where do I live?", **everything, meant=ANSWER)
    talk.ask("get_message", "ada", "thursday", meant=Meant(lacks=["à côté"]))
    _refuse(talk)


def _refuse(talk: Talk) -> None:
    for stream in (False, True):
        talk.ask("chat", "ada", "c", " ", stream=stream, meant=refused(40002))
        talk.ask("chat", "ada", "c", "q", knowledgebase_ids=["none"], stream=stream, meant=refused(50123))
    talk.ask("chat", "ada", "c", "q", relativity=2, meant=refused(40012))
    talk.ask("chat", "ada", "c", "q", meant=refused(40132, status=401, key="unknown"))
