"""What a group says about itself: an extension of the GroupContext, the same authenticated bytes at every member.

Knows nothing of MLS beyond the type and the data of an extension. Who may change what is the business of ``policy``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, Protocol, Self

from tacit import limits
from tacit.codec import Reader, Writer, decode, encode
from tacit.errors import DecodeError

GROUP_INFO_EXTENSION: Final = 0xF7A0
"""A private-use extension type. Source: RFC 9420 §17.3"""

GROUP_INFO_VERSION: Final = 1
ROOM_INFO_VERSION: Final = 2
"""Of rooms, and of nothing else."""

PQ_DRAFT: Final = "06"
"""Number of the draft that the default suite follows; recorded because the draft may still change."""

_ID_BYTES: Final = 16
_LOCKED: Final = 1
_PUBLIC: Final = 2


class GroupKind(IntEnum):
    """What the group is for."""

    DIRECT = 1
    GROUP = 2
    ROOM = 3


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
    """Kind, name and admins of a group, and of a room how one comes into it."""

    kind: GroupKind
    name: str
    """At most ``MAX_GROUP_NAME_BYTES`` of UTF-8; empty in direct chats."""
    admins: tuple[bytes, ...]
    """Account IDs in ascending order, each once."""
    pq_draft: str = PQ_DRAFT
    version: int = GROUP_INFO_VERSION
    locked: bool = False
    """Nobody comes in with the room link."""
    public: bool = False
    """The relay gives the link out to whoever knows the name."""
    link_epoch: int = 0
    """The epoch from which the link secret of a room is drawn."""

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.version)
        w.u8(self.kind)
        w.opaque(self.name.encode())
        w.vector(self.admins, Writer.fixed)
        w.opaque(self.pq_draft.encode())
        if self.version == ROOM_INFO_VERSION:
            w.u8(_LOCKED * self.locked | _PUBLIC * self.public)
            w.u64(self.link_epoch)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``; raises ``DecodeError`` on anything that ``check`` would refuse."""
        version = r.u16()
        if version not in (GROUP_INFO_VERSION, ROOM_INFO_VERSION):
            raise DecodeError(f"group info of version {version}")
        info = cls(
            version=version,
            kind=_kind(r.u8()),
            name=_text(r.opaque()),
            admins=r.vector(lambda r: r.fixed(_ID_BYTES)),
            pq_draft=_text(r.opaque()),
        )
        if version == ROOM_INFO_VERSION:
            flags = r.u8()
            if flags & ~(_LOCKED | _PUBLIC):
                raise DecodeError(f"flags {flags} of a room")
            info = replace(info, locked=bool(flags & _LOCKED), public=bool(flags & _PUBLIC), link_epoch=r.u64())
        info.check()
        return info

    def check(self) -> None:
        """Raise ``DecodeError`` for a name that is too long or admins that are out of order or missing.

        The same for a version that is not that of the kind, and for what only rooms have.
        """
        is_room = self.kind is GroupKind.ROOM
        if (self.version == ROOM_INFO_VERSION) != is_room or not (is_room or _of_no_room(self)):
            raise DecodeError("a group that is half a room")
        if len(self.name.encode()) > limits.MAX_GROUP_NAME_BYTES:
            raise DecodeError("group name too long")
        if not self.admins or any(a >= b for a, b in zip(self.admins, self.admins[1:], strict=False)):
            raise DecodeError("group admins not in order")


def room_info(name: str, admin: bytes, *, public: bool = False) -> GroupInfo:
    """The description that a room begins with."""
    return GroupInfo(GroupKind.ROOM, name, (admin,), version=ROOM_INFO_VERSION, public=public)


def encode_group_info(info: GroupInfo) -> bytes:
    """The data of the extension."""
    return encode(info)


def read_group_info(extensions: Iterable[ExtensionLike]) -> GroupInfo:
    """What a group's extensions say about it; raises ``DecodeError``, also when the extension is missing or double."""
    found = [e.extension_data for e in extensions if e.extension_type == GROUP_INFO_EXTENSION]
    if len(found) != 1:
        raise DecodeError("a group without its description")
    return decode(GroupInfo, found[0])


def _of_no_room(info: GroupInfo) -> bool:
    return (info.locked, info.public, info.link_epoch) == (False, False, 0)


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
