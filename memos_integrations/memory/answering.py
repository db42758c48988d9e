"""What MemOS's chat answers, cut at stop words, which MemOS knows nothing of."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing

from memos_integrations.client import MemOS
from memos_integrations.wire.calls import StreamChat
from memos_integrations.wire.events import ChatEvent

__all__ = ["Cut", "acut_events", "cut_events", "cut_text"]


class Cut:
    """Text, as it comes, up to the first of `stops`; what may be the beginning of one is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held = stops, ""
        self._reach = max((len(stop) for stop in stops), default=1) - 1
        self.over = False

    def feed(self, text: str) -> str:
        """What can be said of `text` now."""
        if self.over:
            return ""
        self._held += text
        found, open_ = self._found(), self._open()
        if found < len(self._held) and found <= open_:
            return self._end(found)
        said, self._held = self._held[:open_], self._held[open_:]
        return said

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        return self._end(self._found())

    def event(self, event: ChatEvent) -> ChatEvent | None:
        """What can be said of `event` now; None when that is nothing. The end says what was held back."""
        if self.over:
            return None
        if event.type == "reasoning":
            return event if event.data else None
        words = self.feed(event.data) if event.type == "text" else self.rest()
        return ChatEvent(type="text", data=words) if words else None

    def _end(self, at: int) -> str:
        said, self._held, self.over = self._held[:at], "", True
        return said

    def _found(self) -> int:
        """Where the first stop word begins, else the end."""
        places = (self._held.find(stop) for stop in self._stops)
        return min((place for place in places if place >= 0), default=len(self._held))

    def _open(self) -> int:
        """Where the first thing begins that may become a stop word, else the end."""
        size = len(self._held)
        starts = range(max(0, size - self._reach), size)
        return next((i for i in starts if any(_begins(stop, self._held[i:]) for stop in self._stops)), size)


def _begins(stop: str, text: str) -> bool:
    return len(text) < len(stop) and stop.startswith(text)


def cut_text(text: str, stops: Sequence[str]) -> str:
    """An answer that came in one piece."""
    cut = Cut(stops)
    return cut.feed(text) + cut.rest()


def cut_events(client: MemOS, call: StreamChat, stops: Sequence[str]) -> Generator[ChatEvent, None, None]:
    """The answer as it is made: pieces of "reasoning" and "text", none of them empty.

    Closing it gives the answer up; one that MemOS writes down is listened to beyond a stop word, to its end.
    """
    cut = Cut(stops)
    with closing(client.stream(call)) as events:
        for event in events:
            if (said := cut.event(event)) is not None:
                yield said
            if cut.over and not call.add_message_on_answer:
                return  # else on to the end: MemOS writes what was heard so far


async def acut_events(client: MemOS, call: StreamChat, stops: Sequence[str]) -> AsyncGenerator[ChatEvent, None]:
    """The same without blocking the loop."""
    cut = Cut(stops)
    async with aclosing(client.aio.stream(call)) as events:
        async for event in events:
            if (said := cut.event(event)) is not None:
                yield said
            if cut.over and not call.add_message_on_answer:
                return  # else on to the end: MemOS writes what was heard so far
