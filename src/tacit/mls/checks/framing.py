"""Rules for framed messages. Source: RFC 9420 §6"""

from __future__ import annotations

from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.mls.commits import Commit
from tacit.mls.framing import AuthenticatedContent, Body, Sender
from tacit.mls.labels import FRAMED_CONTENT_TBS, verify_with_label
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.proposals import Proposal
from tacit.mls.registry import ContentType, SenderType


def check_sender_is_member(leaf: LeafNode | None) -> LeafNode:
    """The leaf that a message names as its sender is not blank and lies in the tree."""
    if leaf is None:
        raise InvalidMessage("6.3.2/sender-leaf")
    return leaf


def check_application_is_private(body: Body) -> Proposal | Commit:
    """What is not encrypted is no application data."""
    if isinstance(body, bytes):
        raise InvalidMessage("6/application-is-private")
    return body


def check_public_allowed(allowed: bool) -> None:
    """Handshake messages come encrypted, unless the group has another policy."""
    if not allowed:
        raise InvalidMessage("6/handshake-is-private")


def check_sender_may_send(sender: Sender, content_type: ContentType) -> None:
    """Who is not a member sends what the RFC lets him send, and no more."""
    if sender.sender_type is SenderType.NEW_MEMBER_COMMIT:
        allowed = content_type is ContentType.COMMIT
    elif sender.sender_type is SenderType.MEMBER:
        allowed = True
    else:
        allowed = content_type is ContentType.PROPOSAL
    if not allowed:
        raise InvalidMessage("6.1/sender-type")


def check_content_signature(
    suite: CipherSuite, message: AuthenticatedContent, signature_key: bytes, group_context: bytes
) -> None:
    """The signature is by the key that belongs to the sender, over the content, the wire format and the context."""
    content = message.content.to_be_signed(message.wire_format, group_context)
    try:
        verify_with_label(suite, signature_key, FRAMED_CONTENT_TBS, content, message.auth.signature)
    except CryptoError:
        raise InvalidMessage("6.1/signature") from None


def check_membership_tag(suite: CipherSuite, membership_key: bytes, content: bytes, tag: bytes | None) -> None:
    """The tag is the whole MAC of AuthenticatedContentTBM; an empty or shortened one is none."""
    try:
        suite.verify_mac(membership_key, content, tag or b"")
    except CryptoError:
        raise InvalidMessage("6.2/membership-tag") from None


def check_confirmation_tag(
    suite: CipherSuite, confirmation_key: bytes, confirmed_transcript_hash: bytes, tag: bytes | None
) -> None:
    """The tag is the whole MAC of the confirmed transcript hash; an empty or shortened one is none."""
    try:
        suite.verify_mac(confirmation_key, confirmed_transcript_hash, tag or b"")
    except CryptoError:
        raise InvalidMessage("6.1/confirmation-tag") from None


def check_padding(padding: bytes) -> None:
    """Padding is nothing but zeros."""
    if padding.count(0) != len(padding):
        raise InvalidMessage("6.3.1/padding")
