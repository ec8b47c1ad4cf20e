"""The long-term key of an account, and what it signs.

Everything signed begins with a label of the form ``tacit 1.0 ...``, so that a signature made for one purpose is
worthless for every other. Device keys sign for MLS under labels ``MLS 1.0 ...`` in the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from tacit.codec import Reader, Writer
from tacit.crypto import account_keys
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
    def generate(cls, entropy: Entropy) -> Self:
        """A fresh Ed25519 account."""
        return cls(account_keys.generate(entropy))

    @classmethod
    def load(cls, private: Secret) -> Self:
        """The account of a stored key; raises ``BadKey``."""
        return cls(private)

    @property
    def id(self) -> AccountId:
        """The account's ID."""
        return account_id(self.public)

    def sign(self, label: str, content: bytes) -> bytes:
        """Sign ``content`` for the purpose that ``label`` names, such as ``tacit 1.0 device certificate``."""
        return self.sign_bytes(labelled(label, content))

    def sign_bytes(self, data: bytes) -> bytes:
        """Sign ``data`` that already begins with its label, as the functions of ``tacit.wire.signing`` make it."""
        _check_label(data)
        return account_keys.sign(self.private, data)


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
