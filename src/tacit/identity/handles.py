"""Handles: short names that are unique on one relay. They are labels for people, never an identity."""

from __future__ import annotations

import re
from typing import Final, NewType

from tacit.identity.errors import BadHandle
from tacit.limits import MAX_HANDLE_CHARS

Handle = NewType("Handle", str)

MIN_HANDLE_CHARS: Final = 2
_HANDLE: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def parse_handle(text: str) -> Handle:
    """The handle that ``text`` names, with or without ``@`` before it, in lower case; raises ``BadHandle``.

    Only ASCII letters and digits, so that no two handles look alike by a trick of alphabets.
    """
    stripped = text.strip().removeprefix("@")
    handle = stripped.lower() if stripped.isascii() else ""
    if not MIN_HANDLE_CHARS <= len(handle) <= MAX_HANDLE_CHARS or not _HANDLE.fullmatch(handle):
        raise BadHandle
    return Handle(handle)


def format_handle(handle: Handle | str) -> str:
    """The handle as people write it: ``@bob``."""
    return f"@{handle}"
