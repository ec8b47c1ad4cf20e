"""What a group says about itself: an extension of the GroupContext, the same authenticated bytes at every member.

Knows nothing of MLS beyond the type and the data of an extension. Who may change what is the business of ``policy``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol, Self

from tacit import limits
from tacit.codec import Reader, Writer, decode, encode
from tacit.errors import DecodeError

GROUP_INFO_EXTENSION: Final = 0xF7A0
"""A private-use extension type. Source: RFC 9420 §17.3"""

GROUP_INFO_VERSION: Final = 1
PQ_DRAFT: Final = "06"
"""Number of the draft that the default suite follows; recorded because the draft may still change."""

_ID_BYTES: Final = 16


class GroupKind(IntEnum):
    """What the group is for."""

    DIRECT = 1
    GROUP = 2


class ExtensionLike(Protocol):
    """The part of an MLS extension that is looked at here."""

    @property
    def extension_type(self) -> int:
        """Code point."""
        ...

    @property
    def extension_data(self) -> bytes:
        """Opaque content."""
        ...


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """Kind, name and admins of a group."""

    kind: GroupKind
    name: str
    """At most ``MAX_GROUP_NAME_BYTES`` of UTF-8; empty in direct chats."""
    admins: tuple[bytes, ...]
    """Account IDs in ascending order, each once."""
    pq_draft: str = PQ_DRAFT
    version: int = GROUP_INFO_VERSION

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.version)
        w.u8(self.kind)
        w.opaque(self.name.encode())
        w.vector(self.admins, Writer.fixed)
        w.opaque(self.pq_draft.encode())

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``; raises ``DecodeError`` on anything that ``check`` would refuse."""
        version = r.u16()
        if version != GROUP_INFO_VERSION:
            raise DecodeError(f"group info of version {version}")
        info = cls(
            version=version,
            kind=_kind(r.u8()),
            name=_text(r.opaque()),
            admins=r.vector(lambda r: r.fixed(_ID_BYTES)),
            pq_draft=_text(r.opaque()),
        )
        info.check()
        return info

    def check(self) -> None:
        """Raise ``DecodeError`` for a name that is too long or admins that are out of order or missing."""
        if len(self.name.encode()) > limits.MAX_GROUP_NAME_BYTES:
            raise DecodeError("group name too long")
        if not self.admins or any(a >= b for a, b in zip(self.admins, self.admins[1:], strict=False)):
            raise DecodeError("group admins not in order")


def encode_group_info(info: GroupInfo) -> bytes:
    """The data of the extension."""
    return encode(info)


def read_group_info(extensions: Iterable[ExtensionLike]) -> GroupInfo:
    """What a group's extensions say about it; raises ``DecodeError``, also when the extension is missing or double."""
    found = [e.extension_data for e in extensions if e.extension_type == GROUP_INFO_EXTENSION]
    if len(found) != 1:
        raise DecodeError("a group without its description")
    return decode(GroupInfo, found[0])


def _kind(value: int) -> GroupKind:
    try:
        return GroupKind(value)
    except ValueError:
        raise DecodeError("unknown kind of group") from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DecodeError("not UTF-8") from None
