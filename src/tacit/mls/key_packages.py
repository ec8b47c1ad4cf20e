"""Key packages: what a client publishes so that others can add it while it is away.

Source: RFC 9420 §10; last resort: §16.8 and draft-ietf-mls-extensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from tacit.codec import Reader, Writer, decode, encode
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite, suite
from tacit.entropy import Entropy
from tacit.errors import DecodeError
from tacit.limits import KEY_PACKAGE_LIFETIME_S
from tacit.mls.checks.leaf_nodes import check_extensions_listed, check_leaf, check_no_default_capabilities
from tacit.mls.credentials import Credential, as_credential
from tacit.mls.extensions import (
    LAST_RESORT,
    Extensions,
    find_extension,
    read_app_data_dictionary,
    read_extensions,
    write_extensions,
)
from tacit.mls.labels import KEY_PACKAGE_REFERENCE, KEY_PACKAGE_TBS, ref_hash, sign_with_label
from tacit.mls.leaf_nodes import LeafNode, Support, create_leaf, grease_extension, lifetime_from
from tacit.mls.registry import MLS10, ComponentID, ExtensionType, WireFormat
from tacit.mls.tree_math import LeafIndex

Authenticate = Callable[[LeafNode | None, LeafNode], None]
"""Judges the credential of a leaf that enters a tree, and whether it may replace the old one; raises if not."""

_BUNDLE_VERSION = 1


@dataclass(frozen=True)
class KeyPackage:
    """A client's signed offer to be added to a group."""

    version: int
    cipher_suite: int
    init_key: bytes
    leaf_node: LeafNode
    extensions: Extensions
    signature: bytes

    @cached_property
    def encoded(self) -> bytes:
        """The whole encoding."""
        w = Writer()
        w.fixed(self.to_be_signed)
        w.opaque(self.signature)
        return w.finish()

    @cached_property
    def to_be_signed(self) -> bytes:
        """KeyPackageTBS."""
        w = Writer()
        w.u16(self.version)
        w.u16(self.cipher_suite)
        w.opaque(self.init_key)
        self.leaf_node.write(w)
        write_extensions(w, self.extensions)
        return w.finish()

    @property
    def is_last_resort(self) -> bool:
        """Whether this may be used more than once, for want of another; raises ``DecodeError``."""
        if find_extension(self.extensions, ExtensionType.LAST_RESORT) == b"":
            return True
        data = find_extension(self.extensions, ExtensionType.APP_DATA_DICTIONARY)
        return data is not None and ComponentID.LAST_RESORT_KEY_PACKAGE in read_app_data_dictionary(data)

    def ref(self, cipher_suite: CipherSuite) -> bytes:
        """KeyPackageRef: Nh bytes."""
        return ref_hash(cipher_suite, KEY_PACKAGE_REFERENCE, self.encoded)

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.fixed(self.encoded)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        start = r.position
        version, cipher_suite, init_key = r.u16(), r.u16(), r.opaque()
        leaf_node = LeafNode.read(r)
        extensions = read_extensions(r)
        to_be_signed = r.since(start)
        key_package = cls(version, cipher_suite, init_key, leaf_node, extensions, r.opaque())
        key_package.__dict__["to_be_signed"] = to_be_signed
        key_package.__dict__["encoded"] = r.since(start)
        return key_package


@dataclass(frozen=True, slots=True)
class KeyPackageBundle:
    """A key package with its private keys, to be kept until a Welcome uses it up or it expires."""

    key_package: KeyPackage
    init_private: Secret
    encryption_private: Secret
    signature_private: Secret

    @property
    def key_package_bytes(self) -> bytes:
        """The MLSMessage to publish."""
        w = Writer()
        w.u16(MLS10)
        w.u16(WireFormat.KEY_PACKAGE)
        self.key_package.write(w)
        return w.finish()

    @property
    def ref(self) -> bytes:
        """The KeyPackageRef that a Welcome names."""
        return self.key_package.ref(suite(self.key_package.cipher_suite))

    def write(self, w: Writer) -> None:
        """Append the form in which a bundle is stored."""
        w.u8(_BUNDLE_VERSION)
        self.key_package.write(w)
        for secret in (self.init_private, self.encryption_private, self.signature_private):
            w.opaque(secret.reveal())

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        if r.u8() != _BUNDLE_VERSION:
            raise DecodeError("key package bundle of another version")
        return cls(KeyPackage.read(r), Secret(r.opaque()), Secret(r.opaque()), Secret(r.opaque()))

    def encode(self) -> bytes:
        """The stored form."""
        return encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The bundle in its stored form; raises ``DecodeError``."""
        return decode(cls, data)


def create_key_package(
    suite_id: int,
    credential: bytes | Credential,
    signature_private: bytes,
    *,
    now_s: float,
    entropy: Entropy,
    last_resort: bool = False,
    lifetime_s: int = KEY_PACKAGE_LIFETIME_S,
    extensions: Extensions = (),
    extension_types: tuple[int, ...] = (),
    proposal_types: tuple[int, ...] = (),
    credential_types: tuple[int, ...] = (),
    grease: bool = True,
) -> KeyPackageBundle:
    """Make a key package with fresh keys; bytes for ``credential`` are the identity of a basic one.

    ``extension_types``, ``proposal_types`` and ``credential_types`` are those of the application that it supports.
    Raises ``InvalidMessage`` for what nobody would add, such as a certificate for another key.
    """
    cipher_suite = suite(suite_id)
    init = cipher_suite.generate_key_pair(entropy)
    encryption = cipher_suite.generate_key_pair(entropy)
    leaf = create_leaf(
        cipher_suite,
        as_credential(credential),
        signature_private,
        encryption.public,
        lifetime=lifetime_from(now_s, lifetime_s),
        support=Support(extension_types, proposal_types, credential_types, grease),
        entropy=entropy,
    )
    check_no_default_capabilities(leaf.capabilities)
    check_leaf(cipher_suite, leaf, b"", LeafIndex(0))
    if last_resort:
        extensions = (*extensions, LAST_RESORT)
    extensions = (*extensions, *grease_extension(leaf.capabilities, entropy))
    check_extensions_listed(extensions, leaf.capabilities)
    unsigned = KeyPackage(MLS10, suite_id, init.public, leaf, extensions, b"")
    signature = sign_with_label(cipher_suite, signature_private, KEY_PACKAGE_TBS, unsigned.to_be_signed)
    return KeyPackageBundle(
        replace(unsigned, signature=signature),
        Secret(init.private),
        Secret(encryption.private),
        Secret(signature_private),
    )
