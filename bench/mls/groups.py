"""Groups to measure with: everyone has committed, so that no node is blank and no leaf unmerged.

``warm_group`` makes one as its members would, by real commits and Welcomes, which takes a while for each member.
``steady_group`` fills a tree of any size at once, with real keys and parent hashes, and gives two of its members.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from tacit.crypto.keys import KeyPair
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite, suite
from tacit.mls import Add, Group, KeyPackageBundle, LeafNode, create_group, create_key_package, join
from tacit.mls.epochs import begin_epoch
from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import schedule_epoch
from tacit.mls.own_leaf import OwnIdentity, renew_leaf
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource
from tacit.mls.tree_math import LeafIndex, NodeIndex, direct_path, node_of
from tacit.mls.update_paths import create_path, path_nodes

NOW_S: Final = 1_800_000_000
GROUP_ID: Final = b"bench"


@dataclass(frozen=True)
class WarmGroup:
    """The first and the last member of a group whose tree has no blank and no unmerged leaf."""

    first: Group
    last: Group


def warm_group(number: int, size: int) -> WarmGroup:
    """Everyone adds the next one, who joins and does the same; the first member follows along."""
    keys = suite(number).generate_signature_key_pair(os.urandom).private
    first = last = create_group(GROUP_ID, number, b"0", keys, now_s=NOW_S, entropy=os.urandom)
    for index in range(1, size):
        bundle = bundle_of(number, index)
        last, pending = last.create_commit(
            [Add(bundle.key_package)], now_s=NOW_S, entropy=os.urandom, authenticate=anyone
        )
        first = last.merge(pending) if index == 1 else follow(first, pending.commit)
        assert pending.welcome is not None
        last = join(pending.welcome, [bundle], authenticate=anyone, known_group=unknown).group
    last, pending = last.create_commit([], now_s=NOW_S, entropy=os.urandom, authenticate=anyone)
    return WarmGroup(follow(first, pending.commit), last.merge(pending))


def steady_group(number: int, size: int) -> WarmGroup:
    """A group of ``size`` members as it is after many commits by everyone, made without sending any of them."""
    s = suite(number)
    signers = [s.generate_signature_key_pair(os.urandom) for _ in range(size)]
    tree, private_keys = _full_tree(s, signers)
    context = GroupContext(number, GROUP_ID, size, tree.tree_hash, os.urandom(s.hash_size), ())
    epoch_secret = os.urandom(s.hash_size)

    def member(leaf: LeafIndex) -> Group:
        known = [node for node in (node_of(leaf), *direct_path(node_of(leaf), tree.leaf_count)) if node in private_keys]
        keys = schedule_epoch(s, epoch_secret)
        own = {node: private_keys[node] for node in known}
        begun = begin_epoch(s, context, tree, leaf, own, Secret(signers[leaf].private), keys)
        return Group(begun.epoch, begun.secret_tree)

    return WarmGroup(member(LeafIndex(0)), member(LeafIndex(size - 1)))


def _full_tree(s: CipherSuite, signers: list[KeyPair]) -> tuple[RatchetTree, dict[NodeIndex, Secret]]:
    """A tree in which every second member, and the last, has committed; and every private key in it."""
    private_keys: dict[NodeIndex, Secret] = {}
    edit = None
    for index, signer in enumerate(signers):
        bundle = create_key_package(s.id, name_of(index), signer.private, now_s=NOW_S, entropy=os.urandom)
        private_keys[node_of(LeafIndex(index))] = bundle.encryption_private
        if edit is None:
            edit = RatchetTree.of_one(s, bundle.key_package.leaf_node).edit()
        else:
            edit.add(bundle.key_package.leaf_node)
    assert edit is not None
    tree = edit.finish()
    for index in sorted({*range(0, len(signers), 2), len(signers) - 1}):
        leaf, encryption = LeafIndex(index), s.generate_key_pair(os.urandom)
        old = tree.leaf(leaf)
        assert old is not None
        identity = OwnIdentity(old.credential, Secret(signers[index].private))

        def sign(
            parent_hash: bytes,
            *,
            old: LeafNode = old,
            leaf: LeafIndex = leaf,
            public: bytes = encryption.public,
            identity: OwnIdentity = identity,
        ) -> LeafNode:
            source = LeafNodeSource.COMMIT
            return renew_leaf(s, old, identity, public, source, group_id=GROUP_ID, index=leaf, parent_hash=parent_hash)

        path = create_path(tree, leaf, path_nodes(tree, leaf, []), os.urandom(s.hash_size), encryption.private, sign)
        tree = path.tree
        private_keys.update(path.private_keys)
    return tree, private_keys


def bundle_of(number: int, index: int) -> KeyPackageBundle:
    """A client that could be added, with a signature key of its own."""
    own = suite(number).generate_signature_key_pair(os.urandom).private
    return create_key_package(number, name_of(index), own, now_s=NOW_S, entropy=os.urandom)


def follow(group: Group, commit: bytes) -> Group:
    """The group after another member's commit."""
    after = group.process(commit, authenticate=anyone, now_s=NOW_S).group_after  # type: ignore[union-attr]
    assert after is not None
    return after


def name_of(index: int) -> bytes:
    """The identity of a member."""
    return str(index).encode()


def anyone(old: LeafNode | None, new: LeafNode) -> None:
    """Accept every leaf: identity is measured elsewhere."""


def unknown(group_id: bytes) -> bool:
    """No group is known here yet."""
    return False
