"""Ed25519 by libsodium, with the face of the keys of ``cryptography``.

libsodium signs in about three quarters of the time of OpenSSL and verifies in half of it, and verifying is most of what
a member of a group does. Both verify without the cofactor; libsodium besides refuses an R of small order, which only a
signer makes who gives his private key away. Source: RFC 8032 §5.1.7
"""

from __future__ import annotations

from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

SIGNATURE_SIZE: Final = 64


class SodiumPublicKey:
    """A public key whose 32 bytes have been judged."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @classmethod
    def from_public_bytes(cls, data: bytes) -> Self:
        """The key of these 32 bytes."""
        return cls(data)

    def public_bytes_raw(self) -> bytes:
        """The 32 bytes."""
        return self._raw

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise ``InvalidSignature`` unless ``signature`` is of ``data`` by the owner of this key."""
        # libsodium takes both as one, so a signature of another length would borrow from the data.
        if len(signature) != SIGNATURE_SIZE:
            raise InvalidSignature
        try:
            crypto_sign_open(signature + data, self._raw)
        except BadSignatureError:
            raise InvalidSignature from None


class SodiumPrivateKey:
    """A private key: the seed and the public key behind it, as libsodium signs with."""

    __slots__ = ("_public", "_secret")

    def __init__(self, public: bytes, secret: bytes) -> None:
        self._public = public
        self._secret = secret

    @classmethod
    def from_private_bytes(cls, data: bytes) -> Self:
        """The key of a seed of 32 bytes."""
        return cls(*crypto_sign_seed_keypair(data))

    def public_key(self) -> SodiumPublicKey:
        """The public key that belongs to it."""
        return SodiumPublicKey(self._public)

    def sign(self, data: bytes) -> bytes:
        """A signature, the same for the same data."""
        return crypto_sign(data, self._secret)[:SIGNATURE_SIZE]
