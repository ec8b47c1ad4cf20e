"""Group infos: the signed description of an epoch by which others come in, inside a Welcome or by an external commit.

Source: RFC 9420 §12.4.3, §12.4.3.3
"""

from __future__ import annotations

from dataclasses import replace

from tacit.crypto.suites import CipherSuite
from tacit.errors import DecodeError, InvalidMessage
from tacit.mls.checks.extensions import check_extensions
from tacit.mls.checks.trees import check_joined_tree, check_tree_hash
from tacit.mls.checks.welcomes import check_group_info_signature, check_signer
from tacit.mls.epochs import Epoch
from tacit.mls.extensions import Extension, Extensions, find_extension
from tacit.mls.external_init import external_pub, external_pub_extension
from tacit.mls.labels import GROUP_INFO_TBS, sign_with_label
from tacit.mls.messages import GroupInfo, decode_message
from tacit.mls.policy import Rules
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.registry import GREASE_VALUES, Container, ExtensionType


def create_group_info(
    epoch: Epoch, *, with_external_pub: bool, with_ratchet_tree: bool, extensions: Extensions = ()
) -> GroupInfo:
    """A description of an epoch, signed by our own leaf, with a GREASE extension for the tolerance of joiners.

    Who holds one with ``external_pub`` can make an external commit; whether that is taken is up to the members.
    """
    own: list[Extension] = []
    if with_ratchet_tree:
        own.append(Extension(ExtensionType.RATCHET_TREE, encode_ratchet_tree(epoch.tree)))
    if with_external_pub:
        public = external_pub(epoch.suite, epoch.secrets.external_secret.reveal())
        own.append(external_pub_extension(public))
    all_extensions = (*own, *extensions, _grease(epoch))
    check_extensions(all_extensions, Container.GROUP_INFO)
    unsigned = GroupInfo(epoch.context, all_extensions, epoch.confirmation_tag, epoch.own_leaf, b"")
    private = epoch.signature_private.reveal()
    return replace(unsigned, signature=sign_with_label(epoch.suite, private, GROUP_INFO_TBS, unsigned.to_be_signed))


def read_group_info(data: bytes) -> GroupInfo:
    """The group info in an MLSMessage, well-formed and nothing more; raises ``DecodeError``."""
    message = decode_message(data)
    if not isinstance(message, GroupInfo):
        raise DecodeError("not a group info")
    return message


def tree_of(suite: CipherSuite, group_info: GroupInfo, ratchet_tree: bytes | None) -> RatchetTree:
    """The tree in a group info, or the one that was handed over apart from it."""
    sent = find_extension(group_info.extensions, ExtensionType.RATCHET_TREE)
    data = ratchet_tree if sent is None else sent
    if data is None:
        raise InvalidMessage("12.4.3.3/no-tree")
    return decode_ratchet_tree(suite, data)


def check_public_state(suite: CipherSuite, group_info: GroupInfo, tree: RatchetTree, rules: Rules) -> None:
    """Judge what everybody who joins is told of a group: its signature, its tree and all members."""
    context = group_info.group_context
    check_group_info_signature(suite, group_info, check_signer(tree, group_info))
    check_extensions(group_info.extensions, Container.GROUP_INFO)
    check_tree_hash(tree, context.tree_hash)
    check_joined_tree(suite, tree, context.group_id, context.extensions, rules.policy.max_members)
    rules.admit_senders((), context.extensions)
    for _, member in tree.leaves():
        rules.admit(suite, None, member)


def _grease(epoch: Epoch) -> Extension:
    """An extension that means nothing, another one in every epoch. Source: RFC 9420 §13.5"""
    salt = epoch.suite.hash(epoch.confirmation_tag)
    return Extension(GREASE_VALUES[salt[0] % len(GREASE_VALUES)], salt[1 : 2 + salt[1] % 8])
