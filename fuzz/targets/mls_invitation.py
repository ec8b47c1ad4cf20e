"""What somebody who invites can send: any bytes at every layer of a Welcome or a group info, behind good signatures.

The first byte of an input says which layer the rest becomes. RFC 9420 §12.4.3.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from fuzz.forged import OPEN, authenticate, crew, forge, forged_commit, mirror, newcomer
from fuzz.honest import NOW_S, nothing_known
from tacit.codec import decode, encode
from tacit.errors import DecodeError, PeerError
from tacit.mls import join, join_externally
from tacit.mls.labels import GROUP_INFO_TBS, sign_with_label
from tacit.mls.messages import GroupInfo, GroupSecrets, Welcome, decode_message, encode_message
from tacit.mls.ratchet_tree_extension import encode_ratchet_tree


def _welcome(data: bytes) -> bytes:
    return encode_message(decode(Welcome, data))


def _secrets(data: bytes) -> bytes:
    return mirror().welcome(forged_commit(), secrets=lambda secrets: decode(GroupSecrets, data))


def _info(data: bytes) -> bytes:
    return mirror().welcome(forged_commit(), info=lambda info: decode(GroupInfo, data))


def _tree(data: bytes) -> bytes:
    return mirror().welcome(forged_commit(), ratchet_tree=data)


WELCOMES: tuple[Callable[[bytes], bytes], ...] = (_welcome, _secrets, _info, _tree)
OUTSIDE = len(WELCOMES)
"""What comes after the layers of a Welcome: a group info for whoever lets himself in."""


def seeds() -> Iterator[bytes]:
    """The honest bytes of each layer."""
    welcome = decode_message(mirror().welcome(forged_commit()))
    assert isinstance(welcome, Welcome)
    yield b"\x00" + encode(welcome)
    epoch = forged_commit().epoch
    yield b"\x01" + encode(GroupSecrets(forged_commit().schedule.joiner_secret, None, ()))
    info = decode_message(crew()["alice"].group_info())
    assert isinstance(info, GroupInfo)
    yield b"\x02" + encode(info)
    yield b"\x03" + encode_ratchet_tree(epoch.tree)
    yield bytes((OUTSIDE,)) + encode(info)


def check(data: bytes) -> None:
    """A group, or a ``PeerError``."""
    if not data:
        return
    kind, rest = data[0] % (len(WELCOMES) + 1), data[1:]
    if kind == OUTSIDE:
        _check_outside(rest)
        return
    welcome = forge(lambda: WELCOMES[kind](rest))
    if welcome is None:
        return
    try:
        join(welcome, [newcomer()], authenticate=authenticate, known_group=nothing_known, policy=OPEN)
    except PeerError:
        return


def _check_outside(data: bytes) -> None:
    """Signed by the member that it names, if that is the forger."""
    try:
        info = decode(GroupInfo, data)
    except DecodeError:
        return
    signature = sign_with_label(crew().suite, mirror().signature_private, GROUP_INFO_TBS, info.to_be_signed)
    signed = encode_message(
        GroupInfo(info.group_context, info.extensions, info.confirmation_tag, info.signer, signature)
    )
    try:
        join_externally(
            signed,
            b"heidi",
            crew().key("heidi").private,
            authenticate=authenticate,
            now_s=NOW_S,
            entropy=random.Random(data).randbytes,
        )
    except PeerError:
        return
