"""Files that come as a multipart form, as the call that they are (contract §2.13). Computes only."""

from base64 import b64encode
from typing import Any

from memos_integrations.wire.envelope import Request
from memos_integrations.wire.form import is_form, read_form
from memos_integrations.wire.knowledge import AddKnowledgebaseFile

__all__ = ["form_members", "takes_form"]


def takes_form(path: str, kind: str) -> bool:
    """Whether a body of this Content-Type is a form that a call of this path takes."""
    return path.strip("/").endswith(AddKnowledgebaseFile.path) and is_form(kind)


def form_members(request: Request) -> dict[str, Any]:
    """The members of the call: which knowledge base and which kind from the query, the files from the form.

    Raises `Invalid` for a body that is no form.
    """
    kind = request.query.get("type")
    files = [
        {"name": name or None, "content": b64encode(data).decode(), "type": kind}
        for name, data in read_form(request.body, request.headers.get("content-type", ""))
    ]
    return {"knowledgebase_id": request.query.get("knowledgebase_id"), "file": files}
