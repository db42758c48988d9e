"""What stands in for the models of the server: an OpenAI-compatible endpoint that reads plain statements.

It says what a model would have to say for the server to go on. What it makes of a conversation proves nothing about
extraction; it only has to be seen again. Words count, order does not.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from tests.client.server import Answer, Server, says, streams

SIZE = 384
_LIKING = re.compile(r"\b(prefer|like|love|hate|never|always)\b", re.IGNORECASE)
_TURN = re.compile(r"^\s*user\s*(?:\[[^]]*])?:\s*(?:\[[^]]*]:)?\s*(.+?)\s*$", re.MULTILINE)
_STOP = frozenset(
    {"a", "and", "are", "do", "does", "i", "in", "is", "it", "my", "of", "on", "the", "to", "user", "where"}
)
_JSON = {"content-type": "application/json"}


class Models(Server):
    """Answers chats and embeddings; `with models.down():` nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._down = False

    @contextmanager
    def down(self) -> Iterator[None]:
        self._down = True
        try:
            yield
        finally:
            self._down = False

    def asked(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if self._down:
            return says(400, "no")  # what clients do not try again
        asked = json.loads(body or b"{}")
        if path.endswith("/embeddings"):
            texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
            data = [{"object": "embedding", "index": n, "embedding": embedded(text)} for n, text in enumerate(texts)]
            return says(200, json.dumps({"object": "list", "model": "stub", "data": data}), _JSON)
        text = answered(asked["messages"])
        if asked.get("stream"):
            return streams(*(chunk({"content": f"{word} "}) for word in text.split()), chunk({}, "stop"), DONE)
        message = {"role": "assistant", "content": text}
        whole = {"id": "1", "object": "chat.completion", "created": 0, "model": "stub", "usage": USED}
        return says(
            200, json.dumps({**whole, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}), _JSON
        )


DONE = "data: [DONE]\n\n"
USED = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def chunk(delta: dict[str, str], reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    told = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "stub", "choices": [choice]}
    return f"data: {json.dumps(told)}\n\n"


def words(text: str) -> Counter[str]:
    return Counter(word.removesuffix("s") for word in re.findall(r"[^\W_]+", text.lower()) if word not in _STOP)


def embedded(text: str) -> list[float]:
    """Words by their checksum, and a share that all texts have, so that strangers score .3."""
    vector = [0.0] * SIZE
    for word, number in words(text).items():
        vector[1 + crc32(word.encode()) % (SIZE - 1)] += 1 + math.log(number)
    length = math.hypot(*vector) or 1.0
    shared = [0.65, *(each / length for each in vector[1:])]
    whole = math.hypot(*shared)
    return [each / whole for each in shared]


def answered(messages: list[dict[str, Any]]) -> str:
    prompt = told(messages[-1]["content"])
    for mark, reply in _REPLIES:
        if mark in prompt:
            return json.dumps(reply(prompt))
    known = re.findall(r"^\d+\. (.*)$", told(messages[0]["content"]), re.MULTILINE) if len(messages) > 1 else []
    return f"You asked: {prompt[:80]} I know: {' '.join(known)[:200]}"


def told(content: Any) -> str:
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def spoken(prompt: str) -> list[str]:
    """What the user said in the conversation that ends the prompt."""
    conversation = re.split(r"Conversation:|\nInput:", prompt)[-1]
    return [line for line in _TURN.findall(conversation) if not line.endswith("?")]


def facts(prompt: str) -> Any:
    made = [
        {"key": " ".join(line.split()[:4]), "memory_type": "UserMemory", "value": line, "tags": sorted(words(line))[:3]}
        for line in spoken(prompt)
        if not _LIKING.search(line)
    ]
    return {"memory list": made, "summary": " ".join(str(each["value"]) for each in made)}


def likings(prompt: str) -> Any:
    return [
        {"explicit_preference": line, "context_summary": f"Said: {line}", "reasoning": "said so", "topic": "habits"}
        for line in spoken(prompt)
        if _LIKING.search(line)
    ]


def judged(prompt: str) -> Any:
    words_of = prompt.rsplit("User Feedback:", 1)[-1].partition("Output:")[0].strip()
    told = {"validity": "true", "user_attitude": "dissatisfied", "corrected_info": words_of}
    return [{**told, "key": "correction", "tags": ["correction"]}]


def added(prompt: str) -> Any:
    facts = prompt.rsplit("**Newly facts**", 1)[-1].partition("Operation recommendations")[0].strip().strip('"')
    return {"operations": [{"id": "0001", "text": facts, "operation": "ADD"}]}


def runs(prompt: str) -> Any:
    """A conversation in which a tool spoke is one run."""
    said = prompt.rsplit("<messages>", 1)[-1]
    if "[tool_calls]" not in said and "tool_call" not in said:
        return []
    used = {"used_tool": "look", "success_rate": "1.0", "error_type": "", "tool_experience": "It looks up words."}
    told = {"correctness": "success", "experience": "when a word is asked for, then look it up"}
    answer = re.split(r"\btool:", said)[-1].strip()
    return [{**told, "trajectory": f"Task -> look called -> {answer[:80]}", "tool_used_status": [used]}]


_NO_KEYWORD = {"if_keyword_replace": "false", "doc_scope": None, "original": None, "target": None}
_REPLIES: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("memory extraction expert", facts),
    ("preference extraction assistant", likings),
    ("preference inference assistant", lambda _: []),
    ("keyword replacement", lambda _: _NO_KEYWORD),
    ("answer quality analysis expert", judged),
    ("Operation recommendations", added),
    ("strict memory validator", lambda _: {}),
    ("You are a memory manager", lambda _: {}),
    ("memory consolidation expert", lambda _: {"should_merge": False}),
    ("tool experience extraction expert", runs),
    ('independent "tasks"', lambda _: []),
    ("keyword extraction system", lambda prompt: sorted(words(prompt.rsplit("Query:", 1)[-1]))[:4]),
    ("intent analysis", lambda _: {"trigger_retrieval": False, "evidences": [], "missing_evidences": []}),
)
