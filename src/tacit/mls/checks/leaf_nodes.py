"""Rules for leaf nodes. Source: RFC 9420 §7.2, §7.3, §13.4"""

from __future__ import annotations

from typing import Final

from tacit.crypto.certificates import subject_public_key
from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.limits import MAX_LEAF_BYTES
from tacit.mls.checks.extensions import check_extensions, check_group_context_extensions
from tacit.mls.credentials import X509Credential
from tacit.mls.extensions import Extensions, RequiredCapabilities
from tacit.mls.labels import LEAF_NODE_TBS, verify_with_label
from tacit.mls.leaf_nodes import Capabilities, LeafNode, support_of
from tacit.mls.registry import (
    DEFAULT_EXTENSION_TYPES,
    DEFAULT_PROPOSAL_TYPES,
    MLS10,
    Container,
    LeafNodeSource,
)
from tacit.mls.tree_counts import TreeCounts
from tacit.mls.tree_math import LeafIndex

_SIGNED_FOR: Final = "_signed_for"


def check_leaf(suite: CipherSuite, leaf: LeafNode, group_id: bytes, index: LeafIndex) -> None:
    """Everything about a leaf that does not depend on the other members; any source will do."""
    check_leaf_size(leaf)
    check_leaf_keys(suite, leaf)
    check_own_credential_listed(leaf)
    check_certified_key(leaf)
    check_leaf_extensions(leaf)
    check_leaf_signature(suite, leaf, group_id, index)


def check_leaf_size(leaf: LeafNode) -> None:
    """A leaf is no larger than a certificate and a few extensions make it; all members store every leaf."""
    if len(leaf.encoded) > MAX_LEAF_BYTES:
        raise InvalidMessage("limits/leaf-size")


def check_leaf_keys(suite: CipherSuite, leaf: LeafNode) -> None:
    """Both keys are of the suite, canonical and safe to use."""
    try:
        suite.check_public_key(leaf.encryption_key)
        suite.check_signature_key(leaf.signature_key)
    except CryptoError:
        raise InvalidMessage("7.2/key-form") from None


def check_version_and_suite_listed(suite: CipherSuite, leaf: LeafNode) -> None:
    """A leaf supports the version and the suite of the group."""
    if MLS10 not in leaf.capabilities.versions or suite.id not in leaf.capabilities.cipher_suites:
        raise InvalidMessage("7.2/version-and-suite")


def check_own_credential_listed(leaf: LeafNode) -> None:
    """A leaf supports the type of its own credential."""
    if leaf.credential.credential_type not in leaf.capabilities.credentials:
        raise InvalidMessage("7.2/own-credential-type")


def check_certified_key(leaf: LeafNode) -> None:
    """The key in the end-entity certificate is the leaf's signature key; the chain is judged by the application."""
    if not isinstance(leaf.credential, X509Credential):
        return
    try:
        certified = subject_public_key(leaf.credential.certificates[0])
    except (CryptoError, IndexError):
        raise InvalidMessage("5.3/x509-certificate") from None
    if certified != leaf.signature_key:
        raise InvalidMessage("5.3/x509-key")


def check_no_default_capabilities(capabilities: Capabilities) -> None:
    """What every client supports is not listed. Asked of leaves made here; others are let be."""
    listed_defaults = DEFAULT_EXTENSION_TYPES.intersection(capabilities.extensions)
    if listed_defaults or DEFAULT_PROPOSAL_TYPES.intersection(capabilities.proposals):
        raise InvalidMessage("7.2/default-capability")


def check_leaf_extensions(leaf: LeafNode) -> None:
    """Extensions of a leaf are listed in its capabilities and may stand in a leaf."""
    check_extensions(leaf.extensions, Container.LEAF_NODE)
    check_extensions_listed(leaf.extensions, leaf.capabilities)


def check_extensions_listed(extensions: Extensions, capabilities: Capabilities) -> None:
    """Every extension beyond the default ones is listed in the capabilities of the leaf that comes with it."""
    types = {extension.extension_type for extension in extensions}
    if not types - DEFAULT_EXTENSION_TYPES <= set(capabilities.extensions):
        raise InvalidMessage("7.3/extension-listed")


