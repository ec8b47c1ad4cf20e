"""Leaf nodes: one client's appearance in a group, signed by that client.

A leaf made for a key package, an update and a commit are signed over different content, so none passes for another.
Source: RFC 9420 §7.2
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from struct import unpack
from typing import Final, Self

from tacit.codec import Reader, Writer, encode_varint
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.errors import DecodeError
from tacit.limits import KEY_PACKAGE_CLOCK_SKEW_S, KEY_PACKAGE_LIFETIME_S, MAX_VECTOR_ITEMS
from tacit.mls.credentials import BasicCredential, Credential, read_credential
from tacit.mls.extensions import Extension, Extensions, read_extensions, write_extensions
from tacit.mls.labels import LEAF_NODE_TBS, sign_with_label
from tacit.mls.registry import GREASE_VALUES, MLS10, ExtensionType, LeafNodeSource, read_enum
from tacit.mls.tree_math import LeafIndex


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client supports beyond what every client does."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    proposals: tuple[int, ...]
    credentials: tuple[int, ...]

    def with_credential(self, credential: Credential) -> Capabilities:
        """The same which supports the type of that credential, too."""
        if credential.credential_type in self.credentials:
            return self
        return replace(self, credentials=(int(credential.credential_type), *self.credentials))

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.vector(self.versions, Writer.u16)
        w.vector(self.cipher_suites, Writer.u16)
        w.vector(self.extensions, Writer.u16)
        w.vector(self.proposals, Writer.u16)
        w.vector(self.credentials, Writer.u16)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(_read_u16s(r), _read_u16s(r), _read_u16s(r), _read_u16s(r), _read_u16s(r))


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a key package may be used, in Unix seconds, both ends included."""

    not_before: int
    not_after: int

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u64(self.not_before)
        w.u64(self.not_after)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.u64(), r.u64())


def lifetime_from(now_s: float, lifetime_s: int = KEY_PACKAGE_LIFETIME_S) -> Lifetime:
    """From now on, and from a little before for clocks that are slow."""
    return Lifetime(max(int(now_s) - KEY_PACKAGE_CLOCK_SKEW_S, 0), int(now_s) + lifetime_s)


NO_PARENT_HASH: Final = b""

_MAX_GREASE_BYTES: Final = 8
"""Every member stores every leaf, so what means nothing in it stays shorter than this."""


@dataclass(frozen=True)
class LeafNode:
    """A leaf of the ratchet tree.

    ``lifetime`` belongs to the source ``KEY_PACKAGE`` and ``parent_hash`` to ``COMMIT``; otherwise they are absent.
    """

    encryption_key: bytes
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    source: LeafNodeSource
    lifetime: Lifetime | None
    parent_hash: bytes
    extensions: Extensions
    signature: bytes

    @property
    def credential_identity(self) -> bytes:
        """The identity in a basic credential; empty for any other kind."""
        return self.credential.identity if isinstance(self.credential, BasicCredential) else b""

    @cached_property
    def encoded(self) -> bytes:
        """The whole encoding; trees hash it over and over."""
        w = Writer()
        self._write_signed_part(w)
        w.opaque(self.signature)
        return w.finish()

    @property
    def encoded_size(self) -> int:
        """Bytes of ``encoded``."""
        return len(self.encoded)

    def to_be_signed(self, group_id: bytes, leaf_index: LeafIndex) -> bytes:
        """LeafNodeTBS; a leaf of a key package is not bound to a group, and leaves both arguments out."""
        encoded, signature_size = self.encoded, len(self.signature)
        signed = encoded[: len(encoded) - signature_size - len(encode_varint(signature_size))]
        if self.source is LeafNodeSource.KEY_PACKAGE:
            return signed
        return b"".join((signed, encode_varint(len(group_id)), group_id, leaf_index.to_bytes(4, "big")))

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        start = r.position
        encryption_key = r.opaque()
        signature_key = r.opaque()
        credential = read_credential(r)
        capabilities = Capabilities.read(r)
        source = read_enum(LeafNodeSource, r.u8())
        lifetime = Lifetime.read(r) if source is LeafNodeSource.KEY_PACKAGE else None
        parent_hash = r.opaque() if source is LeafNodeSource.COMMIT else NO_PARENT_HASH
        extensions = read_extensions(r)
        signature = r.opaque()
        leaf = cls(
            encryption_key,
            signature_key,
            credential,
            capabilities,
            source,
            lifetime,
            parent_hash,
            extensions,
            signature,
        )
        leaf.__dict__["encoded"] = r.since(start)
        return leaf

    def _write_signed_part(self, w: Writer) -> None:
        w.opaque(self.encryption_key)
        w.opaque(self.signature_key)
        self.credential.write(w)
        self.capabilities.write(w)
        w.u8(self.source)
        if self.lifetime is not None:
            self.lifetime.write(w)
        if self.source is LeafNodeSource.COMMIT:
            w.opaque(self.parent_hash)
        write_extensions(w, self.extensions)


