"""A run that goes on in another process: reads a context as JSON, runs the agent on it and prints what came of it."""

import asyncio
import json
import sys
import warnings

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent, JsonSerializer

from memos_integrations.llama_index import MemOSMemory
from tests.llama_index.models import Step, ToldModel, answer, text_of_all

__all__ = ["agent_of", "confirm"]


async def confirm(ctx: Context) -> str:
    """Asks the person in front of it."""
    asked = InputRequiredEvent.model_validate({"prefix": "Sure?"})
    told = await ctx.wait_for_event(HumanResponseEvent, waiter_event=asked, waiter_id="sure")
    return str(told.response)


def agent_of(*script: Step) -> tuple[FunctionAgent, ToldModel]:
    model = ToldModel(*script)
    return FunctionAgent(tools=[confirm], llm=model), model


async def _resume(data: dict[str, object], question: str | None) -> dict[str, object]:
    agent, model = agent_of(answer("Done."))
    ctx = Context.from_dict(agent, data, serializer=JsonSerializer())
    handler = agent.run(question, ctx=ctx) if question else agent.run(ctx=ctx)
    if not question:
        handler.ctx.send_event(HumanResponseEvent.model_validate({"response": "yes"}))
    told = str(await handler)
    memory: MemOSMemory = await handler.ctx.store.get("memory")
    kept = [(message.role.value, text_of_all([message])) for message in memory.get_all()]
    again = handler.ctx.to_dict(serializer=JsonSerializer())
    return {"told": told, "handed": [text_of_all(handed) for handed in model.handed], "kept": kept, "context": again}


if __name__ == "__main__":
    # LlamaIndex looks for a workflow's steps among all of an agent's attributes, pydantic's old names too.
    warnings.filterwarnings("ignore", r"(The|Accessing the) .(__|model_)(computed_)?fields", DeprecationWarning)
    given = json.load(sys.stdin)
    json.dump(asyncio.run(_resume(given["context"], given["question"])), sys.stdout)
