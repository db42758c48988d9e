"""How well the embedded engine finds: `python benchmarks/recall.py DIR [--embedder minilm] [--write]`.

DIR holds `locomo-dev.json` and `prefeval-dev.json`. Both are research data under CC BY-NC 4.0 and not part of this
repository. With an embedder its figures stand beside those without. `--write` puts the table into docs/recall.md, where
it takes the place of the one that is there; otherwise nothing is written.
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _minilm import MiniLM

from memos_integrations._connect import connect
from memos_integrations.client import MemOS
from memos_integrations.engine import Embed

HERE = Path(__file__).resolve().parent
CHINESE = HERE.parent / "tests" / "engine" / "data"
TABLE = HERE.parent / "docs" / "recall.md"
WHERE_FROM = """Nothing to measure with. DIR must hold:
  locomo-dev.json    conversations of LoCoMo (Maharana et al. 2024), from the paper's repository: snap-research/locomo
  prefeval-dev.json  {topic: [{preference, question}, ...]} from PrefEval (Zhao et al. 2025): amazon-science/PrefEval
Usage: python benchmarks/recall.py DIR [--embedder minilm] [--write]"""

DRAWS = 30  # random sets of preferences
A_TOPIC = 2  # preferences drawn of each topic; the development half has 10 topics, so a set has 20


@dataclass(frozen=True)
class Line:
    """`near` is the goal with an embedder."""

    measure: str
    value: float
    goal: str = ""
    near: str = ""


@contextmanager
def memory(embedder: Embed | None = None) -> Iterator[MemOS]:
    with connect(":memory:", embedder=embedder) as client:
        yield client


def locomo(samples: list[dict[str, Any]], embedder: Embed | None) -> Iterator[Line]:
    with memory(embedder) as client:
        for sample in samples:
            remember(client, sample)
        client.flush()
        asked = [
            (recall(client, sample["sample_id"], q), q["category"]) for sample in samples for q in questions(sample)
        ]
    yield Line(f"LoCoMo recall@10, {len(asked)} questions", mean([value for value, _ in asked]), "≥ .74", "≥ .76")
    names = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop"}
    for category, name in names.items():
        yield Line(f"LoCoMo recall@10, {name}", mean([value for value, of in asked if of == category]))


def turns(sample: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A sample's sessions: (conversation, messages); each turn a user message, its caption appended."""
    talk = sample["conversation"]
    for session in (key for key in talk if re.fullmatch(r"session_\d+", key)):
        when = talk[f"{session}_date_time"]
        yield (
            session,
            [
                {
                    "role": "user",
                    "role_name": turn["speaker"],
                    "content": " ".join(filter(None, (turn["text"], turn.get("blip_caption")))),
                    "chat_time": when,
                    "message_id": turn["dia_id"],
                }
                for turn in talk[session]
            ],
        )


def remember(client: MemOS, sample: dict[str, Any]) -> None:
    for session, messages in turns(sample):
        if messages:
            client.add_message(messages=messages, user_id=sample["sample_id"], conversation_id=session)


