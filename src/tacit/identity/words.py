"""The 2,048 words that codes and check phrases are made of: easy to say aloud, hard to mistake for one another.

The list is tacit's own. Words have four to eight letters, no two share their first four, none becomes another by one
slip (a letter more, less, other, or two exchanged), and words that sound like another one are left out.
"""

from __future__ import annotations

import heapq
from functools import cache
from importlib import resources
from typing import Final

from tacit.crypto.secret import Secret
from tacit.identity.errors import MistypedWord

WORD_BITS: Final = 11
"""What one word of 2,048 is worth."""

PHRASE_WORDS: Final = 3
PHRASE_BYTES: Final = 5
"""Bytes that a phrase is made of; the words show the first 33 bits."""

_SHORTEST_START: Final = 4
_SUGGESTED: Final = 3


@cache
def all_words() -> tuple[str, ...]:
    """The list, in alphabetical order: a word's place in it is its number."""
    return tuple(resources.files(__package__).joinpath("words.txt").read_text("ascii").split())


def phrase(secret: Secret) -> tuple[str, ...]:
    """Three words for the first 33 bits of a secret of ``PHRASE_BYTES``."""
    number = int.from_bytes(secret.reveal(), "big") >> (PHRASE_BYTES * 8 - PHRASE_WORDS * WORD_BITS)
    words = all_words()
    places = (number >> (WORD_BITS * place) for place in reversed(range(PHRASE_WORDS)))
    return tuple(words[place % len(words)] for place in places)


def read_word(typed: str) -> str:
    """The word that was typed, whole or by its first four letters; raises ``MistypedWord`` with the nearest ones."""
    word = typed.lower()
    if word in _known():
        return word
    if len(word) >= _SHORTEST_START:
        longer = completions(word)
        if len(longer) == 1:
            return longer[0]
    raise MistypedWord(typed, nearest(word))


def completions(start: str) -> list[str]:
    """The words that begin like this."""
    return [word for word in all_words() if word.startswith(start.lower())]


def nearest(typed: str) -> tuple[str, ...]:
    """The words that fewest slips lie between this and them, the best first."""
    short = typed[:16].lower()
    return tuple(heapq.nsmallest(_SUGGESTED, all_words(), key=lambda word: (slips(short, word), word)))


def slips(one: str, other: str) -> int:
    """How many slips make one of the other: a letter more, less or other, or two neighbours exchanged."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


@cache
def _known() -> frozenset[str]:
    return frozenset(all_words())
