"""Family treekem: update paths, read by every member and made by every sender."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tacit.codec import decode
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.mls.checks.leaf_nodes import check_leaf_signature
from tacit.mls.commits import UpdatePath
from tacit.mls.group_context import GroupContext
from tacit.mls.leaf_nodes import LeafNode, sign_leaf
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree
from tacit.mls.registry import LeafNodeSource
from tacit.mls.tree_math import LeafIndex, NodeIndex, common_ancestor, node_of
from tacit.mls.update_paths import (
    PrivateKeys,
    check_path_shape,
    create_path,
    decrypt_path,
    derive_node_key,
    encrypt_path,
    merge_path,
    path_nodes,
)
from tests.vectors.expect import Mismatch, Options, expect, suite_of, un
from tests.vectors.key_pairs import expect_hpke_pair


@dataclass(frozen=True, slots=True)
class _Member:
    leaf: LeafIndex
    signature_private: bytes
    keys: PrivateKeys


@dataclass(frozen=True, slots=True)
class _Case:
    suite: CipherSuite
    vector: dict[str, Any]
    tree: RatchetTree
    members: tuple[_Member, ...]

    @property
    def group_id(self) -> bytes:
        """The group's ID, which leaves are signed for."""
        return un(self.vector["group_id"])

    def context(self, tree: RatchetTree) -> bytes:
        """The group context around ``tree``, encoded."""
        transcript_hash = un(self.vector["confirmed_transcript_hash"])
        epoch = self.vector["epoch"]
        return GroupContext(self.suite.id, self.group_id, epoch, tree.tree_hash, transcript_hash, ()).encoded

    def others(self, sender: LeafIndex) -> Iterator[_Member]:
        """Who reads a path of ``sender``."""
        return (member for member in self.members if member.leaf != sender)


def check(vector: Any, options: Options) -> None:
    """Private keys fit the tree; each path is read by all others; each sender makes one that all others read."""
    del options
    case = check_received_paths(vector)
    for update in vector["update_paths"]:
        _check_own_path(case, LeafIndex(update["sender"]))


def check_received_paths(vector: Any) -> _Case:
    """The part of ``check`` in which nothing is made here."""
    suite = suite_of(vector)
    tree = decode_ratchet_tree(suite, un(vector["ratchet_tree"]))
    members = tuple(_member(suite, tree, entry) for entry in vector["leaves_private"])
    expect("the leaves of leaves_private", {m.leaf for m in members}, {index for index, _ in tree.leaves()})
    case = _Case(suite, vector, tree, members)
    for update in vector["update_paths"]:
        _check_path(case, update)
    return case


def _member(suite: CipherSuite, tree: RatchetTree, entry: Any) -> _Member:
    index = LeafIndex(entry["index"])
    leaf = tree.leaf(index)
    if leaf is None:
        raise Mismatch(f"leaf {index} of leaves_private is blank")
    private, signature_private = un(entry["encryption_priv"]), un(entry["signature_priv"])
    expect_hpke_pair(f"encryption_priv of leaf {index}", suite, private, leaf.encryption_key)
    expect(f"signature_priv of leaf {index}", suite.signature_key_pair(signature_private).public, leaf.signature_key)
    keys = {node_of(index): Secret(private)}
    for known in entry["path_secrets"]:
        node, pair = NodeIndex(known["node"]), derive_node_key(suite, un(known["path_secret"]))
        parent = tree.parent(node)
        expect(f"the key of node {node}", pair.public, None if parent is None else parent.encryption_key)
        keys[node] = Secret(pair.private)
    return _Member(index, signature_private, keys)


def _check_path(case: _Case, update: Any) -> None:
    suite, tree = case.suite, case.tree
    sender, path = LeafIndex(update["sender"]), decode(UpdatePath, un(update["update_path"]))
    if tree.leaf(sender) is None:
        raise Mismatch(f"sender {sender} is no member")
    nodes = path_nodes(tree, sender, [])
    check_path_shape(nodes, path)
    check_leaf_signature(suite, path.leaf_node, case.group_id, sender)
    merged = merge_path(tree, sender, nodes, path)
    expect("tree_hash_after", merged.tree_hash, un(update["tree_hash_after"]))
    expect("tree_hash_after, computed anew", RatchetTree(suite, merged.nodes).tree_hash, un(update["tree_hash_after"]))
    context, secrets = case.context(merged), update["path_secrets"]
    readers = {index for index, _ in tree.leaves() if index != sender}
    expect("who path_secrets speaks of", {i for i, secret in enumerate(secrets) if secret is not None}, readers)
    for member in case.others(sender):
        commit_secret, shared = decrypt_path(suite, nodes, path, member.leaf, member.keys, context)
        expect(f"commit_secret of leaf {member.leaf}", commit_secret, un(update["commit_secret"]))
        wanted = derive_node_key(suite, un(secrets[member.leaf])).private
        expect(f"path_secrets[{member.leaf}]", shared[common_ancestor(sender, member.leaf)].reveal(), wanted)


def _check_own_path(case: _Case, sender: LeafIndex) -> None:
    suite, tree = case.suite, case.tree
    entropy = random.Random(sender).randbytes
    own = next(member for member in case.members if member.leaf == sender)
    old = tree.leaf(sender)
    if old is None:
        raise Mismatch(f"sender {sender} is no member")
    fresh = suite.generate_key_pair(entropy)
    unsigned = replace(old, encryption_key=fresh.public, source=LeafNodeSource.COMMIT, lifetime=None)

    def sign(parent_hash: bytes) -> LeafNode:
        leaf = replace(unsigned, parent_hash=parent_hash)
        return sign_leaf(suite, leaf, own.signature_private, case.group_id, sender)

    nodes = path_nodes(tree, sender, [])
    new = create_path(tree, sender, nodes, entropy(suite.hash_size), fresh.private, sign)
    context = case.context(new.tree)
    path = encrypt_path(new, context)
    expect("the tree hash after a path made here", merge_path(tree, sender, nodes, path).tree_hash, new.tree.tree_hash)
    for member in case.others(sender):
        commit_secret, _ = decrypt_path(suite, nodes, path, member.leaf, member.keys, context)
        expect(f"commit_secret of leaf {member.leaf}, path made here", commit_secret, new.commit_secret)
