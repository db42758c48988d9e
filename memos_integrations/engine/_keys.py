"""A server's keys: which project each of them opens. Held as digests, never as keys."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from memos_integrations.errors import Invalid, Unauthorized

__all__ = ["MISSING", "WRONG", "Keys"]

MISSING: Final = 40130
WRONG: Final = 40132
_SHORTEST: Final = 16  # characters; what is shorter can be guessed, and a digest of it be tried out
_OURS: Final = "default"  # the name of the project that connect("memos.db") has
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY: Final = re.compile(r"[!-~]+")
_SCHEMES: Final = {"token", "bearer"}


class Keys:
    """Which project a key opens: each key one, a project perhaps by several keys (an old one and its successor).

    Keys are looked up by digest, so that the time it takes tells nothing of a key.
    """

    def __init__(self, projects: Mapping[bytes, str]) -> None:
        self._projects = dict(projects)

    @classmethod
    def read(cls, text: str, where: str) -> "Keys":
        """The keys in `text`: one a line, "key" or "project=key"; "#" begins a line that is a comment.

        A key is at least 16 printable ASCII characters without blanks. The project "default" is the one that
        `connect("memos.db")` has; a key without a project's name has one of its own. Raises `Invalid`, which names
        `where` and the line, never what is in it.
        """
        projects: dict[bytes, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.strip()
            if entry and not entry.startswith("#"):
                project, digest = _entry(entry, f"{where}, line {number}")
                if digest in projects:
                    raise Invalid(f"{where}, line {number}: this key is there already: give each key once")
                projects[digest] = project
        if not projects:
            raise Invalid(f"{where} holds no key: give one a line, or leave it out")
        return cls(projects)

    def project(self, authorization: str | None) -> str:
        """The project that an Authorization header's key opens. Raises `Unauthorized`."""
        scheme, _, key = (authorization or "").strip().partition(" ")
        if not scheme:
            raise _unauthorized("a key is needed: send the header Authorization: Token <key>", MISSING)
        found = self._projects.get(_digest(key.strip())) if scheme.lower() in _SCHEMES else None
        if found is None:
            raise _unauthorized("the key is not known here (the header's form: Authorization: Token <key>)", WRONG)
        return found

    def __len__(self) -> int:
        return len(self._projects)

    def __repr__(self) -> str:
        return f"Keys(<{len(self)}>)"


def _entry(entry: str, where: str) -> tuple[str, bytes]:
    """A line's project and the digest of its key."""
    name, named, rest = entry.partition("=")
    if named and not _NAME.fullmatch(name):
        raise Invalid(f"{where}: a project's name is up to 64 letters, digits, dots, - and _ (project=key)")
    key = rest.strip() if named else entry
    if len(key) < _SHORTEST:
        raise Invalid(f"{where}: a key has at least {_SHORTEST} characters (one with = in it needs project= before it)")
    if not _KEY.fullmatch(key):
        raise Invalid(f"{where}: a key holds printable ASCII characters only, and no blank")
    if not named:
        # A colon is in no given name. What the file keeps is no key, and not what keys are looked up by either.
        return f"key:{hashlib.sha256(b'project of ' + key.encode()).hexdigest()[:32]}", _digest(key)
    return "" if name == _OURS else name, _digest(key)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("latin-1", "replace")).digest()


def _unauthorized(words: str, code: int) -> Unauthorized:
    return Unauthorized(words, code=code, status=401)
