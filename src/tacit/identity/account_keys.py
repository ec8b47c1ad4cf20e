"""The long-term key of an account, and what it signs.

Everything signed begins with a label of the form ``tacit 1.0 ...``, so that a signature made for one purpose is
worthless for every other. Device keys sign for MLS under labels ``MLS 1.0 ...`` in the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from tacit.codec import Reader, Writer
from tacit.crypto import account_keys
from tacit.crypto.pem import account_key_from_pem, account_key_to_open_pem, account_key_to_pem
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import DecodeError, UsageError
from tacit.identity.ids import AccountId, account_id

LABEL_PREFIX: Final = "tacit 1.0 "


class UnlabelledSignature(UsageError):
    """An account key signs only what says its purpose."""

    code = "unlabelled-signature"


@dataclass(frozen=True, slots=True)
class AccountKey:
    """An account's key pair. ``private`` is PKCS#8 in DER, ``public`` SubjectPublicKeyInfo in DER."""

    private: Secret
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public", account_keys.public_key(self.private))

    @classmethod
    def generate(cls, entropy: Entropy, kind: str = "ed25519") -> Self:
        """A fresh account, its key ``ed25519`` or ``rsa``. Raises ``UnsupportedKey``."""
        return cls(account_keys.generate(entropy, kind))

    @classmethod
    def load(cls, private: Secret) -> Self:
        """The account of a stored key; raises ``BadKey``."""
        return cls(private)

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None) -> Self:
        """The account of a key in a PEM file. Raises ``BadPem``, ``WrongPassphrase`` or ``UnsupportedKey``."""
        return cls(account_key_from_pem(pem, passphrase))

    def to_pem(self, passphrase: bytes | None, entropy: Entropy) -> bytes:
        """The key as a PEM file, sealed unless ``passphrase`` is None. Raises ``WrongPassphrase`` for an empty one."""
        if passphrase is None:
            return account_key_to_open_pem(self.private)
        return account_key_to_pem(self.private, passphrase, entropy)

    @property
    def id(self) -> AccountId:
        """The account's ID."""
        return account_id(self.public)

    @property
    def kind(self) -> str:
        """The kind and size of the key as a person reads it, such as ``rsa 3072``."""
        return key_kind(self.public)

    def sign(self, label: str, content: bytes) -> bytes:
        """Sign ``content`` for the purpose that ``label`` names, such as ``tacit 1.0 device certificate``."""
        return self.sign_bytes(labelled(label, content))

    def sign_bytes(self, data: bytes) -> bytes:
        """Sign ``data`` that already begins with its label, as the functions of ``tacit.wire.signing`` make it."""
        _check_label(data)
        return account_keys.sign(self.private, data)


def key_kind(public: bytes) -> str:
    """The kind of a public key as a person reads it: ``ed25519``, or ``rsa`` with its bits. Raises ``BadKey``."""
    name = account_keys.algorithm_name(public)
    return f"{name} {account_keys.key_bits(public)}" if name == "rsa" else name


def verify_account_signature(public: bytes, label: str, content: bytes, signature: bytes) -> None:
    """Raise ``CryptoError`` unless the account with key ``public`` signed ``content`` for the purpose ``label``."""
    account_keys.verify(public, labelled(label, content), signature)


def verify_account_bytes(public: bytes, data: bytes, signature: bytes) -> None:
    """Raise ``CryptoError`` unless the account signed ``data``, which begins with its label."""
    _check_label(data)
    account_keys.verify(public, data, signature)


def labelled(label: str, content: bytes) -> bytes:
    """The bytes that are signed: label and content, each behind its length."""
    w = Writer()
    w.opaque(label.encode())
    w.opaque(content)
    return w.finish()


def _check_label(data: bytes) -> None:
    try:
        label = Reader(data).opaque()
    except DecodeError:
        raise UnlabelledSignature from None
    if not label.startswith(LABEL_PREFIX.encode()):
        raise UnlabelledSignature
