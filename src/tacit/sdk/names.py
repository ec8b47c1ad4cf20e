"""What can be named in a profile that is not open, for completion in a shell. Loads nothing but what that takes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tacit.client.glimpse import Glimpse, glimpse
from tacit.client.paths import data_root, profile_names

__all__ = ["Glimpse", "complete_code", "complete_word", "data_root", "glimpse", "profile_names"]

_WORDS: Final = Path(__file__).parents[1] / "identity" / "words.txt"
"""Read here as it is: what else knows the words knows keys, too, and takes half a second to load."""


def complete_code(typed: str) -> list[str]:
    """What the last word of a code that is being typed can become, each with all that stands before it."""
    before, hyphen, start = typed.rpartition("-")
    return [f"{before}-{word}" for word in complete_word(start)] if hyphen else []


def complete_word(start: str) -> list[str]:
    """The words of codes that begin like this; none for nothing."""
    return [word for word in _WORDS.read_text("ascii").split() if word.startswith(start.lower())] if start else []
