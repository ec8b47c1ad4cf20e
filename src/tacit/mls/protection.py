"""Turns signed content into messages and back: MACs for public ones, two layers of encryption for private ones.

Opening goes through types that only the step before can make: a ``PrivateMessage`` opens to ``Unverified`` content, and
only its ``verify`` gives ``AuthenticatedContent``. Source: RFC 9420 §6.1, §6.2, §6.3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tacit.codec import Reader, encode_varint
from tacit.crypto.padme import padme
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.errors import CryptoError, DecodeError, InvalidMessage
from tacit.mls.checks.framing import (
    check_application_is_private,
    check_content_signature,
    check_membership_tag,
    check_padding,
    check_sender_is_member,
)
from tacit.mls.errors import OwnMessage
from tacit.mls.framing import (
    AuthenticatedContent,
    FramedContent,
    FramedContentAuthData,
    Sender,
    read_body,
)
from tacit.mls.labels import FRAMED_CONTENT_TBS, kdf_label, sign_with_label
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import PrivateMessage, PublicMessage
from tacit.mls.registry import ContentType, WireFormat
from tacit.mls.secret_tree import MessageKey, RatchetKind, SecretTree
from tacit.mls.tree_math import LeafIndex
from tacit.mls.values import Value

REUSE_GUARD_SIZE: Final = 4


class EpochKeys(Value, frozen=True):
    """What it takes to read and write the private messages of one epoch, as the member at ``own_leaf``."""

    suite: CipherSuite
    group_context: bytes
    own_leaf: LeafIndex
    sender_data_secret: bytes
    secret_tree: SecretTree
    leaves: Mapping[LeafIndex, LeafNode]

    def __repr__(self) -> str:
        return "<EpochKeys>"


class SenderData(Value, frozen=True):
    """Who encrypted a private message, with which key. Source: RFC 9420 §6.3.2"""

    leaf_index: LeafIndex
    generation: int
    reuse_guard: bytes

    def encode(self) -> bytes:
        """The encoding: 12 bytes."""
        return self.leaf_index.to_bytes(4, "big") + self.generation.to_bytes(4, "big") + self.reuse_guard


class Unverified(Value, frozen=True):
    """A message that was opened and whose signature has not been looked at yet."""

    _message: AuthenticatedContent
    sender_leaf: LeafNode
    generation: int
    secret_tree: SecretTree

    def verify(self, keys: EpochKeys) -> AuthenticatedContent:
        """The content, once its signature has turned out to be the sender's; raises ``InvalidMessage``."""
        check_content_signature(keys.suite, self._message, self.sender_leaf.signature_key, keys.group_context)
        return self._message


def sign_content(
    suite: CipherSuite, private_key: bytes, wire_format: WireFormat, content: FramedContent, group_context: bytes
) -> bytes:
    """The signature of FramedContentAuthData."""
    to_be_signed = content.to_be_signed(wire_format, group_context)
    return sign_with_label(suite, private_key, FRAMED_CONTENT_TBS, to_be_signed)


def seal_private(
    keys: EpochKeys, content: FramedContent, auth: FramedContentAuthData, entropy: Entropy
) -> tuple[PrivateMessage, SecretTree]:
    """Encrypt content that the own member signed, padded; the tree comes back without the key that was used."""
    suite, content_type = keys.suite, content.content_type
    key, secret_tree = keys.secret_tree.next_key(suite, keys.own_leaf, ratchet_kind(content_type))
    guard = entropy(REUSE_GUARD_SIZE)
    header = _header(content.group_id, content.epoch, content_type)
    aad = header + encode_varint(len(content.authenticated_data)) + content.authenticated_data
    ciphertext = suite.aead_seal(key.key, _guarded(key, guard), aad, _pad(_private_content(content, auth)))
    sender_data_key, sender_data_nonce = _sender_data_key(keys, ciphertext)
    sender_data = SenderData(keys.own_leaf, key.generation, guard).encode()
    encrypted_sender_data = suite.aead_seal(sender_data_key, sender_data_nonce, header, sender_data)
    message = PrivateMessage(
        content.group_id, content.epoch, content_type, content.authenticated_data, encrypted_sender_data, ciphertext
    )
    return message, secret_tree


def open_sender_data(keys: EpochKeys, message: PrivateMessage) -> SenderData:
    """Who sent a private message and with which key; authentic only in that some member wrote it."""
    key, nonce = _sender_data_key(keys, message.ciphertext)
    header = _header(message.group_id, message.epoch, message.content_type)
    try:
        data = keys.suite.aead_open(key, nonce, header, message.encrypted_sender_data)
    except CryptoError:
        raise InvalidMessage("6.3.2/sender-data") from None
    r = Reader(data)
    sender_data = SenderData(LeafIndex(r.u32()), r.u32(), r.fixed(REUSE_GUARD_SIZE))
    r.finish()
    return sender_data


def open_private(keys: EpochKeys, message: PrivateMessage) -> Unverified:
    """Decrypt a message of another member; raises ``InvalidMessage``, and ``OwnMessage`` for one of our own."""
    sender_data = open_sender_data(keys, message)
    sender_leaf = check_sender_is_member(keys.leaves.get(sender_data.leaf_index))
    if sender_data.leaf_index == keys.own_leaf:
        is_signed = _is_signed(keys, message, sender_data, sender_leaf)
        raise OwnMessage(message.epoch, sender_data.generation, is_signed=is_signed)
    return open_content(keys, message, sender_data, sender_leaf)


