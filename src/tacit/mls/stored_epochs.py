"""The stored form of what lasts as long as an epoch: one row for the epoch itself, one for each node of its tree.

Source of the values: RFC 9420 §8, §12.4
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tacit.codec import Reader, Writer, decode
from tacit.crypto.secret import Secret
from tacit.crypto.suites import suite
from tacit.errors import DecodeError
from tacit.limits import MAX_TREE_NODES
from tacit.mls.checks.trees import check_node_kinds, check_tree_hash
from tacit.mls.epochs import EarlierPSK, Epoch, PastEpoch
from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import EpochSecrets
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.members import Members, Node, changed_places
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.proposals import ReInit
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import NodeType, read_enum
from tacit.mls.stored_rows import VERSION, ChangeDraft, RowKind, Rows, check_version, row_key
from tacit.mls.tree_math import LeafIndex, NodeIndex, direct_path, node_of

_BLANK: Final = b""

Nodes = tuple[Node | None, ...]


def write_epoch(draft: ChangeDraft, before: Epoch | None, after: Epoch) -> None:
    """Rows that change from one epoch to another, or all of them."""
    if before is after:
        return
    draft.put[row_key(RowKind.EPOCH)] = _encode_epoch(after)
    _write_nodes(draft, () if before is None else before.tree.nodes, after.tree.nodes)
    old_keys = {} if before is None else before.private_keys
    draft.compare(RowKind.PRIVATE_KEY, old_keys, after.private_keys, Secret.reveal)
    # A past epoch is stored as what sets it apart from the one after it. That one never changes any more, so neither
    # does the row.
    past = _with_successors(after)
    old_past = {} if before is None else _with_successors(before)
    for epoch, (own, successor) in past.items():
        if epoch not in old_past or old_past[epoch][0] is not own:
            draft.put[row_key(RowKind.PAST_EPOCH, epoch)] = _encode_past_epoch(own, successor)
    draft.drop += [row_key(RowKind.PAST_EPOCH, epoch) for epoch in old_past if epoch not in past]


def read_epoch(rows: Rows, base: Epoch | None = None) -> Epoch:
    """The epoch in its rows, or in those that changed since ``base``.

    Raises ``DecodeError``, ``InvalidMessage`` and ``CryptoError``; rows of different epochs do not go together, for the
    tree hash covers them.
    """
    r = Reader(_only(rows, RowKind.EPOCH))
    check_version(r)
    context, node_count = GroupContext.read(r), r.u32()
    tree = _read_tree(rows, context, node_count, base)
    own_leaf, private_keys = LeafIndex(r.u32()), _read_private_keys(rows, base)
    _check_private_keys(tree, own_leaf, private_keys)
    epoch = Epoch(
        tree.suite,
        context,
        tree,
        own_leaf,
        private_keys,
        Secret(r.opaque()),
        EpochSecrets.read(r),
        r.opaque(),
        r.opaque(),
        _read_past(rows, tree),
        r.optional(ReInit.read_body),
        r.vector(_read_earlier_psk),
    )
    r.finish()
    return epoch


def _encode_epoch(epoch: Epoch) -> bytes:
    w = Writer()
    w.u8(VERSION)
    epoch.context.write(w)
    w.u32(len(epoch.tree.nodes))
    w.u32(epoch.own_leaf)
    w.opaque(epoch.signature_private.reveal())
    epoch.secrets.write(w)
    w.opaque(epoch.interim_transcript_hash)
    w.opaque(epoch.confirmation_tag)
    w.optional(epoch.reinit, _write_reinit)
    w.vector(epoch.earlier_psks, _write_earlier_psk)
    return w.finish()


def _write_reinit(w: Writer, reinit: ReInit) -> None:
    reinit.write_body(w)


def _write_earlier_psk(w: Writer, earlier: EarlierPSK) -> None:
    w.u64(earlier.epoch)
    w.opaque(earlier.psk.reveal())


def _read_earlier_psk(r: Reader) -> EarlierPSK:
    return EarlierPSK(r.u64(), Secret(r.opaque()))


def _write_nodes(draft: ChangeDraft, before: Nodes, after: Nodes) -> None:
    """Rows of the nodes that are not the same object as before."""
    for index in changed_places(before, after):
        key, node = row_key(RowKind.NODE, index), after[index] if index < len(after) else None
        if node is None:
            draft.drop.append(key)
        else:
            draft.put[key] = _encode_node(node)


def _encode_node(node: Node) -> bytes:
    kind = NodeType.LEAF if isinstance(node, LeafNode) else NodeType.PARENT
    return bytes((kind,)) + node.encoded


def _read_node(data: bytes) -> Node:
    r = Reader(data)
    kind = read_enum(NodeType, r.u8())
    node = LeafNode.read(r) if kind is NodeType.LEAF else ParentNode.read(r)
    r.finish()
    return node


def _read_tree(rows: Rows, context: GroupContext, node_count: int, base: Epoch | None) -> RatchetTree:
    if not 0 < node_count <= MAX_TREE_NODES or node_count & (node_count + 1):
        raise DecodeError("size of a tree")
    nodes: list[Node | None] = [None] * node_count
    if base is not None:
        kept = base.tree.nodes[:node_count]
        nodes[: len(kept)] = kept
    for kind, numbers in rows.dropped:
        if kind is RowKind.NODE and numbers[0] < node_count:
            nodes[numbers[0]] = None
    for (index,), data in rows.of(RowKind.NODE).items():
        if index >= node_count:
            raise DecodeError("node outside its tree")
        nodes[index] = _read_node(data)
    check_node_kinds(nodes)
    tree = RatchetTree(suite(context.cipher_suite), tuple(nodes))
    check_tree_hash(tree, context.tree_hash)
    return tree


def _read_private_keys(rows: Rows, base: Epoch | None) -> dict[NodeIndex, Secret]:
    keys = {} if base is None else dict(base.private_keys)
    for kind, numbers in rows.dropped:
        if kind is RowKind.PRIVATE_KEY:
            keys.pop(NodeIndex(numbers[0]), None)
    keys.update((NodeIndex(index), Secret(data)) for (index,), data in rows.of(RowKind.PRIVATE_KEY).items())
    return keys


def _check_private_keys(tree: RatchetTree, own_leaf: LeafIndex, private_keys: Mapping[NodeIndex, Secret]) -> None:
    """A member has the keys of its leaf and of the parents above it, but for some of those set before it came."""
    if tree.leaf(own_leaf) is None:
        raise DecodeError("own leaf is blank")
    node = node_of(own_leaf)
    above = {
        index: parent for index in direct_path(node, tree.leaf_count) if (parent := tree.parent(index)) is not None
    }
    shared = {index for index, parent in above.items() if own_leaf not in parent.unmerged_leaves}
    if not {node, *shared} <= private_keys.keys() <= {node, *above}:
        raise DecodeError("private keys of other nodes")


def _with_successors(epoch: Epoch) -> dict[int, tuple[PastEpoch, Members]]:
    """The past epochs by their numbers, each with the members of the one after it."""
    successors = (epoch.leaves, *(past.leaves for past in epoch.past))
    return {past.group_context.epoch: (past, after) for past, after in zip(epoch.past, successors, strict=False)}


def _encode_past_epoch(past: PastEpoch, successor: Members) -> bytes:
    w = Writer()
    past.group_context.write(w)
    w.u32(past.own_leaf)
    changed = successor.changes_to(past.leaves)
    w.u32(len(changed))
    for index, leaf in changed:
        w.u32(index)
        w.opaque(_BLANK if leaf is None else leaf.encoded)
    return w.finish()


def _read_past(rows: Rows, tree: RatchetTree) -> tuple[PastEpoch, ...]:
    """From the youngest on."""
    found, members = [], tree.members
    for _, data in sorted(rows.of(RowKind.PAST_EPOCH).items(), reverse=True):
        past = _read_past_epoch(data, members)
        found.append(past)
        members = past.leaves
    return tuple(found)


def _read_past_epoch(data: bytes, successor: Members) -> PastEpoch:
    r = Reader(data)
    context, own_leaf = GroupContext.read(r), LeafIndex(r.u32())
    changed: list[tuple[LeafIndex, LeafNode | None]] = []
    for _ in range(r.u32()):
        index, encoded = LeafIndex(r.u32()), r.opaque()
        if 2 * index >= MAX_TREE_NODES:
            raise DecodeError("leaf of a past epoch")
        changed.append((index, decode(LeafNode, encoded) if encoded else None))
    r.finish()
    return PastEpoch(context, own_leaf, successor.with_changes(changed))


def _only(rows: Rows, kind: RowKind) -> bytes:
    try:
        (data,) = rows.of(kind).values()
    except ValueError:
        raise DecodeError("a row is missing") from None
    return data
