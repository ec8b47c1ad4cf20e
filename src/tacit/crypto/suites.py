"""Cipher suites as MLS names them: a table of KEM, KDF, AEAD and signature scheme.

The default suite has no number from IANA yet. It goes by a private-use one, together with the number of the draft that
it follows, so that a later draft or the RFC becomes another suite and never a silent change of this one.
Source: RFC 9420 §5.1, §17.1; draft-ietf-mls-pq-ciphersuites-06
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from tacit.crypto.aead import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, NONCE_SIZE, Aead
from tacit.crypto.dhkem import DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X448, DHKEM_X25519
from tacit.crypto.eddsa import ED448, ED25519
from tacit.crypto.errors import UnsupportedSuite
from tacit.crypto.hpke import Hpke
from tacit.crypto.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from tacit.crypto.kem import Kem
from tacit.crypto.keys import KeyPair
from tacit.crypto.signatures import ECDSA_P256, ECDSA_P384, ECDSA_P521, SignatureScheme
from tacit.crypto.xwing import XWING
from tacit.entropy import Entropy
from tacit.errors import CryptoError

X25519_SUITE: Final = 0x0001
DEFAULT_SUITE: Final = 0xF062
"""MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519, the second suite of draft 06."""

PQ_DRAFT: Final = "draft-ietf-mls-pq-ciphersuites-06"


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One suite; all keys, nonces, tags and signatures are raw bytes in the form that MLS sends.

    ``draft`` names the draft that a suite without an IANA number follows. Whatever fails to verify, decrypt or load
    raises ``CryptoError``.
    """

    id: int
    name: str
    hpke: Hpke
    signature: SignatureScheme
    draft: str = ""

    @property
    def hash_size(self) -> int:
        """Nh: hashes, MACs and secrets."""
        return self.hpke.kdf.size

    @property
    def key_size(self) -> int:
        """Nk."""
        return self.hpke.aead.key_size

    @property
    def nonce_size(self) -> int:
        """Nn."""
        return NONCE_SIZE

    @property
    def kem_output_size(self) -> int:
        """Nenc."""
        return self.hpke.kem.output_size

    @property
    def public_key_size(self) -> int:
        """Npk of HPKE keys."""
        return self.hpke.kem.public_key_size

    @property
    def signature_key_size(self) -> int:
        """Bytes of a public signature key."""
        return self.signature.public_key_size

    def hash(self, data: bytes) -> bytes:
        """The suite's hash; Nh bytes."""
        return self.hpke.kdf.hash(data)

    def mac(self, key: bytes, data: bytes) -> bytes:
        """HMAC with the suite's hash; Nh bytes."""
        return self.hpke.kdf.mac(key, data)

    def verify_mac(self, key: bytes, data: bytes, tag: bytes) -> None:
        """Raise ``CryptoError`` unless ``tag`` is the whole MAC: an empty or shortened one never matches."""
        if not hmac.compare_digest(self.hpke.kdf.mac(key, data), tag):
            raise CryptoError("MAC")

    def extract(self, salt: bytes, ikm: bytes) -> bytes:
        """KDF.Extract; Nh bytes."""
        return self.hpke.kdf.extract(salt, ikm)

    def expand(self, prk: bytes, info: bytes, length: int) -> bytes:
        """KDF.Expand."""
        return self.hpke.kdf.expand(prk, info, length)

    def aead_seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """AEAD.Seal; 16 bytes longer than the plaintext."""
        return self.hpke.aead.seal(key, nonce, aad, plaintext)

    def aead_open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """AEAD.Open."""
        return self.hpke.aead.open(key, nonce, aad, ciphertext)

    def hpke_seal(self, public_key: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """HPKE.SealBase with empty associated data: ``kem_output`` and ciphertext."""
        return self.hpke.seal(public_key, info, plaintext)

    def hpke_open(self, private_key: bytes, kem_output: bytes, info: bytes, ciphertext: bytes) -> bytes:
        """HPKE.OpenBase with empty associated data."""
        return self.hpke.open(private_key, kem_output, info, ciphertext)

    def hpke_export_sender(
        self, public_key: bytes, info: bytes, exporter_context: bytes, length: int
    ) -> tuple[bytes, bytes]:
        """HPKE.SetupBaseS and export: ``kem_output`` and the exported secret."""
        return self.hpke.export_sender(public_key, info, exporter_context, length)

    def hpke_export_receiver(
        self, private_key: bytes, kem_output: bytes, info: bytes, exporter_context: bytes, length: int
    ) -> bytes:
        """HPKE.SetupBaseR and export."""
        return self.hpke.export_receiver(private_key, kem_output, info, exporter_context, length)

    def derive_key_pair(self, ikm: bytes) -> KeyPair:
        """HPKE's DeriveKeyPair."""
        return self.hpke.kem.derive_key_pair(ikm)

    def generate_key_pair(self, entropy: Entropy) -> KeyPair:
        """A fresh HPKE key pair, by DeriveKeyPair from as many random bytes as the KEM's private key has."""
        return self.hpke.kem.derive_key_pair(entropy(self.hpke.kem.private_key_size))

    def check_public_key(self, public: bytes) -> None:
        """Raise ``BadKey`` unless ``public`` is an HPKE key that can be encrypted to."""
        self.hpke.kem.check_public_key(public)

    def generate_signature_key_pair(self, entropy: Entropy) -> KeyPair:
        """A fresh signature key pair."""
        return self.signature.generate(entropy)

    def signature_key_pair(self, private: bytes) -> KeyPair:
        """The signature key pair that belongs to a private key."""
        return self.signature.key_pair(private)

    def check_signature_key(self, public: bytes) -> None:
        """Raise ``BadKey`` unless ``public`` is a signature key of the suite's scheme, strictly."""
        self.signature.check_public_key(public)

    def sign(self, private: bytes, data: bytes) -> bytes:
        """A signature over exactly ``data``; labels are the caller's."""
        return self.signature.sign(private, data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> None:
        """Raise ``CryptoError`` unless ``signature`` is of ``data`` by the owner of ``public``."""
        self.signature.verify(public, data, signature)


def suite(suite_id: int) -> CipherSuite:
    """The suite of that number; raises ``UnsupportedSuite``."""
    try:
        return _SUITES[suite_id]
    except KeyError:
        raise UnsupportedSuite(f"0x{suite_id:04x}") from None


def _row(
    suite_id: int, name: str, kem: Kem, kdf: Kdf, aead: Aead, signature: SignatureScheme, draft: str = ""
) -> CipherSuite:
    return CipherSuite(suite_id, name, Hpke(kem, kdf, aead), signature, draft)


# fmt: off
_TABLE: Final = (
    _row(DEFAULT_SUITE, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
         XWING, HKDF_SHA384, AES_256_GCM, ED25519, PQ_DRAFT),
    _row(X25519_SUITE, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
         DHKEM_X25519, HKDF_SHA256, AES_128_GCM, ED25519),
    _row(0x0002, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
         DHKEM_P256, HKDF_SHA256, AES_128_GCM, ECDSA_P256),
    _row(0x0003, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
         DHKEM_X25519, HKDF_SHA256, CHACHA20_POLY1305, ED25519),
    _row(0x0004, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
         DHKEM_X448, HKDF_SHA512, AES_256_GCM, ED448),
    _row(0x0005, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
         DHKEM_P521, HKDF_SHA512, AES_256_GCM, ECDSA_P521),
    _row(0x0006, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
         DHKEM_X448, HKDF_SHA512, CHACHA20_POLY1305, ED448),
    _row(0x0007, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
         DHKEM_P384, HKDF_SHA384, AES_256_GCM, ECDSA_P384),
)
# fmt: on

_SUITES: Final = {row.id: row for row in _TABLE}
SUPPORTED_SUITES: Final = tuple(_SUITES)
"""Numbers of all suites of the table, the default first."""