def protect_public(
    suite: CipherSuite,
    membership_key: bytes,
    content: FramedContent,
    auth: FramedContentAuthData,
    group_context: bytes,
) -> PublicMessage:
    """A member's handshake message in the clear, with its membership tag. Source: RFC 9420 §6.2"""
    check_application_is_private(content.body)
    tag = suite.mac(membership_key, _membership_input(content, auth, group_context))
    return PublicMessage(content, auth, tag)


def open_public(
    suite: CipherSuite, membership_key: bytes, message: PublicMessage, signature_key: bytes, group_context: bytes
) -> AuthenticatedContent:
    """A member's handshake message, once its tag and its signature have turned out right; raises ``InvalidMessage``."""
    content, auth = message.content, message.auth
    check_application_is_private(content.body)
    check_membership_tag(suite, membership_key, _membership_input(content, auth, group_context), message.membership_tag)
    authenticated = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, content, auth)
    check_content_signature(suite, authenticated, signature_key, group_context)
    return authenticated


def open_from_outside(
    suite: CipherSuite, message: PublicMessage, signature_key: bytes, group_context: bytes
) -> AuthenticatedContent:
    """What somebody who is no member sends, once its signature has turned out right; raises ``InvalidMessage``."""
    authenticated = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, message.content, message.auth)
    check_content_signature(suite, authenticated, signature_key, group_context)
    return authenticated


def ratchet_kind(content_type: ContentType) -> RatchetKind:
    """The ratchet that the keys for such content come from."""
    return RatchetKind.APPLICATION if content_type is ContentType.APPLICATION else RatchetKind.HANDSHAKE


def _is_signed(keys: EpochKeys, message: PrivateMessage, sender_data: SenderData, sender_leaf: LeafNode) -> bool:
    """Whether the sender that a message names has signed it, as far as there is a key to open it."""
    try:
        open_content(keys, message, sender_data, sender_leaf).verify(keys)
    except (InvalidMessage, DecodeError):
        return False
    return True


def open_content(
    keys: EpochKeys, message: PrivateMessage, sender_data: SenderData, sender_leaf: LeafNode
) -> Unverified:
    """Open the content with the key of its sender and generation; the keys stay as they are. Source: RFC 9420 §6.3.1"""
    key, secret_tree = keys.secret_tree.key_at(
        keys.suite, sender_data.leaf_index, ratchet_kind(message.content_type), sender_data.generation
    )
    aad = b"".join(
        (
            _header(message.group_id, message.epoch, message.content_type),
            encode_varint(len(message.authenticated_data)),
            message.authenticated_data,
        )
    )
    try:
        plaintext = keys.suite.aead_open(key.key, _guarded(key, sender_data.reuse_guard), aad, message.ciphertext)
    except CryptoError:
        raise InvalidMessage("6.3.1/ciphertext") from None
    content, auth = _read_private_content(plaintext, message, sender_data.leaf_index)
    authenticated = AuthenticatedContent(WireFormat.PRIVATE_MESSAGE, content, auth)
    return Unverified(authenticated, sender_leaf, sender_data.generation, secret_tree)


def _membership_input(content: FramedContent, auth: FramedContentAuthData, group_context: bytes) -> bytes:
    return content.to_be_signed(WireFormat.PUBLIC_MESSAGE, group_context) + auth.encoded


def _header(group_id: bytes, epoch: int, content_type: ContentType) -> bytes:
    """SenderDataAAD, which is also how PrivateContentAAD begins."""
    return b"".join((encode_varint(len(group_id)), group_id, epoch.to_bytes(8, "big"), bytes((content_type,))))


def _sender_data_key(keys: EpochKeys, ciphertext: bytes) -> tuple[bytes, bytes]:
    suite, secret = keys.suite, keys.sender_data_secret
    key_size, nonce_size = suite.key_size, suite.nonce_size
    sample = ciphertext[: suite.hash_size]
    infos = kdf_label(b"key", sample, key_size), kdf_label(b"nonce", sample, nonce_size)
    key, nonce = suite.hpke.kdf.first_blocks(secret, infos)
    return key[:key_size], nonce[:nonce_size]


def _guarded(key: MessageKey, guard: bytes) -> bytes:
    """The nonce with the reuse guard XORed into its first four bytes."""
    masked = int.from_bytes(key.nonce[:REUSE_GUARD_SIZE], "big") ^ int.from_bytes(guard, "big")
    return masked.to_bytes(REUSE_GUARD_SIZE, "big") + key.nonce[REUSE_GUARD_SIZE:]


def _private_content(content: FramedContent, auth: FramedContentAuthData) -> bytes:
    return content.encoded_body + auth.encoded


def _pad(plaintext: bytes) -> bytes:
    """Hide the length among all those that fall into the same Padmé bucket."""
    return plaintext.ljust(padme(len(plaintext)), b"\0")


def _read_private_content(
    plaintext: bytes, message: PrivateMessage, sender: LeafIndex
) -> tuple[FramedContent, FramedContentAuthData]:
    r = Reader(plaintext)
    body = read_body(r, message.content_type)
    body_bytes = r.since(0)
    auth = FramedContentAuthData.read(r, message.content_type)
    check_padding(r.fixed(r.remaining))
    content = FramedContent(message.group_id, message.epoch, Sender.member(sender), message.authenticated_data, body)
    return content.with_body_as_sent(body_bytes), auth
