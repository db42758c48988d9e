"""The demo's story: two conversations under LangChain, one under LlamaIndex, and a stranger."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from memos_integrations._connect import connect
from memos_integrations.cli._offline import recalled as recollections
from memos_integrations.cli._offline import reply
from memos_integrations.client import Event, MemOS, Recalled, Recorded
from memos_integrations.langchain._demo import replier
from memos_integrations.langchain._demo import speaker as langchain_speaker
from memos_integrations.llama_index._demo import speaker as llama_index_speaker

__all__ = ["Speaker", "show_answer", "tell"]

Speaker = Callable[[str], tuple[Sequence[str], str]]

_TOLD = (
    "Hi! I'm Ada. I moved to Lyon in August and I work as a marine biologist.",
    "I'm allergic to peanuts, so please never suggest dishes with peanuts.",
    "My daughter Mira plays the cello.",
)
_STAND_IN = (
    "Model: an offline stand-in. It holds no answers: to a question it repeats the recalled line that shares most "
    "words with it, or says that it doesn't know. For a real one: --model openai:… (or whatever init_chat_model takes)."
)
_ASKED_LATER = ("Which city did I move to?", "What instrument does my daughter play?")
_ASKED_ELSEWHERE = ("What am I allergic to?", "What is my job? Where do I work?")


def tell(console: Console, path: Path, *, recall: bool, model: str | None = None) -> None:
    """Runs the story on the memories in `path` and shows what is written, recalled and set before the model."""
    events: list[Event] = []
    speak = reply if model is None else replier(model)
    with connect(path, on_event=events.append) as client:
        _introduce(console, path, recall, model)
        _act(console, "1  A LangChain agent meets Ada", "create_agent(model, middleware=[MemOSMiddleware(client)])")
        _talk(console, langchain_speaker(client, "ada", "first-chat", speak, recall=recall), _TOLD, events)
        client.flush()
        _show_written(console, client, "ada", "first-chat")
        _act(console, "2  The same agent, another conversation", "nothing of the first one is in its messages")
        _talk(console, langchain_speaker(client, "ada", "second-chat", speak, recall=recall), _ASKED_LATER, events)
        client.flush()
        _act(
            console,
            "3  A LlamaIndex agent of the same user",
            "FunctionAgent.run(question, memory=MemOSMemory.from_defaults(…))",
        )
        _talk(console, llama_index_speaker(client, "ada", "third-chat", speak, recall=recall), _ASKED_ELSEWHERE, events)
        client.flush()
        _act(console, "4  Another user asks the same", "user_id='bob': he shares the file with Ada, and nothing else")
        _talk(console, langchain_speaker(client, "bob", "bobs-chat", speak, recall=recall), _ASKED_LATER, events)
        client.flush()
    _sum_up(console, events, len(_TOLD) + 2 * len(_ASKED_LATER) + len(_ASKED_ELSEWHERE))


def _introduce(console: Console, path: Path, recall: bool, model: str | None) -> None:
    lines = [f"Memories: the embedded engine, in {path.name}. No key, no network, no download."]
    lines.append(f"Model: {model}, for both frameworks." if model else _STAND_IN)
    if not recall:
        lines.append("Recall is switched off: watch it know nothing.")
    console.print(Panel("\n".join(lines), title="memos-integrations demo", border_style="cyan"))


def _act(console: Console, title: str, how: str) -> None:
    console.print()
    console.rule(f"[bold]{title}", style="cyan", align="left")
    console.print(f"[dim]{escape(how)}[/]")


def _talk(console: Console, speaker: Speaker, texts: Sequence[str], events: list[Event]) -> None:
    for text in texts:
        before = len(events)
        handed, answer = speaker(text)
        searched = [event for event in events[before:] if isinstance(event, Recalled)]
        console.print(Text.assemble(("\n  user   ", "bold green"), text))
        show_answer(console, handed, answer, searched[0] if searched else None)


def show_answer(console: Console, handed: Sequence[str], answer: str, recalled: Recalled | None) -> None:
    """A turn's answer as a person reads it, after what was set before the model."""
    lines = recollections(handed)
    if lines:
        body = Group(*(Text.assemble((f"{when}  {kind:<10}  ", "dim"), text) for when, kind, text in lines))
        spent = f", {recalled.milliseconds:.0f} ms" if recalled else ""
        console.print(
            Panel(
                body,
                title=f"set before the model: {len(lines)} recalled{spent}",
                border_style="dim",
                title_align="left",
            )
        )
    else:
        console.print(Text("         (nothing recalled)", style="dim"))
    console.print(Text.assemble(("  agent  ", "bold magenta"), answer))


def _show_written(console: Console, client: MemOS, user: str, conversation: str) -> None:
    stored = client.get_message(user_id=user, conversation_id=conversation, message_limit_number=50)
    kept = client.get_memory(user_id=user, size=50)
    lines = [Text.assemble((f"{m.role:>10}  ", "dim"), str(m.content)) for m in stored.message_detail_list]
    console.print()
    console.print(Panel(Group(*lines), title="written: the conversation", border_style="green", title_align="left"))
    made = [Text.assemble(("      fact  ", "dim"), fact.memory_value) for fact in kept.memory_detail_list]
    made += [Text.assemble(("preference  ", "dim"), each.preference) for each in kept.preference_detail_list]
    console.print(Panel(Group(*made), title="made of it: memories", border_style="green", title_align="left"))


def _sum_up(console: Console, events: Sequence[Event], turns: int) -> None:
    searches = sum(isinstance(event, Recalled) for event in events)
    written = sum(event.messages for event in events if isinstance(event, Recorded))
    once = ": one search a turn, each turn written once, whatever the framework"
    told = once if (searches, written) == (turns, 2 * turns) else ""
    console.print(f"\n[bold]{turns} turns, {searches} searches, {written} messages written[/]{told}.", highlight=False)
    console.print("Next: README.md, or your own chat with\n  memos-integrations demo --conversation chat.json")
