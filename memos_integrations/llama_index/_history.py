"""A conversation as a memory keeps it: what was said, what is not yet written, and where each turn stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from memos_integrations.llama_index._entry import Entry, Speech, Unwritten, entry_of, spoken, step_of
from memos_integrations.llama_index._joining import joined
from memos_integrations.llama_index._messages import answer_of, copy_of, text_of
from memos_integrations.llama_index._runs import Runs, new_turn
from memos_integrations.llama_index._window import window
from memos_integrations.memory.record import Said

__all__ = ["Entry", "History", "Question", "Unwritten"]


@dataclass(frozen=True, slots=True)
class Question:
    """What memories are wanted for: the `words` of the user in that turn, which may not be `put` here yet.

    `text` is what to search for: None once the turn is answered, since no one searches for an answer.
    """

    turn: str
    words: str
    text: str | None
    put: bool


class History(BaseModel):
    """The messages of one conversation in this process, turn by turn, and what of them is still to be written."""

    model_config = ConfigDict(hide_input_in_errors=True)
    entries: list[Entry] = Field(default_factory=list, repr=False)
    unwritten: list[Unwritten] = Field(default_factory=list, repr=False)
    tools: bool = False  # whether tool calls and their results are written too

    _runs: Runs = PrivateAttr(default_factory=Runs)

    def messages(self) -> list[ChatMessage]:
        """Copies of all messages, those of a turn together."""
        return [copy_of(entry.message) for entry in self.entries]

    def view(self, token_limit: int, turn: str | None) -> tuple[list[ChatMessage], int | None]:
        """What the present run sees: copies of the messages that fit (see `window`), without the turns of runs that
        go on at the same time, its own last; and where the question of `turn` is among them, if it is there.
        """
        mine = self._mine()
        hidden, opened = self.living() - {mine}, mine in self._open()
        entries = [entry for entry in self.entries if entry.turn not in hidden]
        if opened:
            entries.sort(key=lambda entry: entry.turn == mine)
        starts = [place for place, entry in enumerate(entries) if entry.asks]
        first, begin = window([entry.message for entry in entries], starts, token_limit)
        kept = [*entries[:first], *entries[begin:]]
        place = next((i for i in range(len(kept) - 1, -1, -1) if kept[i].asks and kept[i].turn == turn), None)
        return [copy_of(entry.message) for entry in kept], place

    def adopt(self, messages: Sequence[ChatMessage]) -> None:
        """Takes a conversation that is known; MemOS need not know it."""
        self.entries = self._continued(messages, "")

    def put(self, messages: Sequence[ChatMessage]) -> None:
        """Takes words of the user or the assistant, as agents and engines put them one by one."""
        for entry in map(entry_of, messages):
            entry.turn = self._runs.begin() if entry.asks else self._mine()
            self._add(entry)
            self._to_write(entry)

    def put_several(self, messages: Sequence[ChatMessage]) -> None:
        """Takes a piece of conversation, which the user begins, or else what an agent did in a turn."""
        said = next((message for message in messages if message.role != MessageRole.SYSTEM), None)
        if said is not None and said.role == MessageRole.USER:
            self.put(messages)
        else:
            self._put_steps(messages)

    def _put_steps(self, messages: Sequence[ChatMessage]) -> None:
        """Of an agent's steps only a last, plain word of the assistant was said to the user."""
        turn = self._mine()
        steps = [step_of(message, turn) for message in messages] if self.tools else []
        self.unwritten += [step for step in steps if step is not None]
        for place, message in enumerate(messages, 1):
            speech = place == len(messages) and answer_of(message) is not None
            entry = Entry(message=copy_of(message), speech=speech, turn=turn)
            self._to_write(entry)
            self._add(entry)

    def replace(self, messages: Sequence[ChatMessage]) -> None:
        """Takes a caller's own history. What goes beyond the words known here is new; another history is adopted as
        known, but for a last message of the user, which is the present question.

        What waits to be written and stands in it waits on, and so does what other runs were asked meanwhile.
        """
        known, told = spoken(self.entries), [entry.told for entry in self.entries if entry.speech]
        same = takewhile(lambda pair: pair[0].message == pair[1], zip(self.entries, messages, strict=False))
        kept = [entry for entry, _ in same]
        self.entries = [*kept, *self._continued(messages[len(kept) :], kept[-1].turn if kept else "")]
        now = [entry for entry in self.entries if entry.speech]
        if known and spoken(now)[: len(known)] == known:
            new: Sequence[Entry] = now[len(known) :]
            for entry, was_told in zip(now, told, strict=False):
                entry.told = was_told
        else:
            new = self._adopted(known, now)
        self._ask_again()
        for entry in new:
            self._to_write(entry)

    def _ask_again(self) -> None:
        """A question that a caller's history ends with is the present run's; one that was answered before, anew."""
        if self.entries and (last := self.entries[-1]).asks:
            last.turn = last.turn if any(each.turn == last.turn for each in self.unwritten) else new_turn()
            self._runs.begin(last.turn)

    def _continued(self, messages: Sequence[ChatMessage], turn: str) -> list[Entry]:
        """Entries of a caller's messages; a question that waits here already is still in its turn."""
        living = self.living()
        waiting = {each.text: each.turn for each in self.unwritten if each.role == "user" and each.turn not in living}
        entries = [entry_of(message) for message in messages]
        for entry in entries:
            if entry.asks:
                turn = waiting.pop(text_of(entry.message), "") or new_turn()
            entry.turn = turn
        return entries

    def _adopted(self, known: Sequence[Speech], now: Sequence[Entry]) -> Sequence[Entry]:
        """What of another history than the known one is to be written."""
        said, living = spoken(list(now)), self.living()
        self.unwritten = [each for each in self.unwritten if (each.role, each.text) in said or each.turn in living]
        waiting = {(each.role, each.text) for each in self.unwritten}
        again = said == list(known[: len(said)])  # the same with its end cut off, as when an answer is asked for anew
        last = [] if again or not self.entries[-1].asks else now[-1:]
        return [entry for entry in last if entry.said() not in waiting]

    def precede(self, messages: Sequence[ChatMessage], *, told: bool) -> list[tuple[str, list[Said]]]:
        """Takes what was said before, what is known of it once. `told` if MemOS knows it; else what it does not know
        is given back turn by turn, each under a name that is the same whenever the same history is taken.
        """
        earlier = [entry_of(message, told=told) for message in messages]
        count, turn = len(spoken(earlier)), ""
        for entry in earlier:
            turn = new_turn() if entry.asks or not turn else turn
            entry.turn = turn
        self.entries = joined(earlier, self.entries)
        said = [entry for entry in self.entries if entry.speech][:count]
        turns = list[tuple[str, list[Said]]]()
        name = ""
        for entry in said:
            role, text = entry.said() or ("user", "")
            name = sha256(f"{name}\n{role}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
            if role == "user" or not turns:
                turns.append((name, []))
            if not entry.told:
                turns[-1][1].append(Said(role, text))
            entry.told = True
        return [(f"history-{name}", words) for name, words in turns if words]

    def clear(self) -> None:
        """Forgets the conversation here, with a question that no outbox has; MemOS keeps, and gets, what was told."""
        self.unwritten = self._finished()
        self.entries = []

    def question(self, given: str | None) -> Question | None:
        """What the user asks at present: `given` when that is not put here yet, else the present turn's words."""
        mine = self._mine()
        asked = next((entry for entry in reversed(self.entries) if entry.asks and entry.turn == mine), None)
        known, answered = None if asked is None else text_of(asked.message), mine not in self._open()
        if given is not None and (answered or given != known):
            return Question(self._runs.promise(), given, given, put=False)
        return None if known is None else Question(mine, known, None if answered else known, put=True)

    def begun(self) -> list[tuple[str, Said]]:
        """Takes note of questions that have no answer yet: each with the name of its turn, once."""
        done = {id(each) for each in self._finished()}
        waiting = [e for e in self.unwritten if e.role == "user" and not e.kept and id(e) not in done]
        for each in waiting:
            each.kept = True
        return [(each.turn, each.said()) for each in waiting]

    def finished(self) -> list[tuple[str | None, list[Said]]]:
        """Takes what is to be written of finished turns, each with its name; a question without its answer waits."""
        done = self._finished()
        taken = {id(each) for each in done}
        self.unwritten = [each for each in self.unwritten if id(each) not in taken]
        turns = dict[str, list[Unwritten]]()
        for each in done:
            turns.setdefault(each.turn, []).append(each)
        named = {turn for turn, said in turns.items() if any(each.role == "user" for each in said)}
        return [(turn if turn in named else None, [each.said() for each in said]) for turn, said in turns.items()]

    @property
    def owes(self) -> bool:
        """Whether `begun` or `finished` would give anything."""
        return any(each.concludes or (each.role == "user" and not each.kept) for each in self.unwritten)

    def living(self) -> frozenset[str]:
        """The turns without an answer whose runs go on."""
        return self._runs.living(self._open())

    def _finished(self) -> list[Unwritten]:
        """What of the unwritten belongs to answered turns, or was said before such and is over."""
        closed = {each.turn for each in self.unwritten if each.concludes}
        last = max((place for place, each in enumerate(self.unwritten) if each.concludes), default=-1)
        living = self.living()
        return [
            each
            for place, each in enumerate(self.unwritten)
            if each.turn in closed or (place < last and each.turn not in living)
        ]

    def _open(self) -> list[str]:
        """Turns without an answer, in order."""
        turns = dict[str, bool]()
        for entry in self.entries:
            if entry.speech:
                turns[entry.turn] = entry.asks
        return [turn for turn, asks in turns.items() if asks]

    def _mine(self) -> str:
        """The present run's turn. One that was not asked here answers the latest open turn, and a workflow's run that
        was restored the one that nobody here began; one whose turn is over is in nobody else's.
        """
        waiting = self._open()
        mine, living = self._runs.mine(waiting), self._runs.living(waiting)
        known = mine is not None and any(entry.turn == mine for entry in self.entries)
        if mine is not None and known and (mine in waiting or self._runs.in_workflow):
            return mine
        if known:
            waiting = [turn for turn in waiting if turn not in living]
        elif self._runs.in_workflow:
            waiting = [turn for turn in waiting if not self._runs.knows(turn)] or waiting
        last = next((entry.turn for entry in reversed(self.entries) if not known or entry.turn not in living), "")
        return waiting[-1] if waiting else last

    def _add(self, entry: Entry) -> None:
        """After the rest of its turn."""
        place = next((i for i in range(len(self.entries), 0, -1) if self.entries[i - 1].turn == entry.turn), None)
        self.entries.insert(len(self.entries) if place is None else place, entry)

    def _to_write(self, entry: Entry) -> None:
        said = entry.said()
        if said and said[1].strip():
            entry.told = True
            self.unwritten.append(Unwritten(role=said[0], text=said[1], turn=entry.turn))
