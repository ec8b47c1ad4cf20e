"""Honest messages of a small real group, for targets to begin from."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from tacit.crypto.suites import X25519_SUITE, suite
from tacit.mls import Add, Group, KeyPackageBundle, LeafNode, create_group, create_key_package, join, save

NOW_S = 1_800_000_000


def anyone(old: LeafNode | None, new: LeafNode) -> None:
    """Accept every leaf: identity is not what is being fuzzed."""


def nothing_known(group_id: bytes) -> bool:
    """No group is known yet."""
    return False


@dataclass(frozen=True)
class Conversation:
    """What went over the wire when one member made a group, added two others and said something."""

    key_packages: tuple[bytes, ...]
    commit: bytes
    welcome: bytes
    application: bytes
    proposal: bytes
    next_commit: bytes
    public_commit: bytes
    group_info: bytes
    joiner: KeyPackageBundle
    reader: Group
    """A member that has seen none of the messages after the Welcome."""
    blobs: tuple[bytes, ...]
    pending: bytes
    """The stored form of a commit that waits."""


@cache
def conversation() -> Conversation:
    """Make one in the classical suite, whose messages are short."""
    entropy = random.Random(9420).randbytes
    keys = [suite(X25519_SUITE).generate_signature_key_pair(entropy).private for _ in range(4)]
    bundles = [
        create_key_package(X25519_SUITE, name, key, now_s=NOW_S, entropy=entropy)
        for name, key in zip((b"bob", b"maya", b"zoe"), keys[1:], strict=True)
    ]
    alice = create_group(b"group", X25519_SUITE, b"alice", keys[0], now_s=NOW_S, entropy=entropy)
    adds = [Add(bundle.key_package) for bundle in bundles[:2]]
    alice, pending = alice.create_commit(adds, now_s=NOW_S, entropy=entropy, authenticate=anyone)
    alice = alice.merge(pending)
    assert pending.welcome is not None
    bob = join(pending.welcome, bundles[:1], authenticate=anyone, known_group=nothing_known).group
    alice, application = alice.seal(b"hello", entropy=entropy)
    alice, next_pending = alice.create_commit(
        [Add(bundles[2].key_package)], now_s=NOW_S, entropy=entropy, authenticate=anyone
    )
    _, public = alice.create_commit([], public=True, now_s=NOW_S, entropy=entropy, authenticate=anyone)
    _, proposal = alice.propose(Add(bundles[2].key_package), entropy=entropy)
    saved = save(bob)
    return Conversation(
        key_packages=tuple(bundle.key_package_bytes for bundle in bundles),
        commit=pending.commit,
        welcome=pending.welcome,
        application=application,
        proposal=proposal,
        next_commit=next_pending.commit,
        public_commit=public.commit,
        group_info=alice.group_info(),
        joiner=bundles[0],
        reader=bob,
        blobs=(saved.epoch_blob, saved.ratchet_blob),
        pending=next_pending.encode(),
    )
