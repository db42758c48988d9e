"""Neither the key nor a user's words leave in a log, a repr or an error."""

import traceback

import pytest
from pydantic import SecretStr

from memos_integrations.client import MemOS, Retry
from memos_integrations.errors import Garbled, Refused, Unreachable
from tests.client.server import Server, refusal, says, stall
from tests.client.test_http import KEY, a_free_port


def test_the_key_is_a_header_and_nowhere_else(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    server.script.extend([says(500, KEY), stall])
    with MemOS(base_url=server.url, api_key=SecretStr(KEY), deadline=0.4, retry=Retry(first=0.001)) as client:
        with pytest.raises(Unreachable) as caught:
            client.search_memory(query="tea", user_id="u")
        shared = client._shared
        shown = "".join(traceback.format_exception(caught.value))
        for thing in (client, client.aio, shared, shared.transport, shared.aio_transport, caught.value):
            shown += repr(thing) + str(thing)
    with MemOS(base_url=f"http://127.0.0.1:{a_free_port()}", api_key=KEY, retry=Retry(tries=1)) as client:
        with pytest.raises(Unreachable) as caught:
            client.search_memory(query="tea", user_id="u")
        shown += "".join(traceback.format_exception(caught.value))
    assert KEY not in shown + caplog.text
    assert all(KEY not in repr(record.args) for record in caplog.records)
    assert f"Token {KEY}" in server.requests[0][1].values()


def test_no_words_of_a_user_are_in_logs_above_debug(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    server.script.extend([says(502, "marker"), says(200, "marker"), refusal(40000, "no")])
    with MemOS(base_url=server.url, retry=Retry(first=0.001)) as client, pytest.raises(Refused):
        client.search_memory(query="marker", user_id="marker")
    assert "marker" not in caplog.text
    server.script.append(says(200, "marker"))
    with MemOS(base_url=server.url, retry=Retry(tries=1)) as client, pytest.raises(Garbled) as caught:
        client.search_memory(query="marker", user_id="marker")
    assert "marker" not in "".join(traceback.format_exception(caught.value)).replace('"marker"', "")
