"""The chat call in OpenAI's form as a chat, and its answer in that form. Computes only."""

import uuid

from memos_integrations.wire.answers import ChatAnswer
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import Chat, ChatCompletions
from memos_integrations.wire.completions import Completion, CompletionChoice, CompletionMessage

__all__ = ["as_chat", "completion"]


def as_chat(call: ChatCompletions) -> Chat:
    """The same question as `chat` asks it; what was said before it goes beside."""
    told = {
        "user_id": call.user_id,
        "conversation_id": call.conversation_id,
        "query": call.question,
        "system_prompt": call.system,
        "model_name": call.model,
        "max_tokens": call.max_tokens,
        "temperature": call.temperature,
        "top_p": call.top_p,
    }
    return checked(Chat, told)


def completion(call: ChatCompletions, answer: ChatAnswer, now: int) -> Completion:
    """The answer, at `now` (epoch milliseconds). Tokens are not counted, so it has no `usage`."""
    message = CompletionMessage(role="assistant", content=answer.response)
    return Completion(
        id=f"chatcmpl-{uuid.uuid4()}",
        object="chat.completion",
        created=now // 1000,
        model=call.model,
        choices=(CompletionChoice(index=0, message=message, finish_reason="stop"),),
    )
