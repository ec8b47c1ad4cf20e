"""The five kinds of MLS message as they lie on the wire.

Source: RFC 9420 §6, §6.2, §6.3, §12.4.3
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from tacit.codec import Reader, Writer, encode_opaque
from tacit.errors import DecodeError
from tacit.mls.commits import HPKECiphertext
from tacit.mls.extensions import Extensions, read_extensions, write_extensions
from tacit.mls.framing import FramedContent, FramedContentAuthData
from tacit.mls.group_context import GroupContext
from tacit.mls.key_packages import KeyPackage
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.registry import MLS10, ContentType, SenderType, WireFormat, read_enum
from tacit.mls.values import Value


@dataclass(frozen=True, slots=True)
class PublicMessage:
    """Signed content that is not encrypted; ``membership_tag`` goes with members as senders and nobody else."""

    content: FramedContent
    auth: FramedContentAuthData
    membership_tag: bytes | None

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        self.content.write(w)
        self.auth.write(w)
        if self.membership_tag is not None:
            w.opaque(self.membership_tag)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        content = FramedContent.read(r)
        auth = FramedContentAuthData.read(r, content.content_type)
        return cls(content, auth, r.opaque() if content.sender.sender_type is SenderType.MEMBER else None)


class PrivateMessage(Value, frozen=True):
    """Signed content, encrypted."""

    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes
    encrypted_sender_data: bytes
    ciphertext: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        parts = (
            encode_opaque(self.group_id),
            self.epoch.to_bytes(8, "big"),
            self.content_type.to_bytes(1, "big"),
            encode_opaque(self.authenticated_data),
            encode_opaque(self.encrypted_sender_data),
            encode_opaque(self.ciphertext),
        )
        w.fixed(b"".join(parts))

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), r.u64(), read_enum(ContentType, r.u8()), r.opaque(), r.opaque(), r.opaque())


@dataclass(frozen=True)
class GroupInfo:
    """A signed description of an epoch for those who join in it. Source: RFC 9420 §12.4.3"""

    group_context: GroupContext
    extensions: Extensions
    confirmation_tag: bytes
    signer: int
    signature: bytes

    @cached_property
    def to_be_signed(self) -> bytes:
        """GroupInfoTBS."""
        w = Writer()
        self.group_context.write(w)
        write_extensions(w, self.extensions)
        w.opaque(self.confirmation_tag)
        w.u32(self.signer)
        return w.finish()

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.to_be_signed)
        w.opaque(self.signature)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(GroupContext.read(r), read_extensions(r), r.opaque(), r.u32(), r.opaque())


@dataclass(frozen=True, slots=True)
class GroupSecrets:
    """What one new member needs to begin. Source: RFC 9420 §12.4.3.1"""

    joiner_secret: bytes
    path_secret: bytes | None
    psks: tuple[PreSharedKeyID, ...]

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.opaque(self.joiner_secret)
        w.optional(self.path_secret, Writer.opaque)
        w.vector(self.psks, Writer.struct)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), r.optional(Reader.opaque), r.vector(PreSharedKeyID.read))

    def __repr__(self) -> str:
        return "<GroupSecrets>"


@dataclass(frozen=True, slots=True)
class EncryptedGroupSecrets:
    """GroupSecrets for the client that made the key package ``new_member``."""

    new_member: bytes
    encrypted_group_secrets: HPKECiphertext

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.opaque(self.new_member)
        self.encrypted_group_secrets.write(w)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), HPKECiphertext.read(r))


@dataclass(frozen=True, slots=True)
class Welcome:
    """An invitation for everyone that one commit added. Source: RFC 9420 §12.4.3.1"""

    cipher_suite: int
    secrets: tuple[EncryptedGroupSecrets, ...]
    encrypted_group_info: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.cipher_suite)
        w.vector(self.secrets, Writer.struct)
        w.opaque(self.encrypted_group_info)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.u16(), r.vector(EncryptedGroupSecrets.read), r.opaque())


_VERSION: Final = MLS10.to_bytes(2, "big")

Message = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage


def encode_message(message: Message) -> bytes:
    """The MLSMessage that holds ``message``."""
    w = Writer()
    w.fixed(_VERSION + wire_format_of(message).to_bytes(2, "big"))
    message.write(w)
    return w.finish()


def wire_format_of(message: Message) -> WireFormat:
    """The wire format of a message."""
    return _WIRE_FORMATS[type(message)]


def decode_message(data: bytes) -> Message:
    """What an MLSMessage holds, unverified; raises ``DecodeError``."""
    r = Reader(data)
    if r.u16() != MLS10:
        raise DecodeError("message of another version of MLS")
    message = _READERS[read_enum(WireFormat, r.u16())](r)
    r.finish()
    if isinstance(message, KeyPackage) and message.version != MLS10:
        raise DecodeError("key package of another version of MLS")
    return message


_WIRE_FORMATS: dict[type[Message], WireFormat] = {
    PublicMessage: WireFormat.PUBLIC_MESSAGE,
    PrivateMessage: WireFormat.PRIVATE_MESSAGE,
    Welcome: WireFormat.WELCOME,
    GroupInfo: WireFormat.GROUP_INFO,
    KeyPackage: WireFormat.KEY_PACKAGE,
}

_READERS: dict[WireFormat, Callable[[Reader], Message]] = {
    wire_format: message.read for message, wire_format in _WIRE_FORMATS.items()
}
