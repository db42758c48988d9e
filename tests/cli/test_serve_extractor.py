"""The server's extractor, as the environment names it."""

from pathlib import Path

from tests.cli.test_serve import refused, serving
from tests.client.server import Server
from tests.engine.extractors import told


def test_it_is_named_and_asked(tmp_path: Path) -> None:
    path = tmp_path / "memos.db"
    with (
        Server(usual=told(facts=[{"line": 1, "text": "Ada lives in Lyon."}])) as model,
        serving(
            path,
            MEMOS_EXTRACTOR_BASE_URL=model.url,
            MEMOS_EXTRACTOR_NAME="small",
            MEMOS_EXTRACTOR_API_KEY="sk-SECRET",
        ) as server,
    ):
        assert "chat is refused, memories are extracted by small" in server.line
        assert "sk-SECRET" not in server.line
        with server.client() as client:
            said = [{"role": "user", "content": "I moved to Lyon."}]
            assert client.add_message(messages=said, user_id="u", async_mode=False).status == "completed"
            (fact,) = client.get_memory(user_id="u").memory_detail_list
            assert fact.memory_value == "Ada lives in Lyon."
        assert model.requests[0][1]["authorization"] == "Bearer sk-SECRET"


def test_half_of_it_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path / "memos.db", MEMOS_EXTRACTOR_NAME="small")
    assert "MEMOS_EXTRACTOR_BASE_URL" in said
