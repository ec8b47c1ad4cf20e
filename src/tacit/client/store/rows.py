"""Small values inside a column: sets of IDs, reader devices, KeyPackages and notices, in the codec's encoding.

They are written by this client only, so bytes that do not decode mean a damaged store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from tacit.client.model import Notice, RoomPart
from tacit.client.store.errors import StoreDamaged
from tacit.codec import Reader, Writer
from tacit.errors import DecodeError

T = TypeVar("T")


def encode_blobs(items: tuple[bytes, ...]) -> bytes:
    """Encode a tuple of byte strings."""
    if not items:
        return b""
    w = Writer()
    w.vector(items, lambda w, item: w.opaque(item))
    return w.finish()


def decode_blobs(data: bytes) -> tuple[bytes, ...]:
    """Decode what ``encode_blobs`` made."""
    return _decode(data, lambda r: r.vector(lambda r: r.opaque())) if data else ()


def encode_pairs(pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Encode a tuple of (account ID, device ID)."""
    return encode_blobs(tuple(part for pair in pairs for part in pair))


def decode_pairs(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Decode what ``encode_pairs`` made."""
    flat = decode_blobs(data)
    if len(flat) % 2:
        raise StoreDamaged
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def encode_notice(notice: Notice | None) -> bytes | None:
    """Encode a notice; None stays None."""
    if notice is None:
        return None
    w = Writer()
    w.opaque(notice.code.encode())
    w.optional(notice.by, lambda w, by: w.opaque(by))
    w.vector(notice.who, lambda w, item: w.opaque(item))
    w.opaque(notice.name.encode())
    w.u64(notice.count)
    w.opaque(notice.reason.encode())
    return w.finish()


def decode_notice(data: bytes | None, nicks: bytes = b"") -> Notice | None:
    """Decode what ``encode_notice`` and ``encode_nicks`` made."""
    if data is None:
        return None
    notice = _decode(data, _read_notice)
    return replace(notice, nicks=tuple((a, _text(n)) for a, n in decode_pairs(nicks))) if nicks else notice


def encode_nicks(notice: Notice | None) -> bytes:
    """Encode what those who are named in a notice were called."""
    return b"" if notice is None else encode_pairs(tuple((account, nick.encode()) for account, nick in notice.nicks))


def encode_room(part: RoomPart | None) -> bytes:
    """Encode what a commit leaves with the relay of a room; None is no bytes."""
    if part is None:
        return b""
    readers = encode_pairs(part.readers)
    return encode_blobs((part.group_info, part.join_token_hash, part.name.encode(), part.link_secret, readers))


def decode_room(data: bytes) -> RoomPart | None:
    """Decode what ``encode_room`` made."""
    if not data:
        return None
    parts = decode_blobs(data)
    if len(parts) != 5:
        raise StoreDamaged
    return RoomPart(parts[0], parts[1], _text(parts[2]), parts[3], decode_pairs(parts[4]))


def _read_notice(r: Reader) -> Notice:
    return Notice(
        code=_text(r.opaque()),
        by=r.optional(lambda r: r.opaque()),
        who=r.vector(lambda r: r.opaque()),
        name=_text(r.opaque()),
        count=r.u64(),
        reason=_text(r.opaque()),
    )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise StoreDamaged from None


def _decode(data: bytes, read: Callable[[Reader], T]) -> T:
    reader = Reader(data)
    try:
        value = read(reader)
        reader.finish()
    except DecodeError:
        raise StoreDamaged from None
    return value
