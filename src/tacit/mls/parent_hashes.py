"""Parent hashes: the chain by which a leaf's signature vouches for the keys that its owner set above it.

Source: RFC 9420 §7.9
"""

from __future__ import annotations

from tacit.codec import encode_varint
from tacit.crypto.suites import CipherSuite
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.tree_hashes import leaf_hash, parent_node_hash
from tacit.mls.tree_math import (
    LeafIndex,
    NodeIndex,
    is_in_subtree,
    is_leaf,
    leaf_of,
    left,
    level,
    node_of,
    right,
)
from tacit.mls.tree_math import parent as parent_of


def parent_hash(suite: CipherSuite, parent: ParentNode, original_sibling_tree_hash: bytes) -> bytes:
    """The parent hash of ``parent`` with the copath child whose original tree hash is given: Nh bytes."""
    key, above, sibling = parent.encryption_key, parent.parent_hash, original_sibling_tree_hash
    sizes = [encode_varint(len(field)) for field in (key, above, sibling)]
    return suite.hash(b"".join((sizes[0], key, sizes[1], above, sizes[2], sibling)))


def original_tree_hash(tree: RatchetTree, head: NodeIndex, unmerged: tuple[LeafIndex, ...]) -> bytes:
    """The tree hash of ``head`` as it was before the leaves in ``unmerged`` were added.

    Only nodes above such leaves are hashed again, each once.
    """
    added = frozenset(leaf for leaf in unmerged if is_in_subtree(node_of(leaf), head))
    if not added:
        return tree.node_hash(head)
    touched = {head}
    for leaf in added:
        touched.update(_path_up_to(tree, node_of(leaf), head))
    hashes: dict[NodeIndex, bytes] = {}
    for node in sorted(touched, key=level):
        if is_leaf(node):
            hashes[node] = leaf_hash(tree.suite, leaf_of(node), None)
        else:
            children = [hashes.get(child) or tree.node_hash(child) for child in (left(node), right(node))]
            hashes[node] = parent_node_hash(tree.suite, _without(tree.parent(node), added), *children)
    return hashes[head]


def has_parent_hash_of(tree: RatchetTree, node: NodeIndex, child: NodeIndex, sibling: NodeIndex) -> bool:
    """Whether the one node below ``child`` that was set together with the parent ``node`` names its parent hash.

    ``child`` and ``sibling`` are the two children of ``node``. That one node is what remains of the resolution of
    ``child`` without the leaves that came in after ``node`` was set. Source: RFC 9420 §7.9.2
    """
    parent = tree.parent(node)
    if parent is None:
        return False
    below = tree.nodes[child]
    if below is not None and not parent.unmerged_leaves:
        # Nobody came in since, so the resolution of the child is the child itself, unless some came in before: then it
        # has more than one node.
        if not below.parent_hash or (isinstance(below, ParentNode) and below.unmerged_leaves):
            return False
        return below.parent_hash == parent_hash(tree.suite, parent, tree.node_hash(sibling))
    later = {node_of(leaf) for leaf in parent.unmerged_leaves if is_in_subtree(node_of(leaf), child)}
    resolution = tree.resolution(child)
    candidates = [index for index in resolution if index not in later]
    if len(candidates) != 1 or len(resolution) != len(later) + 1:
        return False
    candidate = tree.nodes[candidates[0]]
    if candidate is None or not candidate.parent_hash:
        return False
    expected = parent_hash(tree.suite, parent, original_tree_hash(tree, sibling, parent.unmerged_leaves))
    return candidate.parent_hash == expected


def _path_up_to(tree: RatchetTree, node: NodeIndex, head: NodeIndex) -> list[NodeIndex]:
    path = [node]
    while path[-1] != head:
        path.append(parent_of(path[-1], tree.leaf_count))
    return path


def _without(parent: ParentNode | None, leaves: frozenset[LeafIndex]) -> ParentNode | None:
    if parent is None or leaves.isdisjoint(parent.unmerged_leaves):
        return parent
    kept = tuple(leaf for leaf in parent.unmerged_leaves if leaf not in leaves)
    return ParentNode(parent.encryption_key, parent.parent_hash, kept)
