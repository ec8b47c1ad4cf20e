from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from tacit.codec import decode
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
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
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex


def context_of(suite: CipherSuite, case: Any, tree: RatchetTree) -> bytes:
    confirmed = un(case["confirmed_transcript_hash"])
    return GroupContext(suite.id, un(case["group_id"]), case["epoch"], tree.tree_hash, confirmed, ()).encoded


def private_keys_of(suite: CipherSuite, tree: RatchetTree, member: Any) -> PrivateKeys:
    keys = {node_of(LeafIndex(member["index"])): Secret(un(member["encryption_priv"]))}
    for known in member["path_secrets"]:
        pair = derive_node_key(suite, un(known["path_secret"]))
        parent = tree.parent(NodeIndex(known["node"]))
        assert parent is not None
        assert parent.encryption_key == pair.public
        keys[NodeIndex(known["node"])] = Secret(pair.private)
    return keys


def check_update(suite: CipherSuite, case: Any, tree: RatchetTree, update: Any) -> None:
    sender, path = LeafIndex(update["sender"]), decode(UpdatePath, un(update["update_path"]))
    nodes = path_nodes(tree, sender, [])
    check_path_shape(nodes, path)
    merged = merge_path(tree, sender, nodes, path)
    assert merged.tree_hash == un(update["tree_hash_after"])
    assert RatchetTree(suite, merged.nodes).tree_hash == merged.tree_hash
    context = context_of(suite, case, merged)
    for member in case["leaves_private"]:
        if member["index"] == sender:
            continue
        own_leaf = LeafIndex(member["index"])
        keys = private_keys_of(suite, tree, member)
        commit_secret, shared = decrypt_path(suite, nodes, path, own_leaf, keys, context)
        assert commit_secret == un(update["commit_secret"])
        expected = derive_node_key(suite, un(update["path_secrets"][own_leaf]))
        assert shared[common_ancestor(sender, own_leaf)] == Secret(expected.private)
    create_and_read_own(suite, case, tree, sender)


def create_and_read_own(suite: CipherSuite, case: Any, tree: RatchetTree, sender: LeafIndex) -> None:
    entropy = random.Random(sender).randbytes
    own = next(member for member in case["leaves_private"] if member["index"] == sender)
    old = tree.leaf(sender)
    assert old is not None
    fresh = suite.generate_key_pair(entropy)

    def sign(parent_hash: bytes) -> LeafNode:
        leaf = replace(
            old,
            encryption_key=fresh.public,
            source=LeafNodeSource.COMMIT,
            lifetime=None,
            parent_hash=parent_hash,
        )
        return sign_leaf(suite, leaf, un(own["signature_priv"]), un(case["group_id"]), sender)

    nodes = path_nodes(tree, sender, [])
    new = create_path(tree, sender, nodes, entropy(suite.hash_size), fresh.private, sign)
    context = context_of(suite, case, new.tree)
    path = encrypt_path(new, context)
    assert merge_path(tree, sender, nodes, path).tree_hash == new.tree.tree_hash
    for member in case["leaves_private"]:
        if member["index"] != sender:
            keys = private_keys_of(suite, tree, member)
            commit_secret, _ = decrypt_path(suite, nodes, path, LeafIndex(member["index"]), keys, context)
            assert commit_secret == new.commit_secret


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("treekem"):
        tree = decode_ratchet_tree(suite, un(case["ratchet_tree"]))
        for update in case["update_paths"]:
            check_update(suite, case, tree, update)
        ran += 1
    count_suites("treekem", ran)
