"""The key schedule: from one epoch's init secret to everything the next epoch is kept secret with.

Source: RFC 9420 §8, §8.5, §11, §12.4.3.1
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from tacit.codec import Reader, Writer
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.mls.labels import derive_secret, expand_with_label


@dataclass(frozen=True, slots=True)
class EpochSecrets:
    """The secrets that a member keeps for as long as an epoch lasts, Nh bytes each."""

    init_secret: Secret
    sender_data_secret: Secret
    exporter_secret: Secret
    external_secret: Secret
    membership_key: Secret
    resumption_psk: Secret
    epoch_authenticator: Secret

    def write(self, w: Writer) -> None:
        """Append the form in which they are stored."""
        for secret in (
            self.init_secret,
            self.sender_data_secret,
            self.exporter_secret,
            self.external_secret,
            self.membership_key,
            self.resumption_psk,
            self.epoch_authenticator,
        ):
            w.opaque(secret.reveal())

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take them off ``r``."""
        return cls(*(Secret(r.opaque()) for _ in range(7)))


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """One run of the key schedule; what is not in ``kept`` is used at once and then dropped."""

    kept: EpochSecrets
    encryption_secret: bytes = field(repr=False)
    confirmation_key: bytes = field(repr=False)

    def confirmation_tag(self, suite: CipherSuite, confirmed_transcript_hash: bytes) -> bytes:
        """The MAC by which members confirm that they arrived at the same state. Source: RFC 9420 §6.1"""
        return suite.mac(self.confirmation_key, confirmed_transcript_hash)


def derive_joiner_secret(suite: CipherSuite, init_secret: bytes, commit_secret: bytes, group_context: bytes) -> bytes:
    """The secret that new members are given; ``group_context`` is that of the new epoch."""
    return expand_with_label(
        suite, suite.extract(init_secret, commit_secret), b"joiner", group_context, suite.hash_size
    )


def derive_member_secret(suite: CipherSuite, joiner_secret: bytes, psk_secret: bytes) -> bytes:
    """What joiner secret and pre-shared keys come down to; the welcome and epoch secrets are derived from it."""
    return suite.extract(joiner_secret, psk_secret)


def derive_welcome_key(suite: CipherSuite, member_secret: bytes) -> tuple[bytes, bytes]:
    """Key and nonce for the group info in a Welcome. Source: RFC 9420 §12.4.3.1"""
    welcome_secret = derive_secret(suite, member_secret, b"welcome")
    key = expand_with_label(suite, welcome_secret, b"key", b"", suite.key_size)
    return key, expand_with_label(suite, welcome_secret, b"nonce", b"", suite.nonce_size)


def derive_epoch_secret(suite: CipherSuite, member_secret: bytes, group_context: bytes) -> bytes:
    """The root of one epoch; ``group_context`` is that of the new epoch."""
    return expand_with_label(suite, member_secret, b"epoch", group_context, suite.hash_size)


def schedule_epoch(suite: CipherSuite, epoch_secret: bytes) -> KeySchedule:
    """Derive all secrets of an epoch."""

    def derive(label: bytes) -> bytes:
        return derive_secret(suite, epoch_secret, label)

    kept = EpochSecrets(
        init_secret=Secret(derive(b"init")),
        sender_data_secret=Secret(derive(b"sender data")),
        exporter_secret=Secret(derive(b"exporter")),
        external_secret=Secret(derive(b"external")),
        membership_key=Secret(derive(b"membership")),
        resumption_psk=Secret(derive(b"resumption")),
        epoch_authenticator=Secret(derive(b"authentication")),
    )
    return KeySchedule(kept, derive(b"encryption"), derive(b"confirm"))


def export(suite: CipherSuite, exporter_secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """MLS-Exporter: ``length`` bytes for the use that ``label`` names. Source: RFC 9420 §8.5"""
    secret = derive_secret(suite, exporter_secret, label)
    return expand_with_label(suite, secret, b"exported", suite.hash(context), length)
