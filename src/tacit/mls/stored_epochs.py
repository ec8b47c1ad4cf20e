"""The stored form of what lasts as long as an epoch.

Source of the values: RFC 9420 §8, §12.4; the form is our own and carries a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tacit.codec import Reader, Writer
from tacit.crypto.secret import Secret
from tacit.crypto.suites import suite
from tacit.errors import DecodeError
from tacit.mls.epochs import EarlierPSK, Epoch, PastEpoch
from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import EpochSecrets
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.proposals import ReInit, read_proposal, write_proposal
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.tree_math import LeafIndex, NodeIndex

VERSION: Final = 1
"""Of every stored form of a group and its parts."""

_BLANK, _SAME, _OTHER = range(3)


def epoch_blob(epoch: Epoch) -> bytes:
    """The stored form of what lasts as long as an epoch."""
    known = epoch.__dict__.get("epoch_blob")
    if isinstance(known, bytes):
        return known
    w = Writer()
    w.u8(VERSION)
    epoch.context.write(w)
    w.opaque(encode_ratchet_tree(epoch.tree))
    w.u32(epoch.own_leaf)
    w.vector(epoch.private_keys.items(), _write_private_key)
    w.opaque(epoch.signature_private.reveal())
    epoch.secrets.write(w)
    w.opaque(epoch.interim_transcript_hash)
    w.opaque(epoch.confirmation_tag)
    w.u8(len(epoch.past))
    for past in epoch.past:
        _write_past_epoch(w, past, epoch.leaves)
    w.optional(epoch.reinit, write_proposal)
    w.vector(epoch.earlier_psks, _write_earlier_psk)
    blob = w.finish()
    epoch.__dict__["epoch_blob"] = blob
    return blob


def read_epoch(data: bytes) -> Epoch:
    """The epoch in its stored form; raises ``DecodeError``, ``InvalidMessage`` and ``CryptoError``."""
    r = Reader(data)
    check_version(r)
    context = GroupContext.read(r)
    cipher_suite = suite(context.cipher_suite)
    tree = decode_ratchet_tree(cipher_suite, r.opaque())
    leaves = dict(tree.leaves())
    epoch = Epoch(
        cipher_suite,
        context,
        tree,
        LeafIndex(r.u32()),
        dict(r.vector(_read_private_key)),
        Secret(r.opaque()),
        EpochSecrets.read(r),
        r.opaque(),
        r.opaque(),
        tuple(_read_past_epoch(r, leaves) for _ in range(r.u8())),
        r.optional(_read_reinit),
        r.vector(_read_earlier_psk),
    )
    r.finish()
    epoch.__dict__["epoch_blob"] = data
    return epoch


def check_version(r: Reader) -> None:
    """Take the version off ``r``; raises ``DecodeError`` for another one."""
    if r.u8() != VERSION:
        raise DecodeError("stored by another version")


def _read_reinit(r: Reader) -> ReInit:
    reinit = read_proposal(r)
    if not isinstance(reinit, ReInit):
        raise DecodeError("closed by another proposal than ReInit")
    return reinit


def _write_earlier_psk(w: Writer, earlier: EarlierPSK) -> None:
    w.u64(earlier.epoch)
    w.opaque(earlier.psk.reveal())


def _read_earlier_psk(r: Reader) -> EarlierPSK:
    return EarlierPSK(r.u64(), Secret(r.opaque()))


def _write_private_key(w: Writer, item: tuple[NodeIndex, Secret]) -> None:
    w.u32(item[0])
    w.opaque(item[1].reveal())


def _read_private_key(r: Reader) -> tuple[NodeIndex, Secret]:
    return NodeIndex(r.u32()), Secret(r.opaque())


def _write_past_epoch(w: Writer, past: PastEpoch, leaves: Mapping[LeafIndex, LeafNode]) -> None:
    """Append a past epoch; of its members only those who have changed since."""
    past.group_context.write(w)
    w.u32(past.own_leaf)
    size = max(past.leaves, default=0) + 1
    w.u32(size)
    for index in map(LeafIndex, range(size)):
        leaf = past.leaves.get(index)
        if leaf is None:
            w.u8(_BLANK)
        elif leaf == leaves.get(index):
            w.u8(_SAME)
        else:
            w.u8(_OTHER)
            leaf.write(w)


def _read_past_epoch(r: Reader, leaves: Mapping[LeafIndex, LeafNode]) -> PastEpoch:
    context, own_leaf = GroupContext.read(r), LeafIndex(r.u32())
    past: dict[LeafIndex, LeafNode] = {}
    for index in map(LeafIndex, range(r.u32())):
        kind = r.u8()
        if kind == _SAME and index in leaves:
            past[index] = leaves[index]
        elif kind == _OTHER:
            past[index] = LeafNode.read(r)
        elif kind != _BLANK:
            raise DecodeError("leaf of a past epoch")
    return PastEpoch(context, own_leaf, past)
