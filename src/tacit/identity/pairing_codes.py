"""The code that one person reads out to another: ``A3F2B1-maple-orbit-lantern``.

The first part is the name of a rendezvous, which the relay chose and everybody may know. The words are the secret that
the two have in common; they are random, have nothing to do with the name, and never leave the two machines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.identity.errors import BadCode
from tacit.identity.words import PHRASE_BYTES, phrase, read_word

LEAST_WORDS: Final = 3
MOST_WORDS: Final = 8

_NAME: Final = re.compile(r"[0-9A-F]{6}")
_BETWEEN: Final = re.compile(r"[\s\-_,.·–—]+")
_MISREAD: Final = str.maketrans("OIL", "011")
"""What people write for digits that they saw or heard; no hexadecimal digit looks like these."""


@dataclass(frozen=True, slots=True)
class PairingCode:
    """Name of the rendezvous, and the words as one secret in the one form that is stretched: lower case, hyphens."""

    name: str
    words: Secret

    @classmethod
    def make(cls, name: str, entropy: Entropy) -> PairingCode:
        """A code of three fresh words for a rendezvous; raises ``BadCode`` for a name that is none."""
        if not _NAME.fullmatch(name):
            raise BadCode
        return cls(name, Secret("-".join(phrase(Secret(entropy(PHRASE_BYTES)))).encode()))


def format_code(code: PairingCode) -> str:
    """The code as it is read out."""
    return f"{code.name}-{code.words.reveal().decode()}"


def looks_like_code(text: str) -> bool:
    """Whether text was most likely meant as a code, be its words those of codes or not."""
    parts = [part for part in _BETWEEN.split(text.strip()) if part]
    return LEAST_WORDS <= len(parts) - 1 <= MOST_WORDS and bool(_NAME.fullmatch(parts[0].upper().translate(_MISREAD)))


def parse_code(text: str) -> PairingCode:
    """Read a code, in whatever case and with spaces or hyphens between; raises ``BadCode`` or ``MistypedWord``."""
    parts = [part for part in _BETWEEN.split(text.strip()) if part]
    if not parts or not LEAST_WORDS <= len(parts) - 1 <= MOST_WORDS:
        raise BadCode
    name = parts[0].upper().translate(_MISREAD)
    if not _NAME.fullmatch(name):
        raise BadCode
    return PairingCode(name, Secret("-".join(read_word(part) for part in parts[1:]).encode()))