def questions(sample: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of categories 1 to 4 that have evidence."""
    return [q for q in sample["qa"] if q["category"] in {1, 2, 3, 4} and evidence(q)]


def evidence(question: dict[str, Any]) -> set[str]:
    return {turn for text in question["evidence"] for turn in re.findall(r"D\d+:\d+", text)}


def recall(client: MemOS, user: str, question: dict[str, Any]) -> float:
    found = client.search_memory(
        query=question["question"],
        user_id=user,
        memory_limit_number=10,
        relativity=0,
        include_memory_view=["detail_factual"],
        context_format="sources",
    )
    told = {fact.sources[0]["message_id"] for fact in found.memory_detail_list}
    return len(told & evidence(question)) / len(evidence(question))


def tagging(topics: dict[str, list[dict[str, str]]], samples: list[dict[str, Any]]) -> Iterator[Line]:
    pairs = [pair for topic in topics.values() for pair in topic]
    spoken = [message["content"] for sample in samples for _, messages in turns(sample) for message in messages]
    yield Line("explicit preferences found (PrefEval)", tagged([pair["preference"] for pair in pairs]), "≥ .85")
    yield Line("questions mis-tagged (PrefEval)", tagged([pair["question"] for pair in pairs]), "≤ .01")
    yield Line("LoCoMo turns tagged (no labels)", tagged(spoken))


def tagged(texts: list[str]) -> float:
    """The share of texts in which a preference is found."""
    with memory() as client:
        return mean([float(bool(preferences_in(client, text))) for text in texts])


def preferences_in(client: MemOS, text: str) -> list[str]:
    task = client.add_message(messages=[{"role": "user", "content": text}], user_id="u", async_mode=False).task_id
    added = client.get_status(task_id=task or "").memory_views.get("added", {})
    return list(added.get("preference", {}).get("memory_ids", []))


def right_preference(topics: dict[str, list[dict[str, str]]], embedder: Embed | None) -> Iterator[Line]:
    """Is the preference that a question bears on among the first? One not tagged when it was told counts as missed."""
    draw, ranks = random.Random(7), []
    for _ in range(DRAWS):
        chosen = [pair for topic in topics.values() for pair in draw.sample(topic, A_TOPIC)]
        draw.shuffle(chosen)
        ranks += ranked(chosen, embedder)
    size = A_TOPIC * len(topics)
    for first, goal, near in ((1, "", ""), (3, "", ""), (9, "≥ .75", "≥ .97")):
        label = f"right preference among {size} ({A_TOPIC} a topic) in the first {first}"
        yield Line(label, mean([float(rank <= first) for rank in ranks]), goal, near)


def ranked(pairs: list[dict[str, str]], embedder: Embed | None) -> list[int]:
    """For each pair's question, at which place its preference is found; 26 when it is not among 25."""
    with memory(embedder) as client:
        for pair in pairs:
            client.add_message(
                messages=[{"role": "user", "content": pair["preference"]}], user_id="u", async_mode=False
            )
        client.flush()
        return [place(client, pair) for pair in pairs]


def place(client: MemOS, pair: dict[str, str]) -> int:
    found = client.search_memory(
        query=pair["question"], user_id="u", preference_limit_number=25, context_format="sources", memory_limit_number=0
    )
    told = [item.sources[0]["content"] for item in found.preference_detail_list]
    return told.index(pair["preference"]) + 1 if pair["preference"] in told else 26


def chinese(embedder: Embed | None) -> Iterator[Line]:
    pairs = [line.split("\t") for line in (CHINESE / "chinese-pairs.tsv").read_text("utf-8").splitlines()]
    others = (CHINESE / "chinese-distractors.txt").read_text("utf-8").splitlines()
    texts = [told for told, _ in pairs] + others
    with memory(embedder) as client:
        client.add_message(
            messages=[{"role": "user", "content": text} for text in texts], user_id="u", async_mode=False
        )
        client.flush()
        places = Counter(place_of_fact(client, told, asked) for told, asked in pairs)
    for first, goal in ((3, "≥ .95"), (1, "≥ .80")):
        value = sum(count for at, count in places.items() if at <= first) / len(pairs)
        yield Line(f"Chinese R@{first}, {len(pairs)} own pairs and {len(others)} distractors", value, goal)


def place_of_fact(client: MemOS, told: str, asked: str) -> int:
    found = client.search_memory(query=asked, user_id="u", memory_limit_number=25, relativity=0)
    values = [fact.memory_value for fact in found.memory_detail_list]
    return values.index(told) + 1 if told in values else 26


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def table(lines: list[Line], near: list[Line] | None) -> str:
    if near is None:
        rows = [f"| {line.measure} | {line.value:.3f} | {line.goal} |" for line in lines]
        return "\n".join(["| measure | value | goal |", "|---|---|---|", *rows]) + "\n"
    values = {line.measure: f"{line.value:.3f} | {line.near}" for line in near}
    rows = [
        f"| {each.measure} | {each.value:.3f} | {each.goal} | {values.get(each.measure, ' | ')} |" for each in lines
    ]
    head = "| measure | without a model | goal | with all-MiniLM-L6-v2 | goal |"
    return "\n".join([head, "|---|---|---|---|---|", *rows]) + "\n"


def measured(folder: Path, embedder: Embed | None) -> Iterator[Line]:
    """What there is to measure; with an embedder, what that changes."""
    samples = json.loads((folder / "locomo-dev.json").read_text("utf-8"))
    topics = json.loads((folder / "prefeval-dev.json").read_text("utf-8"))
    yield from locomo(samples, embedder)
    if embedder is None:
        yield from tagging(topics, samples)
    yield from right_preference(topics, embedder)
    yield from chinese(embedder)


def write(text: str) -> None:
    """Puts `text` where the page's table is."""
    page = TABLE.read_text("utf-8")
    TABLE.write_text(
        re.sub(r"^\| measure(?:.*\n)(?:\|.*\n)+", lambda _: text, page, count=1, flags=re.MULTILINE), "utf-8"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(usage=WHERE_FROM, add_help=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embedder", choices=["minilm"])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    if not all((given.folder / name).is_file() for name in ("locomo-dev.json", "prefeval-dev.json")):
        parser.error(f"{given.folder} doesn't hold them")
    embedder = MiniLM() if given.embedder else None
    near = list(measured(given.folder, embedder)) if embedder else None
    text = table(list(measured(given.folder, None)), near)
    print(text)
    if given.write:
        write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
