"""HPKE in base mode: sealing and opening one message, and exporting a secret.

Seal and open run inside ``cryptography`` where it knows the KEM. It has no exporter and no X448, so the key schedule is
here as well. MLS never uses associated data, pre-shared keys or more than one message for each ``kem_output``.
Source: RFC 9180 §5
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke as pyca_hpke

from tacit.crypto.aead import NONCE_SIZE, TAG_SIZE, Aead
from tacit.crypto.errors import BadKey
from tacit.crypto.kdf import Kdf
from tacit.crypto.kem import Kem
from tacit.errors import CryptoError

_MODE_BASE = b"\x00"


@dataclass(frozen=True, slots=True)
class Context:
    """What both sides hold after the key schedule; ``sequence`` numbers other than 0 are never used."""

    key: bytes = field(repr=False)
    base_nonce: bytes = field(repr=False)
    exporter_secret: bytes = field(repr=False)


class Hpke:
    """One combination of KEM, KDF and AEAD."""

    __slots__ = ("_pyca", "_suite_id", "aead", "kdf", "kem")

    def __init__(self, kem: Kem, kdf: Kdf, aead: Aead) -> None:
        self.kem = kem
        self.kdf = kdf
        self.aead = aead
        self._pyca = pyca_hpke.Suite(kem.pyca, kdf.pyca, aead.pyca) if kem.pyca else None
        self._suite_id = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem.id, kdf.id, aead.id))

    def seal(self, public_key: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """Encrypt to ``public_key``; gives ``kem_output`` and ciphertext. Raises ``BadKey``. Source: RFC 9180 §6.1"""
        if self._pyca is None:
            shared_secret, kem_output = self.kem.encapsulate(public_key)
            context = self.schedule(shared_secret, info)
            return kem_output, self.aead.seal(context.key, context.base_nonce, b"", plaintext)
        try:
            sealed = self._pyca.encrypt(plaintext, self.kem.load_public(public_key), info)
        except ValueError:
            raise BadKey("public key") from None
        return sealed[: self.kem.output_size], sealed[self.kem.output_size :]

    def open(self, private_key: bytes, kem_output: bytes, info: bytes, ciphertext: bytes) -> bytes:
        """Decrypt; raises ``CryptoError`` unless all of it is as it was sealed. Source: RFC 9180 §6.1"""
        if len(kem_output) != self.kem.output_size or len(ciphertext) < TAG_SIZE:
            raise CryptoError("kem_output or ciphertext length")
        if self._pyca is None:
            context = self.schedule(self.kem.decapsulate(private_key, kem_output), info)
            return self.aead.open(context.key, context.base_nonce, b"", ciphertext)
        try:
            return self._pyca.decrypt(kem_output + ciphertext, self.kem.load_private(private_key), info)
        except (InvalidTag, ValueError):
            raise CryptoError("ciphertext") from None

    def export_sender(self, public_key: bytes, info: bytes, context: bytes, length: int) -> tuple[bytes, bytes]:
        """A ``kem_output`` and the secret that its receiver can export too. Source: RFC 9180 §6.2"""
        shared_secret, kem_output = self.kem.encapsulate(public_key)
        return kem_output, self.export(self.schedule(shared_secret, info), context, length)

    def export_receiver(self, private_key: bytes, kem_output: bytes, info: bytes, context: bytes, length: int) -> bytes:
        """The secret that the sender of ``kem_output`` exported. Source: RFC 9180 §6.2"""
        shared_secret = self.kem.decapsulate(private_key, kem_output)
        return self.export(self.schedule(shared_secret, info), context, length)

    def schedule(self, shared_secret: bytes, info: bytes) -> Context:
        """The key schedule in base mode. Source: RFC 9180 §5.1"""
        kdf, suite_id = self.kdf, self._suite_id
        psk_id_hash = kdf.labeled_extract(suite_id, b"", b"psk_id_hash", b"")
        info_hash = kdf.labeled_extract(suite_id, b"", b"info_hash", info)
        context = _MODE_BASE + psk_id_hash + info_hash
        secret = kdf.labeled_extract(suite_id, shared_secret, b"secret", b"")
        return Context(
            kdf.labeled_expand(suite_id, secret, b"key", context, self.aead.key_size),
            kdf.labeled_expand(suite_id, secret, b"base_nonce", context, NONCE_SIZE),
            kdf.labeled_expand(suite_id, secret, b"exp", context, kdf.size),
        )

    def export(self, context: Context, exporter_context: bytes, length: int) -> bytes:
        """Source: RFC 9180 §5.3"""
        return self.kdf.labeled_expand(self._suite_id, context.exporter_secret, b"sec", exporter_context, length)
