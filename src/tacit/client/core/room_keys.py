"""What follows from the link secret of a room, and sealing with it.

The secret is drawn from the epoch that the room's description names, so that all members of that epoch have it and
nobody else; whoever comes in later has it from the room link. The relay, which has neither, can read nothing that is
sealed here, and cannot join: an external commit has to carry the pre-shared key.
"""

from __future__ import annotations

from typing import Final

from tacit import mls
from tacit.crypto.aead import AES_256_GCM, NONCE_SIZE
from tacit.crypto.hashes import sha256
from tacit.crypto.kdf import HKDF_SHA256
from tacit.entropy import Entropy
from tacit.errors import CryptoError, DecodeError

LINK_SECRET_BYTES: Final = 32

_EXPORT: Final = "tacit room link"
_LABEL: Final = b"tacit 1.0 room "
_SEALED: Final = b"\xf7\xa1\x01"
"""How sealed bytes begin; no MLSMessage does, whose first two bytes are its version."""


def export_link_secret(group: mls.Group) -> bytes:
    """The link secret of a room whose description names the present epoch."""
    return group.export(_EXPORT, b"", LINK_SECRET_BYTES).reveal()


def psk_id(room_id: bytes, link_epoch: int) -> bytes:
    """How an external commit names the pre-shared key that it has to carry."""
    return _LABEL + b"psk" + room_id + link_epoch.to_bytes(8, "big")


def psk(link_secret: bytes, room_id: bytes) -> bytes:
    """That key: 32 bytes."""
    return _derive(link_secret, b"psk", room_id)


def join_token(link_secret: bytes, room_id: bytes) -> bytes:
    """What the relay asks of somebody who wants in: 32 bytes."""
    return _derive(link_secret, b"join token", room_id)


def join_token_hash(link_secret: bytes, room_id: bytes) -> bytes:
    """What the relay keeps of it."""
    return sha256(join_token(link_secret, room_id))


def seal_group_info(link_secret: bytes, room_id: bytes, group_info: bytes, entropy: Entropy) -> bytes:
    """The description of an epoch by which others come in, for the relay to keep."""
    return _seal(_derive(link_secret, b"group info", room_id), room_id, group_info, entropy)


def open_group_info(link_secret: bytes, room_id: bytes, sealed: bytes) -> bytes:
    """Undo ``seal_group_info``; raises ``DecodeError``."""
    return _open(_derive(link_secret, b"group info", room_id), room_id, sealed)


def seal_commit(link_secret: bytes, room_id: bytes, commit: bytes, entropy: Entropy) -> bytes:
    """A commit that MLS does not encrypt, for the log: the relay has no business with names."""
    return _seal(_derive(link_secret, b"commit", room_id), room_id, commit, entropy)


def open_commit(link_secret: bytes, room_id: bytes, sealed: bytes) -> bytes:
    """Undo ``seal_commit``; raises ``DecodeError``."""
    return _open(_derive(link_secret, b"commit", room_id), room_id, sealed)


def is_sealed(payload: bytes) -> bool:
    """Whether a payload was sealed here rather than by MLS."""
    return payload.startswith(_SEALED)


def _derive(link_secret: bytes, use: bytes, room_id: bytes) -> bytes:
    return HKDF_SHA256.expand(link_secret, _LABEL + use + b"\x00" + room_id, 32)


def _seal(key: bytes, room_id: bytes, plaintext: bytes, entropy: Entropy) -> bytes:
    nonce = entropy(NONCE_SIZE)
    return _SEALED + nonce + AES_256_GCM.seal(key, nonce, room_id, plaintext)


def _open(key: bytes, room_id: bytes, sealed: bytes) -> bytes:
    start = len(_SEALED) + NONCE_SIZE
    if not is_sealed(sealed) or len(sealed) < start:
        raise DecodeError("not sealed with the secret of a room")
    try:
        return AES_256_GCM.open(key, sealed[len(_SEALED) : start], room_id, sealed[start:])
    except CryptoError:
        raise DecodeError("not sealed with this room's secret") from None
