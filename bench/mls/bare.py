"""The bare cost: what the primitives take that an operation cannot do without, with nothing around them.

The floor is OpenSSL alone, the yardstick of every aim. tacit's Ed25519 is libsodium's, so the same is measured with
that in its place: what the operation costs above its own primitives.

A message takes one signature or verification, two AEAD operations, three expansions for the step of the ratchet and two
for the key and the nonce of the sender data. Keys of a message are fresh, so their cipher objects are made each time;
the signature key is known. A joiner has not seen the keys of the leaves, so they are loaded.
Source: RFC 9420 §6.3, §9.1
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tacit.codec import encode_varint
from tacit.crypto.sodium import SodiumPrivateKey, SodiumPublicKey
from tacit.crypto.suites import suite
from tacit.mls import Group, LeafIndex, LeafNode

_LABEL: Final = bytes(40)
"""As long as the KDFLabel of an expansion."""

_GROUP_CONTEXT: Final = bytes(150)
_SENDER_DATA: Final = bytes(12)


@dataclass(frozen=True)
class Library:
    """Where Ed25519 comes from."""

    private: type[Ed25519PrivateKey] | type[SodiumPrivateKey]
    public: type[Ed25519PublicKey] | type[SodiumPublicKey]

    def new_key(self) -> Ed25519PrivateKey | SodiumPrivateKey:
        """A fresh key."""
        return self.private.from_private_bytes(os.urandom(32))


OPENSSL: Final = Library(Ed25519PrivateKey, Ed25519PublicKey)
SODIUM: Final = Library(SodiumPrivateKey, SodiumPublicKey)


@dataclass(frozen=True)
class BareMessages:
    """Sealing and opening one message of a size."""

    seal: Callable[[], object]
    open: Callable[[], object]


def bare_messages(number: int, payload_bytes: int, library: Library) -> BareMessages:
    """The two as calls."""
    s = suite(number)
    cipher, mac = s.hpke.aead.cipher, s.hpke.kdf.mac
    content, secret = os.urandom(payload_bytes + 66), os.urandom(s.hash_size)
    key, nonce, private = os.urandom(s.key_size), os.urandom(12), library.new_key()
    public, signed = private.public_key(), _GROUP_CONTEXT + content
    signature = private.sign(signed)
    ciphertext, sender_data = cipher(key).encrypt(nonce, content, b""), cipher(key).encrypt(nonce, _SENDER_DATA, b"")

    def expand_five_times() -> None:
        for _ in range(5):
            mac(secret, _LABEL)

    def seal() -> None:
        private.sign(signed)
        expand_five_times()
        cipher(key).encrypt(nonce, content, b"")
        cipher(key).encrypt(nonce, _SENDER_DATA, b"")

    def open_() -> None:
        expand_five_times()
        cipher(key).decrypt(nonce, sender_data, b"")
        cipher(key).decrypt(nonce, ciphertext, b"")
        public.verify(signature, signed)

    return BareMessages(seal, open_)


def bare_commit_creation(number: int, path: int, library: Library) -> Callable[[], object]:
    """A key pair and a seal for each node of the path, a key pair for the leaf, signatures of leaf and message."""
    s = suite(number)
    private, recipient, content = library.new_key(), s.generate_key_pair(os.urandom).public, bytes(1024)
    secret = os.urandom(s.hash_size)

    def create() -> None:
        for _ in range(path):
            s.derive_key_pair(os.urandom(s.hash_size))
            s.hpke_seal(recipient, _LABEL, secret)
        s.generate_key_pair(os.urandom)
        private.sign(content)
        private.sign(content)

    return create


def bare_commit_processing(number: int, library: Library) -> Callable[[], object]:
    """Of a member that shares only the root with the committer: one open, one key pair, two verifications."""
    s = suite(number)
    private, pair, content = library.new_key(), s.generate_key_pair(os.urandom), bytes(1024)
    kem_output, ciphertext = s.hpke_seal(pair.public, _LABEL, os.urandom(s.hash_size))
    public, signature = private.public_key(), private.sign(content)

    def process() -> None:
        s.hpke_open(pair.private, kem_output, _LABEL, ciphertext)
        s.derive_key_pair(os.urandom(s.hash_size))
        public.verify(signature, content)
        public.verify(signature, content)

    return process


def bare_leaves(group: Group, library: Library) -> Callable[[], object]:
    """Verify every leaf of a group, the signature keys loaded and the signed content at hand."""
    work = [
        (leaf.signature_key, leaf.signature, signed_content(leaf, group.group_id, member.leaf_index))
        for member in group.members()
        for leaf in (member.leaf_node,)
    ]

    def verify() -> None:
        for key, signature, content in work:
            library.public.from_public_bytes(key).verify(signature, content)

    return verify


def signed_content(leaf: LeafNode, group_id: bytes, index: LeafIndex) -> bytes:
    """The bytes under a leaf's signature, label and all."""
    label, content = b"MLS 1.0 LeafNodeTBS", leaf.to_be_signed(group_id, index)
    return encode_varint(len(label)) + label + encode_varint(len(content)) + content


def bare_group_creation(number: int, members: int, library: Library) -> Callable[[], object]:
    """For each new member two verifications, of leaf and KeyPackage, and the seal of its part of the Welcome."""
    s = suite(number)
    privates = [library.new_key() for _ in range(members - 1)]
    content = bytes(1024)
    work = [
        (private.public_key().public_bytes_raw(), private.sign(content), s.generate_key_pair(os.urandom).public)
        for private in privates
    ]

    def create() -> None:
        for key, signature, init_key in work:
            public = library.public.from_public_bytes(key)
            public.verify(signature, content)
            public.verify(signature, content)
            s.hpke_seal(init_key, _LABEL, content[: 2 * s.hash_size])

    return create
