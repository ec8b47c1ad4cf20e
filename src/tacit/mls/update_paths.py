"""Update paths: fresh keys from a committer's leaf to the root, and how the others learn the ones they share.

Source: RFC 9420 §7.4, §7.5, §7.6
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tacit.crypto.keys import KeyPair
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.mls.checks.commits import (
    check_ciphertext_count,
    check_path_length,
    check_path_parent_hash,
    check_path_public_key,
)
from tacit.mls.commits import HPKECiphertext, UpdatePath, UpdatePathNode
from tacit.mls.labels import UPDATE_PATH_NODE, decrypt_with_label, derive_secret, encrypt_with_label
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.parent_hashes import parent_hash
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree, TreeEdit
from tacit.mls.tree_math import LeafIndex, NodeIndex, is_in_subtree, node_of

PrivateKeys = Mapping[NodeIndex, Secret]
"""The private keys that one member knows, by node."""


@dataclass(frozen=True, slots=True)
class PathNode:
    """A node of a filtered direct path, and who shares its path secret."""

    node: NodeIndex
    copath_child: NodeIndex
    recipients: tuple[NodeIndex, ...]
    """The resolution of ``copath_child`` without leaves added in the same commit."""


@dataclass(frozen=True, slots=True)
class NewPath:
    """A path in the making: the tree with its keys in place, and the secrets that are still to be encrypted."""

    tree: RatchetTree
    leaf_node: LeafNode
    nodes: tuple[PathNode, ...]
    path_secrets: tuple[bytes, ...] = field(repr=False)
    commit_secret: bytes = field(repr=False)
    private_keys: dict[NodeIndex, Secret]


def path_nodes(tree: RatchetTree, sender: LeafIndex, added: Sequence[LeafIndex]) -> tuple[PathNode, ...]:
    """The filtered direct path of ``sender`` in the tree with all proposals applied."""
    new = {node_of(leaf) for leaf in added}
    return tuple(
        PathNode(node, child, tuple(index for index in tree.resolution(child) if index not in new))
        for node, child in tree.filtered_direct_path(sender)
    )


def derive_path_secrets(suite: CipherSuite, first: bytes, count: int) -> tuple[tuple[bytes, ...], bytes]:
    """``count`` path secrets from the first on, and the commit secret that follows the last."""
    secrets = [first]
    for _ in range(count):
        secrets.append(derive_secret(suite, secrets[-1], b"path"))
    return tuple(secrets[:-1]), secrets[-1]


def derive_node_key(suite: CipherSuite, path_secret: bytes) -> KeyPair:
    """The key pair of the node that a path secret belongs to."""
    return suite.derive_key_pair(derive_secret(suite, path_secret, b"node"))


def create_path(
    tree: RatchetTree,
    sender: LeafIndex,
    nodes: tuple[PathNode, ...],
    first_secret: bytes,
    leaf_private: bytes,
    sign_leaf: Callable[[bytes], LeafNode],
) -> NewPath:
    """Put fresh keys above ``sender``; ``sign_leaf`` makes the new leaf for the parent hash that it is given.

    ``first_secret`` is Nh fresh random bytes, ``leaf_private`` the private key of the new leaf.
    """
    suite = tree.suite
    path_secrets, commit_secret = derive_path_secrets(suite, first_secret, len(nodes))
    key_pairs = [derive_node_key(suite, secret) for secret in path_secrets]
    edit = tree.edit()
    leaf_node = sign_leaf(_set_path(tree, edit, sender, nodes, [pair.public for pair in key_pairs]))
    edit.set_leaf(sender, leaf_node)
    private_keys = {path.node: Secret(pair.private) for path, pair in zip(nodes, key_pairs, strict=True)}
    private_keys[node_of(sender)] = Secret(leaf_private)
    return NewPath(edit.finish(), leaf_node, nodes, path_secrets, commit_secret, private_keys)


def encrypt_path(path: NewPath, group_context: bytes) -> UpdatePath:
    """The path as it travels; ``group_context`` is the provisional one, encoded."""
    suite, tree = path.tree.suite, path.tree
    nodes = []
    parents = [parent for parent in (tree.parent(step.node) for step in path.nodes) if parent is not None]
    for step, parent, secret in zip(path.nodes, parents, path.path_secrets, strict=True):
        keys = [node.encryption_key for node in map(tree.nodes.__getitem__, step.recipients) if node is not None]
        ciphertexts = [encrypt_with_label(suite, key, UPDATE_PATH_NODE, group_context, secret) for key in keys]
        nodes.append(UpdatePathNode(parent.encryption_key, tuple(HPKECiphertext(*pair) for pair in ciphertexts)))
    return UpdatePath(path.leaf_node, tuple(nodes))


def check_path_shape(nodes: tuple[PathNode, ...], path: UpdatePath) -> None:
    """A received path has the nodes and the ciphertexts that the tree asks for; bounds all that is done with it."""
    check_path_length(path, len(nodes))
    for step, sent in zip(nodes, path.nodes, strict=True):
        check_ciphertext_count(sent, len(step.recipients))


def merge_path(tree: RatchetTree, sender: LeafIndex, nodes: tuple[PathNode, ...], path: UpdatePath) -> RatchetTree:
    """Put a received path of the right shape into the tree; raises ``InvalidMessage`` if its parent hash is wrong."""
    edit = tree.edit()
    expected = _set_path(tree, edit, sender, nodes, [node.encryption_key for node in path.nodes])
    check_path_parent_hash(path.leaf_node, expected)
    edit.set_leaf(sender, path.leaf_node)
    return edit.finish()


def decrypt_path(
    suite: CipherSuite,
    nodes: tuple[PathNode, ...],
    path: UpdatePath,
    own_leaf: LeafIndex,
    private_keys: PrivateKeys,
    group_context: bytes,
) -> tuple[bytes, dict[NodeIndex, Secret]]:
    """The commit secret and the private keys that we share; ``group_context`` is the provisional one, encoded."""
    position = next(i for i, step in enumerate(nodes) if is_in_subtree(node_of(own_leaf), step.copath_child))
    path_secret = _decrypt_path_secret(suite, nodes[position], path.nodes[position], private_keys, group_context)
    shared, commit_secret = derive_path_secrets(suite, path_secret, len(nodes) - position)
    keys: dict[NodeIndex, Secret] = {}
    for step, sent, secret in zip(nodes[position:], path.nodes[position:], shared, strict=True):
        pair = derive_node_key(suite, secret)
        check_path_public_key(pair.public, sent.encryption_key)
        keys[step.node] = Secret(pair.private)
    return commit_secret, keys


def surviving_keys(private_keys: PrivateKeys, before: RatchetTree, after: RatchetTree) -> dict[NodeIndex, Secret]:
    """The private keys whose nodes came through a commit unchanged; the others are outdated and go."""
    kept = {}
    for index, secret in private_keys.items():
        node = after.nodes[index] if index < len(after.nodes) else None
        old = before.nodes[index]
        if node is not None and old is not None and node.encryption_key == old.encryption_key:
            kept[index] = secret
    return kept


def _decrypt_path_secret(
    suite: CipherSuite,
    step: PathNode,
    sent: UpdatePathNode,
    private_keys: PrivateKeys,
    group_context: bytes,
) -> bytes:
    place = next((i for i, node in enumerate(step.recipients) if node in private_keys), None)
    if place is None:
        raise InvalidMessage("7.5/path-secret")
    ciphertext = sent.encrypted_path_secret[place]
    private_key = private_keys[step.recipients[place]].reveal()
    try:
        path_secret = decrypt_with_label(
            suite, private_key, UPDATE_PATH_NODE, group_context, ciphertext.kem_output, ciphertext.ciphertext
        )
    except CryptoError:
        raise InvalidMessage("7.5/path-secret") from None
    if len(path_secret) != suite.hash_size:
        raise InvalidMessage("7.5/path-secret")
    return path_secret


def _set_path(
    tree: RatchetTree,
    edit: TreeEdit,
    sender: LeafIndex,
    nodes: tuple[PathNode, ...],
    public_keys: Sequence[bytes],
) -> bytes:
    """Blank the direct path, set its keys from the root down, and give the parent hash that the leaf must sign."""
    edit.blank_direct_path(sender)
    above = b""
    for step, public_key in zip(reversed(nodes), reversed(public_keys), strict=True):
        parent = ParentNode(public_key, above)
        edit.set_parent(step.node, parent)
        above = parent_hash(tree.suite, parent, tree.node_hash(step.copath_child))
    return above
