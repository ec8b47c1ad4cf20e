"""Proposals of those who are no members: senders whom the group has named, and who asks to be added.

They hold no keys of the group, so what they send is signed and not encrypted, and bound to group and epoch only.
Source: RFC 9420 §6.1, §12.1.8
"""

from __future__ import annotations

from tacit.crypto.suites import CipherSuite, suite
from tacit.mls.checks.external import check_external_sender_may_propose
from tacit.mls.framing import FramedContent, FramedContentAuthData, Sender
from tacit.mls.key_packages import KeyPackageBundle
from tacit.mls.messages import PublicMessage, encode_message
from tacit.mls.proposals import Add, Proposal
from tacit.mls.protection import sign_content
from tacit.mls.registry import WireFormat
from tacit.mls.senders import ExternalSenderIndex, NewMember, ProposalSender


def propose_externally(
    proposal: Proposal,
    *,
    group_id: bytes,
    epoch: int,
    suite_id: int,
    sender_index: int,
    signature_private: bytes,
    aad: bytes = b"",
) -> bytes:
    """A proposal of the sender that the group's ``external_senders`` extension names at ``sender_index``.

    Raises ``InvalidMessage`` for a type of proposal that external senders may not make.
    """
    check_external_sender_may_propose(proposal)
    sender = ExternalSenderIndex(sender_index)
    return _propose(suite(suite_id), proposal, sender, group_id, epoch, signature_private, aad)


def propose_joining(bundle: KeyPackageBundle, *, group_id: bytes, epoch: int, aad: bytes = b"") -> bytes:
    """The proposal to add us; keep ``bundle`` for the Welcome that comes if a member commits it."""
    cipher_suite = suite(bundle.key_package.cipher_suite)
    private = bundle.signature_private.reveal()
    return _propose(cipher_suite, Add(bundle.key_package), NewMember(), group_id, epoch, private, aad)


def _propose(
    cipher_suite: CipherSuite,
    proposal: Proposal,
    sender: ProposalSender,
    group_id: bytes,
    epoch: int,
    signature_private: bytes,
    aad: bytes,
) -> bytes:
    content = FramedContent(group_id, epoch, Sender.of(sender), aad, proposal)
    signature = sign_content(cipher_suite, signature_private, WireFormat.PUBLIC_MESSAGE, content, b"")
    return encode_message(PublicMessage(content, FramedContentAuthData(signature), None))
