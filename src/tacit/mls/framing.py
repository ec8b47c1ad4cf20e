"""Framed content: application data, proposals and commits with their sender and its signature.

Source: RFC 9420 §6, §6.1
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Self

from tacit.codec import Reader, Writer, encode_opaque, encode_varint
from tacit.crypto.suites import CipherSuite
from tacit.mls.commits import Commit
from tacit.mls.labels import PROPOSAL_REFERENCE, ref_hash
from tacit.mls.proposals import Proposal, read_proposal, write_proposal
from tacit.mls.registry import MLS10, ContentType, SenderType, WireFormat, read_enum
from tacit.mls.senders import ExternalSenderIndex, NewMember, ProposalSender
from tacit.mls.tree_math import LeafIndex
from tacit.mls.values import Value

Body = bytes | Proposal | Commit
"""What a message carries; bytes are application data."""

_VERSION: Final = MLS10.to_bytes(2, "big")


class Sender(Value, frozen=True):
    """Who sent a message; ``index`` is a leaf for members, a place in ``external_senders`` for external ones."""

    sender_type: SenderType
    index: int = 0

    @classmethod
    def member(cls, leaf: LeafIndex) -> Self:
        """The member at ``leaf``."""
        return cls(SenderType.MEMBER, leaf)

    @classmethod
    def of(cls, sender: ProposalSender) -> Self:
        """Whoever made a proposal."""
        match sender:
            case ExternalSenderIndex(index):
                return cls(SenderType.EXTERNAL, index)
            case NewMember():
                return cls(SenderType.NEW_MEMBER_PROPOSAL)
            case leaf:
                return cls.member(leaf)

    @property
    def proposal_sender(self) -> ProposalSender:
        """The same as the maker of a proposal."""
        if self.sender_type is SenderType.MEMBER:
            return LeafIndex(self.index)
        return ExternalSenderIndex(self.index) if self.sender_type is SenderType.EXTERNAL else NewMember()

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @property
    def encoded(self) -> bytes:
        """The whole encoding."""
        sender_type = self.sender_type
        if sender_type is SenderType.MEMBER or sender_type is SenderType.EXTERNAL:
            return sender_type.to_bytes(1, "big") + self.index.to_bytes(4, "big")
        return sender_type.to_bytes(1, "big")

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        sender_type = read_enum(SenderType, r.u8())
        return cls(sender_type, r.u32() if sender_type in (SenderType.MEMBER, SenderType.EXTERNAL) else 0)


class FramedContent(Value, frozen=True, dict=True):
    """A message before it is signed."""

    group_id: bytes
    epoch: int
    sender: Sender
    authenticated_data: bytes
    body: Body

    def __repr__(self) -> str:
        return f"<FramedContent of {self.sender} in epoch {self.epoch}>"

    @property
    def content_type(self) -> ContentType:
        """What kind of body this is."""
        return content_type_of(self.body)

    @cached_property
    def encoded_body(self) -> bytes:
        """The body alone, which a PrivateMessageContent begins with."""
        return encode_body(self.body)

    @cached_property
    def encoded(self) -> bytes:
        """The whole encoding."""
        return self._encode(self.encoded_body)

    def with_body_as_sent(self, body: bytes) -> Self:
        """The same content, which from now on remembers the encoding that its body came in."""
        self.__dict__.update(encoded_body=body, encoded=self._encode(body))
        return self

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        start = r.position
        group_id, epoch, sender, authenticated_data = r.opaque(), r.u64(), Sender.read(r), r.opaque()
        body = read_body(r, read_enum(ContentType, r.u8()))
        content = cls(group_id, epoch, sender, authenticated_data, body)
        content.__dict__["encoded"] = r.since(start)
        return content

    def to_be_signed(self, wire_format: WireFormat, group_context: bytes) -> bytes:
        """FramedContentTBS; only members' and new members' commits and messages cover the encoded group context."""
        parts = [_VERSION, wire_format.to_bytes(2, "big"), self.encoded]
        if self.sender.sender_type in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT):
            parts.append(group_context)
        return b"".join(parts)

    def _encode(self, body: bytes) -> bytes:
        parts = (
            encode_opaque(self.group_id),
            self.epoch.to_bytes(8, "big"),
            self.sender.encoded,
            encode_opaque(self.authenticated_data),
            content_type_of(self.body).to_bytes(1, "big"),
            body,
        )
        return b"".join(parts)


class FramedContentAuthData(Value, frozen=True):
    """What authenticates a message; the confirmation tag goes with commits and nothing else."""

    signature: bytes
    confirmation_tag: bytes | None = None

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @property
    def encoded(self) -> bytes:
        """The whole encoding."""
        encoded, tag = encode_opaque(self.signature), self.confirmation_tag
        return encoded if tag is None else encoded + encode_opaque(tag)

    @classmethod
    def read(cls, r: Reader, content_type: ContentType) -> Self:
        """Take off ``r`` what goes with that content."""
        return cls(r.opaque(), r.opaque() if content_type is ContentType.COMMIT else None)


class AuthenticatedContent(Value, frozen=True):
    """A message with its signature, and the wire format that the signature covers."""

    wire_format: WireFormat
    content: FramedContent
    auth: FramedContentAuthData

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.wire_format)
        self.content.write(w)
        self.auth.write(w)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        wire_format = read_enum(WireFormat, r.u16())
        content = FramedContent.read(r)
        return cls(wire_format, content, FramedContentAuthData.read(r, content.content_type))

    def proposal_ref(self, suite: CipherSuite) -> bytes:
        """The ProposalRef by which a commit names the proposal in here: Nh bytes. Source: RFC 9420 §5.2"""
        w = Writer()
        self.write(w)
        return ref_hash(suite, PROPOSAL_REFERENCE, w.finish())


def content_type_of(body: Body) -> ContentType:
    """What kind of body this is."""
    if isinstance(body, bytes):
        return ContentType.APPLICATION
    return ContentType.COMMIT if isinstance(body, Commit) else ContentType.PROPOSAL


def encode_body(body: Body) -> bytes:
    """The body alone, as it stands in a FramedContent and in a PrivateMessageContent."""
    if isinstance(body, bytes):
        return encode_varint(len(body)) + body
    w = Writer()
    if isinstance(body, Commit):
        body.write(w)
    else:
        write_proposal(w, body)
    return w.finish()


def read_body(r: Reader, content_type: ContentType) -> Body:
    """Take a body of that type off ``r``."""
    if content_type is ContentType.APPLICATION:
        return r.opaque()
    return Commit.read(r) if content_type is ContentType.COMMIT else read_proposal(r)
