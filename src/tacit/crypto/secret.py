"""A holder for secret bytes that does not show them by accident.

What it cannot do: Python gives no way to wipe memory, and copies of the bytes live wherever ``reveal`` was used.
"""

from __future__ import annotations

import hmac
from typing import NoReturn, final


@final
class Secret:
    """Immutable secret bytes: silent ``repr``, constant-time ``==``, no hash, no pickling."""

    __slots__ = ("_value",)
    _value: bytes

    def __init__(self, value: bytes) -> None:
        object.__setattr__(self, "_value", bytes(value))

    def reveal(self) -> bytes:
        """The bytes themselves, for the primitive that needs them."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other.reveal())

    __hash__ = None  # type: ignore[assignment]  # a hash would give the value away, bit by bit

    def __repr__(self) -> str:
        return "<Secret>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")
