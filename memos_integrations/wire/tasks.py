"""Writes that bear an id of the client's own, for a server by which it can be found again. Pure."""

from typing import Any

from memos_integrations.wire.adding import AddMessage
from memos_integrations.wire.asking import GetStatus
from memos_integrations.wire.owners import Owner, task_id

__all__ = ["NamedAdd", "named"]


class NamedAdd(AddMessage):
    """An add with its task's id, made before it is sent: while the server knows that task, the add is there."""

    task_id: str

    @property
    def asked(self) -> GetStatus:
        """The call that finds it."""
        return GetStatus(task_id=self.task_id)


def named(call: AddMessage, token: str) -> NamedAdd:
    """`call` with the task's id that `token` (letters and digits) stands for: the same for the same token."""
    owner = Owner("user", call.users[0]) if call.users else Owner("agent", call.agents[0])
    members: dict[str, Any] = dict(call)
    return NamedAdd.model_construct(**members, task_id=task_id(token, owner))
