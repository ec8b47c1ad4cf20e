"""Every use of a primitive under a label: references, signatures, encryption and derivation.

Each label is used with one function and one kind of content, so nothing made for one purpose passes for another.
Source: RFC 9420 §5.1.2, §5.1.3, §5.2, §8, §9.1
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from tacit.codec import encode_varint
from tacit.crypto.suites import CipherSuite

_PREFIX: Final = b"MLS 1.0 "

KEY_PACKAGE_REFERENCE: Final = b"MLS 1.0 KeyPackage Reference"
PROPOSAL_REFERENCE: Final = b"MLS 1.0 Proposal Reference"

LEAF_NODE_TBS: Final = b"LeafNodeTBS"
KEY_PACKAGE_TBS: Final = b"KeyPackageTBS"
FRAMED_CONTENT_TBS: Final = b"FramedContentTBS"
GROUP_INFO_TBS: Final = b"GroupInfoTBS"

UPDATE_PATH_NODE: Final = b"UpdatePathNode"
WELCOME: Final = b"Welcome"

EXTERNAL_INIT_EXPORT: Final = b"MLS 1.0 external init secret"


def ref_hash(suite: CipherSuite, label: bytes, value: bytes) -> bytes:
    """RefHash: Nh bytes that name ``value``. Source: RFC 9420 §5.2"""
    return suite.hash(_labelled(label, value))


def sign_with_label(suite: CipherSuite, private_key: bytes, label: bytes, content: bytes) -> bytes:
    """SignWithLabel. Source: RFC 9420 §5.1.2"""
    return suite.sign(private_key, _labelled(_PREFIX + label, content))


def verify_with_label(suite: CipherSuite, public_key: bytes, label: bytes, content: bytes, signature: bytes) -> None:
    """VerifyWithLabel; raises ``CryptoError``. Source: RFC 9420 §5.1.2"""
    suite.verify(public_key, _labelled(_PREFIX + label, content), signature)


def encrypt_with_label(
    suite: CipherSuite, public_key: bytes, label: bytes, context: bytes, plaintext: bytes
) -> tuple[bytes, bytes]:
    """EncryptWithLabel: the KEM output and the ciphertext. Source: RFC 9420 §5.1.3"""
    return suite.hpke_seal(public_key, _labelled(_PREFIX + label, context), plaintext)


def decrypt_with_label(
    suite: CipherSuite, private_key: bytes, label: bytes, context: bytes, kem_output: bytes, ciphertext: bytes
) -> bytes:
    """DecryptWithLabel; raises ``CryptoError``. Source: RFC 9420 §5.1.3"""
    return suite.hpke_open(private_key, kem_output, _labelled(_PREFIX + label, context), ciphertext)


def expand_with_label(suite: CipherSuite, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """ExpandWithLabel. Source: RFC 9420 §8"""
    return suite.expand(secret, kdf_label(label, context, length), length)


def derive_secret(suite: CipherSuite, secret: bytes, label: bytes) -> bytes:
    """DeriveSecret: Nh bytes. Source: RFC 9420 §8"""
    return expand_with_label(suite, secret, label, b"", suite.hash_size)


def derive_tree_secret(suite: CipherSuite, secret: bytes, label: bytes, generation: int, length: int) -> bytes:
    """DeriveTreeSecret. Source: RFC 9420 §9.1"""
    return expand_with_label(suite, secret, label, generation.to_bytes(4, "big"), length)


def kdf_label(label: bytes, context: bytes, length: int) -> bytes:
    """The KDFLabel that ExpandWithLabel feeds to the KDF. Source: RFC 9420 §8"""
    return _before_context(label, length) + encode_varint(len(context)) + context


@lru_cache(maxsize=256)
def _before_context(label: bytes, length: int) -> bytes:
    """A KDFLabel up to its context; there are a few dozen of them, and every message takes five."""
    return length.to_bytes(2, "big") + _before_content(_PREFIX + label)


@lru_cache(maxsize=64)
def _before_content(label: bytes) -> bytes:
    return encode_varint(len(label)) + label


def _labelled(label: bytes, content: bytes) -> bytes:
    return b"".join((_before_content(label), encode_varint(len(content)), content))
