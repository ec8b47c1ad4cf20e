"""Rules for commits and their update paths. Source: RFC 9420 §7.5, §7.6, §12.4"""

from __future__ import annotations

from typing import TypeVar

from tacit.crypto.suites import CipherSuite
from tacit.errors import InvalidMessage
from tacit.limits import MAX_EPOCH
from tacit.mls.checks.leaf_nodes import check_encryption_key_changed, check_leaf, check_leaf_source
from tacit.mls.checks.trees import check_hpke_key
from tacit.mls.commits import UpdatePath, UpdatePathNode
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.proposal_lists import ProposalList, requires_path
from tacit.mls.proposals import ReInit
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource
from tacit.mls.tree_math import LeafIndex

T = TypeVar("T")


def check_epoch_number(epoch: int) -> None:
    """An epoch has a number that everything which stores it can hold; a joiner is given any number there is."""
    if epoch > MAX_EPOCH:
        raise InvalidMessage("limits/epoch")


def check_group_is_open(reinit: ReInit | None) -> None:
    """Nobody uses a group any more that a commit has closed by a ReInit."""
    if reinit is not None:
        raise InvalidMessage("12.4.2/reinitialized")


def check_path_present(proposals: ProposalList, path: UpdatePath | None) -> None:
    """A commit carries a path if it is empty or one of its proposals requires that."""
    if path is None and requires_path(proposals):
        raise InvalidMessage("12.4/path-required")


def check_path_leaf(
    suite: CipherSuite, path: UpdatePath, old: LeafNode | None, group_id: bytes, committer: LeafIndex
) -> None:
    """The committer's new leaf was made for a commit at this place, with a new encryption key if it replaces one."""
    check_leaf_source(path.leaf_node, LeafNodeSource.COMMIT)
    if old is not None:
        check_encryption_key_changed(old, path.leaf_node)
    check_leaf(suite, path.leaf_node, group_id, committer)


def check_path_keys_fresh(suite: CipherSuite, path: UpdatePath, tree: RatchetTree) -> None:
    """No key of the path stands anywhere in the tree, nor twice in the path, and each can be encrypted to."""
    keys = [path.leaf_node.encryption_key, *(node.encryption_key for node in path.nodes)]
    if len(set(keys)) != len(keys) or not tree.encryption_keys().isdisjoint(keys):
        raise InvalidMessage("12.4.2/path-key-fresh")
    for node in path.nodes:
        check_hpke_key(suite, node.encryption_key)


def check_path_length(path: UpdatePath, expected: int) -> None:
    """The path has one node for each node of the filtered direct path."""
    if len(path.nodes) != expected:
        raise InvalidMessage("7.6/path-length")


def check_ciphertext_count(node: UpdatePathNode, expected: int) -> None:
    """A path secret is encrypted once to each node of the copath resolution, leaving out who was just added."""
    if len(node.encrypted_path_secret) != expected:
        raise InvalidMessage("7.6/ciphertext-count")


def check_path_parent_hash(leaf: LeafNode, expected: bytes) -> None:
    """The new leaf signs for the keys above it."""
    if leaf.parent_hash != expected:
        raise InvalidMessage("7.9.2/path-parent-hash")


def check_path_public_key(derived: bytes, sent: bytes) -> None:
    """A key derived from a path secret is the one that the path shows to everyone."""
    if derived != sent:
        raise InvalidMessage("7.5/path-public-key")


def check_proposal_known(proposal: T | None) -> T:
    """A commit refers to proposals of this epoch that we have."""
    if proposal is None:
        raise InvalidMessage("12.4/proposal-ref")
    return proposal
