"""Rules for joining by a Welcome. Source: RFC 9420 §12.4.3.1"""

from __future__ import annotations

from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.mls.checks.proposals import check_psk_nonce
from tacit.mls.group_context import GroupContext
from tacit.mls.key_packages import KeyPackage
from tacit.mls.labels import GROUP_INFO_TBS, verify_with_label
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import GroupInfo, GroupSecrets, Welcome
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.tree_math import LeafIndex


def check_welcome_suite(welcome: Welcome, key_package: KeyPackage) -> None:
    """The Welcome is of the suite of the KeyPackage that it names."""
    if welcome.cipher_suite != key_package.cipher_suite:
        raise InvalidMessage("12.4.3.1/welcome-suite")


def check_welcome_psks(suite: CipherSuite, group_secrets: GroupSecrets) -> None:
    """Pre-shared keys come with nonces of their own."""
    for psk in group_secrets.psks:
        check_psk_nonce(suite, psk)


def check_signer(tree: RatchetTree, group_info: GroupInfo) -> LeafNode:
    """Who signed the group info is a member."""
    leaf = tree.leaf(LeafIndex(group_info.signer))
    if leaf is None:
        raise InvalidMessage("12.4.3.1/signer")
    return leaf


def check_group_info_signature(suite: CipherSuite, group_info: GroupInfo, signer: LeafNode) -> None:
    """The signature is by the member that the group info names, and by no other."""
    content = group_info.to_be_signed
    try:
        verify_with_label(suite, signer.signature_key, GROUP_INFO_TBS, content, group_info.signature)
    except CryptoError:
        raise InvalidMessage("12.4.3/group-info-signature") from None


def check_group_is_new(known: bool) -> None:
    """We are not in a group of that ID."""
    if known:
        raise InvalidMessage("12.4.3.1/group-id-unique")


def check_group_suite(context: GroupContext, suite: CipherSuite) -> None:
    """The group is of the suite of the KeyPackage."""
    if context.cipher_suite != suite.id:
        raise InvalidMessage("12.4.3.1/group-suite")


def check_own_leaf(tree: RatchetTree, leaf: LeafNode) -> LeafIndex:
    """Exactly our leaf, as it stands in the KeyPackage, is in the tree."""
    for index, other in tree.leaves():
        if other.encoded == leaf.encoded:
            return index
    raise InvalidMessage("12.4.3.1/own-leaf")


def check_path_node(shared: bool) -> None:
    """A path secret is for a node that we share with whoever signed the group info."""
    if not shared:
        raise InvalidMessage("12.4.3.1/path-secret-node")


def check_path_secret_matches(derived: bytes, parent: ParentNode) -> None:
    """The keys that the path secret gives are those in the tree."""
    if derived != parent.encryption_key:
        raise InvalidMessage("12.4.3.1/path-secret")


def check_path_secret_complete(known: bool) -> None:
    """We have the private key of every node above us that does not list us as unmerged. Source: RFC 9420 §4.2"""
    if not known:
        raise InvalidMessage("12.4.3.1/path-secret-missing")
