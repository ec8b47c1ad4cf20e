"""Our own leaf made anew, for an update or a commit.

Source: RFC 9420 §7.2, §7.5
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.mls.credentials import Credential
from tacit.mls.extensions import Extensions
from tacit.mls.leaf_nodes import NO_PARENT_HASH, LeafNode, sign_leaf
from tacit.mls.registry import LeafNodeSource
from tacit.mls.tree_math import LeafIndex


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """What we show in our leaf, and the private key that goes with it; without ``extensions`` those that it has."""

    credential: Credential
    signature_private: Secret
    extensions: Extensions | None = None


def renew_leaf(
    suite: CipherSuite,
    old: LeafNode,
    identity: OwnIdentity,
    encryption_key: bytes,
    source: LeafNodeSource,
    *,
    group_id: bytes,
    index: LeafIndex,
    parent_hash: bytes = NO_PARENT_HASH,
) -> LeafNode:
    """The leaf with another encryption key, signed for its place in this group."""
    private = identity.signature_private.reveal()
    unsigned = replace(
        old,
        encryption_key=encryption_key,
        signature_key=suite.signature_key_pair(private).public,
        credential=identity.credential,
        capabilities=old.capabilities.with_credential(identity.credential),
        extensions=old.extensions if identity.extensions is None else identity.extensions,
        source=source,
        lifetime=None,
        parent_hash=parent_hash,
    )
    return sign_leaf(suite, unsigned, private, group_id, index)
