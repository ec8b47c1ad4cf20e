"""The arguments of a request, read one by one with their types; what nobody has read in the end is a mistake.

Bytes are lower or upper case hex without anything in between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tacit.mls.bridge.errors import BadArgument

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_MAX_INTEGER: Final = 2**53 - 1


class Arguments:
    """The members of one JSON object; every method raises ``BadArgument``."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether there is such an argument; null counts as none."""
        return self._take(name) is not None

    def octets(self, name: str, default: bytes | None = None) -> bytes:
        """Bytes."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        return _octets(name, value)

    def many_octets(self, name: str) -> tuple[bytes, ...]:
        """A list of bytes, empty if there is none."""
        return tuple(_octets(name, value) for value in self._list(name))

    def text(self, name: str) -> str:
        """A string of Unicode characters."""
        value = self._take(name)
        if not isinstance(value, str) or not value.isprintable():
            raise BadArgument(f"{name}: a string")
        return value

    def integer(self, name: str, default: int | None = None, *, limit: int = _MAX_INTEGER) -> int:
        """A whole number from 0 up to ``limit``."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        return _integer(name, value, limit)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers, empty if there is none."""
        return tuple(_integer(name, value, _MAX_INTEGER) for value in self._list(name))

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise BadArgument(f"{name}: true or false")
        return value

    def objects(self, name: str) -> tuple[Arguments, ...]:
        """A list of objects, empty if there is none; each is to be read and finished like this one."""
        values = self._list(name)
        found = []
        for value in values:
            if not isinstance(value, dict):
                raise BadArgument(f"{name}: a list of objects")
            found.append(Arguments(value))
        return tuple(found)

    def finish(self) -> None:
        """Refuse what nobody has asked for."""
        strangers = sorted(self._values.keys() - self._read)
        if strangers:
            raise BadArgument(f"{strangers[0][:40]!r} is not an argument here")

    def _take(self, name: str) -> object:
        self._read.add(name)
        return self._values.get(name)

    def _list(self, name: str) -> list[object]:
        value = self._take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadArgument(f"{name}: a list")
        return value


def _octets(name: str, value: object) -> bytes:
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise BadArgument(f"{name}: bytes as hex")
    return bytes.fromhex(value)


def _integer(name: str, value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise BadArgument(f"{name}: a whole number up to {limit}")
    return value