def check_lifetime_range(leaf: LeafNode, longest_s: int) -> None:
    """A key package is not good for longer than the longest time accepted."""
    lifetime = leaf.lifetime
    if lifetime is not None and not 0 <= lifetime.not_after - lifetime.not_before <= longest_s:
        raise InvalidMessage("7.2/lifetime-range")


def check_lifetime(leaf: LeafNode, now_s: float) -> None:
    """The present lies in the lifetime. Asked of leaves that we send; a received one may have aged on the way."""
    lifetime = leaf.lifetime
    if lifetime is not None and not lifetime.not_before <= now_s <= lifetime.not_after:
        raise InvalidMessage("7.3/lifetime")


def check_leaf_signature(suite: CipherSuite, leaf: LeafNode, group_id: bytes, index: LeafIndex) -> None:
    """The leaf is signed by its own signature key, for this group and place unless it comes from a key package.

    A leaf that has passed this remembers for which suite, group and place. It never changes, and neither does the
    answer for the same key, bytes and signature, so asking once is asking each time: a proposal is judged when it
    comes, and again with every list that it is committed in.
    """
    place = (suite.id,) if leaf.source is LeafNodeSource.KEY_PACKAGE else (suite.id, group_id, index)
    if leaf.__dict__.get(_SIGNED_FOR) == place:
        return
    content = leaf.to_be_signed(group_id, index)
    try:
        verify_with_label(suite, leaf.signature_key, LEAF_NODE_TBS, content, leaf.signature)
    except CryptoError:
        raise InvalidMessage("7.3/signature") from None
    leaf.__dict__[_SIGNED_FOR] = place


def check_leaf_source(leaf: LeafNode, expected: LeafNodeSource) -> None:
    """The leaf was made for the place where it stands."""
    if leaf.source is not expected:
        raise InvalidMessage("7.3/source")


def check_encryption_key_changed(old: LeafNode, new: LeafNode) -> None:
    """A leaf that replaces another brings a new encryption key."""
    if old.encryption_key == new.encryption_key:
        raise InvalidMessage("7.3/encryption-key-changed")


def check_required_capabilities(counts: TreeCounts, required: RequiredCapabilities) -> None:
    """Every member supports what the group requires."""
    supported = (
        counts.all_list(counts.extensions, set(required.extension_types) - DEFAULT_EXTENSION_TYPES)
        and counts.all_list(counts.proposals, set(required.proposal_types) - DEFAULT_PROPOSAL_TYPES)
        and counts.all_list(counts.credentials, required.credential_types)
    )
    if not supported:
        raise InvalidMessage("7.3/required-capabilities")


def check_supports_group_extensions(counts: TreeCounts, extensions: Extensions) -> None:
    """Every member supports every extension in the group context."""
    types = {extension.extension_type for extension in extensions}
    if not counts.all_list(counts.extensions, types - DEFAULT_EXTENSION_TYPES):
        raise InvalidMessage("13.4/group-context-extension")


def check_we_support_group_extensions(own_leaf: LeafNode, extensions: Extensions) -> None:
    """We support every extension in the group context and all it requires; the GREASE that we list is no promise."""
    own = support_of(own_leaf)
    required = check_group_context_extensions(extensions)
    types = {*required.extension_types, *(extension.extension_type for extension in extensions)}
    supported = (
        types <= DEFAULT_EXTENSION_TYPES.union(own.extension_types)
        and DEFAULT_PROPOSAL_TYPES.union(own.proposal_types).issuperset(required.proposal_types)
        and set(own.credential_types).issuperset(required.credential_types)
    )
    if not supported:
        raise InvalidMessage("13.4/unsupported-group-extension")


def check_credential_types(counts: TreeCounts) -> None:
    """Every member supports every type of credential that is in use in the group."""
    if not counts.all_list(counts.credentials, counts.credentials_in_use):
        raise InvalidMessage("7.3/credential-types")


def check_signature_keys_unique(counts: TreeCounts) -> None:
    """No two members sign with the same key, so no client is in the group twice."""
    if len(counts.signature_keys) != counts.members:
        raise InvalidMessage("7.3/signature-key-unique")
