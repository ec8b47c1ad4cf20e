"""What a registered rule says of itself. The rules stand in ``table``, which nothing that enforces them reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What happens to whoever breaks a rule."""

    REFUSED = "refused"
    """The message raises ``InvalidMessage`` with the rule's ID."""

    MALFORMED = "malformed"
    """The message raises ``DecodeError``."""

    KEPT = "kept"
    """Nobody else can break it: it binds what we do ourselves, or the application's callbacks judge it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand of RFC 9420, or one bound of ours.

    ``id`` begins with the section of the RFC, or with ``limits``. ``where`` is the function or class that enforces it,
    below ``tacit``. ``codes`` are those of the checklist, ``openmls`` the numbers that OpenMLS gives its checks
    (ValSem as VS, valn as vn), each separated by spaces.
    """

    id: str
    where: str
    codes: str
    openmls: str
    gist: str
    kind: Kind = Kind.REFUSED
