"""The stored form of secret trees: a row for each secret that is left, one for the ratchets of each sender.

Rows carry the number of their epoch, so an epoch that ends keeps them as they are, and one that is given up takes them
along. Source of the values: RFC 9420 §9
"""

from __future__ import annotations

from collections.abc import Mapping

from tacit.codec import Reader
from tacit.errors import DecodeError
from tacit.mls.secret_tree import Ratchet, SecretTree, Sender
from tacit.mls.stored_rows import ChangeDraft, RowKind, Rows
from tacit.mls.tree_math import LeafIndex, NodeIndex, subtree_leaves


def write_secret_trees(draft: ChangeDraft, before: Mapping[int, SecretTree], after: Mapping[int, SecretTree]) -> None:
    """Rows that change with the secret trees, by epoch."""
    for epoch in {**before, **after}:
        write_secret_tree(draft, epoch, before.get(epoch, _NOTHING), after.get(epoch, _NOTHING))


def write_secret_tree(draft: ChangeDraft, epoch: int, before: SecretTree, after: SecretTree) -> None:
    """Rows that change with the secret tree of one epoch; one that is the same object has not changed."""
    if before is not after:
        draft.compare(RowKind.SECRET, before.nodes, after.nodes, bytes, epoch)
        draft.compare(RowKind.RATCHETS, before.senders, after.senders, _encode_sender, epoch)


def read_secret_tree(rows: Rows, epoch: int, leaf_count: int) -> SecretTree:
    """What is left of one epoch's secrets; raises ``DecodeError`` if a row of it is missing."""
    nodes = {NodeIndex(node): data for (of, node), data in rows.of(RowKind.SECRET).items() if of == epoch}
    senders = {
        LeafIndex(leaf): _read_sender(data) for (of, leaf), data in rows.of(RowKind.RATCHETS).items() if of == epoch
    }
    # Each leaf has ratchets, or one secret above it that they come from.
    if sum(len(subtree_leaves(node)) for node in nodes) + len(senders) != leaf_count:
        raise DecodeError("secrets of an epoch are missing")
    return SecretTree(leaf_count, nodes, senders)


def check_epochs(rows: Rows, known: frozenset[int]) -> None:
    """No secrets of an epoch that is not there; raises ``DecodeError``."""
    kinds = RowKind.SECRET, RowKind.RATCHETS
    if any(epoch not in known for kind in kinds for epoch, _ in rows.of(kind)):
        raise DecodeError("parts of a group from different epochs")


_NOTHING = SecretTree(0, {}, {})


def _encode_sender(sender: Sender) -> bytes:
    return sender[0].encoded + sender[1].encoded


def _read_sender(data: bytes) -> Sender:
    r = Reader(data)
    sender = Ratchet.read(r), Ratchet.read(r)
    r.finish()
    return sender
