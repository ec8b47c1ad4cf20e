"""Rules for whole ratchet trees. Source: RFC 9420 §7.1, §7.3, §7.9.2, §12.4.3.1, §12.4.3.3"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.limits import MAX_GROUP_MEMBERS, MAX_TREE_BYTES, MAX_TREE_NODES
from tacit.mls.checks.extensions import check_group_context_extensions
from tacit.mls.checks.leaf_nodes import (
    check_credential_types,
    check_leaf,
    check_required_capabilities,
    check_signature_keys_unique,
    check_supports_group_extensions,
)
from tacit.mls.extensions import Extensions
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.members import Node
from tacit.mls.parent_hashes import has_parent_hash_of
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.tree_math import direct_path, is_in_subtree, left, node_of, right


def check_tree_size(sent: Sequence[Node | None]) -> None:
    """A tree has no more nodes than the largest group has."""
    if len(sent) > MAX_TREE_NODES:
        raise InvalidMessage("12.4.3.3/size")


def check_sent_tree_ends_in_leaf(sent: Sequence[Node | None]) -> None:
    """A tree as it travels ends in its rightmost member, not in a blank."""
    if len(sent) % 2 == 0 or sent[-1] is None:
        raise InvalidMessage("12.4.3.3/last-node")


def check_node_kinds(sent: Sequence[Node | None]) -> None:
    """Leaves stand at even, parents at odd positions."""
    for index, node in enumerate(sent):
        if node is not None and isinstance(node, LeafNode) != (index % 2 == 0):
            raise InvalidMessage("12.4.3.3/node-kind")


def check_joined_tree(
    suite: CipherSuite,
    tree: RatchetTree,
    group_id: bytes,
    extensions: Extensions,
    max_members: int,
) -> None:
    """Everything that a new member asks of a tree, apart from its hash and the credentials in it.

    What bounds the later steps comes first: nobody looks at a resolution before unmerged leaves are known to be sound.
    """
    check_member_count(tree.counts.members, max_members)
    check_unmerged_leaves(tree)
    check_encryption_keys_unique(tree)
    check_parent_keys(suite, tree)
    for index, leaf in tree.leaves():
        check_leaf(suite, leaf, group_id, index)
    check_members(tree, extensions, max_members)
    check_parent_hashes(tree)


def check_members(tree: RatchetTree, extensions: Extensions, max_members: int) -> None:
    """The members can be in one group: no key twice, and each supports what the others and the group use."""
    check_tree_bytes(tree, max_members)
    required = check_group_context_extensions(extensions)
    check_signature_keys_unique(tree.counts)
    check_credential_types(tree.counts)
    check_required_capabilities(tree.counts, required)
    check_supports_group_extensions(tree.counts, extensions)


def check_member_count(count: int, max_members: int) -> None:
    """A group has at most as many members as the application wants to handle."""
    if count > max_members:
        raise InvalidMessage("limits/group-members")


def check_tree_bytes(tree: RatchetTree, max_members: int) -> None:
    """The tree can be sent to new members and stored; else whoever makes it large would lock everyone out."""
    most = MAX_TREE_BYTES * max(max_members, MAX_GROUP_MEMBERS) // MAX_GROUP_MEMBERS
    if len(tree.nodes) + tree.counts.encoded_bytes > most:
        raise InvalidMessage("limits/tree-bytes")


def check_encryption_keys_unique(tree: RatchetTree) -> None:
    """No HPKE key stands at two nodes, be they leaves or parents."""
    if len(tree.encryption_keys()) != tree.counts.filled:
        raise InvalidMessage("7.3/encryption-key-unique")


def check_parent_keys(suite: CipherSuite, tree: RatchetTree) -> None:
    """Every parent's key can be encrypted to."""
    for _, parent in tree.parents():
        check_hpke_key(suite, parent.encryption_key)


def check_hpke_key(suite: CipherSuite, key: bytes) -> None:
    """A key in the tree can be encrypted to."""
    try:
        suite.check_public_key(key)
    except CryptoError:
        raise InvalidMessage("7.1/key-form") from None


def check_unmerged_leaves(tree: RatchetTree) -> None:
    """Unmerged leaves are in order, members below their parent, and unmerged at every parent in between."""
    unmerged = {node: frozenset(parent.unmerged_leaves) for node, parent in tree.parents()}
    for node, parent in tree.parents():
        leaves = parent.unmerged_leaves
        if any(a >= b for a, b in pairwise(leaves)):
            raise InvalidMessage("7.1/unmerged-order")
        for leaf in leaves:
            if tree.leaf(leaf) is None or not is_in_subtree(node_of(leaf), node):
                raise InvalidMessage("12.4.3.1/unmerged-leaf")
            path = direct_path(node_of(leaf), tree.leaf_count)
            for between in path[: path.index(node)]:
                if between in unmerged and leaf not in unmerged[between]:
                    raise InvalidMessage("12.4.3.1/unmerged-between")


def check_parent_hashes(tree: RatchetTree) -> None:
    """Every parent was set, together with exactly one node below it, by a member who signed for it."""
    for node, _ in tree.parents():
        children = left(node), right(node)
        chains = sum(has_parent_hash_of(tree, node, child, other) for child, other in (children, children[::-1]))
        if chains != 1:
            raise InvalidMessage("7.9.2/parent-hash")


def check_tree_hash(tree: RatchetTree, expected: bytes) -> None:
    """The tree is the one that the group context speaks of."""
    if tree.tree_hash != expected:
        raise InvalidMessage("12.4.3.1/tree-hash")