def _read_u16s(r: Reader) -> tuple[int, ...]:
    """The same as ``r.vector(Reader.u16)``, in one step: a tree of a thousand leaves has ten thousand of these."""
    data = r.opaque()
    count, rest = divmod(len(data), 2)
    if rest:
        raise DecodeError("cut short")
    if count > MAX_VECTOR_ITEMS:
        raise DecodeError("too many elements")
    return unpack(f">{count}H", data)


def sign_leaf(
    suite: CipherSuite, leaf: LeafNode, signature_private: bytes, group_id: bytes, leaf_index: LeafIndex
) -> LeafNode:
    """The same leaf with its signature; for a key package pass an empty group ID and any index."""
    content = leaf.to_be_signed(group_id, leaf_index)
    return replace(leaf, signature=sign_with_label(suite, signature_private, LEAF_NODE_TBS, content))


@dataclass(frozen=True, slots=True)
class Support:
    """What the application supports beyond what every client does; its own type of credential need not be named.

    ``grease`` salts what we say of ourselves with code points that mean nothing. Source: RFC 9420 §13.5
    """

    extension_types: tuple[int, ...] = ()
    proposal_types: tuple[int, ...] = ()
    credential_types: tuple[int, ...] = ()
    grease: bool = True


def own_capabilities(suite_id: int, credential: Credential, support: Support, entropy: Entropy) -> Capabilities:
    """What this client supports, salted with GREASE so that others stay tolerant. Source: RFC 9420 §13.5"""
    extensions = dict.fromkeys((int(ExtensionType.APP_DATA_DICTIONARY), *support.extension_types))
    credentials = dict.fromkeys((int(credential.credential_type), *support.credential_types))
    salt = [(GREASE_VALUES[byte % len(GREASE_VALUES)],) for byte in entropy(4)] if support.grease else [()] * 4
    return Capabilities(
        versions=(MLS10,),
        cipher_suites=(suite_id, *salt[0]),
        extensions=(*extensions, *salt[1]),
        proposals=(*support.proposal_types, *salt[2]),
        credentials=(*credentials, *salt[3]),
    )


def support_of(leaf: LeafNode) -> Support:
    """What an own leaf says that the application supports, without the GREASE in it."""

    def real(listed: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(value for value in listed if value not in GREASE_VALUES)

    listed = leaf.capabilities
    return Support(
        real(listed.extensions),
        real(listed.proposals),
        real(listed.credentials),
        grease=any(value in GREASE_VALUES for value in listed.extensions),
    )


def grease_extension(capabilities: Capabilities, entropy: Entropy) -> Extensions:
    """An extension that means nothing, of the GREASE type that the capabilities list, if they list one."""
    listed = [value for value in capabilities.extensions if value in GREASE_VALUES]
    if not listed:
        return ()
    return (Extension(listed[-1], entropy(entropy(1)[0] % _MAX_GREASE_BYTES)),)


def create_leaf(
    suite: CipherSuite,
    credential: Credential,
    signature_private: bytes,
    encryption_key: bytes,
    *,
    lifetime: Lifetime,
    support: Support,
    extensions: Extensions = (),
    entropy: Entropy,
) -> LeafNode:
    """A leaf as it stands in a key package, with what we support and ``extensions`` of its own."""
    capabilities = own_capabilities(suite.id, credential, support, entropy)
    unsigned = LeafNode(
        encryption_key=encryption_key,
        signature_key=suite.signature_key_pair(signature_private).public,
        credential=credential,
        capabilities=capabilities,
        source=LeafNodeSource.KEY_PACKAGE,
        lifetime=lifetime,
        parent_hash=NO_PARENT_HASH,
        extensions=(*extensions, *grease_extension(capabilities, entropy)),
        signature=b"",
    )
    return sign_leaf(suite, unsigned, signature_private, b"", LeafIndex(0))
