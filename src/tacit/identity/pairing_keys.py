"""What both sides of a pairing compute: the running transcript, and the keys that the stretched words give.

Every hash begins with a label of its own and covers all that came before, so nothing in one message can be exchanged
for what was said in another pairing, at another relay or in another role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tacit.codec import Writer
from tacit.crypto.hashes import sha256
from tacit.crypto.kdf import HKDF_SHA384
from tacit.crypto.secret import Secret
from tacit.identity.account_keys import labelled

VERSION: Final = 1

BEGIN_LABEL: Final = "tacit 1.0 pairing"
OFFER_LABEL: Final = "tacit 1.0 pairing offer"
ACCEPTANCE_LABEL: Final = "tacit 1.0 pairing acceptance"
CONFIRMATION_LABEL: Final = "tacit 1.0 pairing confirmation"
COMMITMENT_LABEL: Final = "tacit 1.0 pairing commitment"
PSK_LABEL: Final = "tacit 1.0 pairing psk"
PSK_ID_LABEL: Final = "tacit 1.0 pairing psk id"


def begin(relay_key: bytes, name: str, creator_nonce: bytes, joiner_nonce: bytes) -> bytes:
    """The transcript before the first MAC, and the salt of the stretching: version, relay, rendezvous, both nonces."""
    w = Writer()
    w.u16(VERSION)
    w.opaque(relay_key)
    w.opaque(name.encode())
    w.fixed(creator_nonce)
    w.fixed(joiner_nonce)
    return sha256(labelled(BEGIN_LABEL, w.finish()))


def with_offer(transcript: bytes, commitment: bytes, key_package: bytes) -> bytes:
    """The transcript up to what who comes offers."""
    return _with(OFFER_LABEL, transcript, commitment, key_package)


def with_acceptance(transcript: bytes, identity: bytes, welcome: bytes) -> bytes:
    """The transcript up to the Welcome."""
    return _with(ACCEPTANCE_LABEL, transcript, identity, welcome)


def with_confirmation(transcript: bytes, number: bytes) -> bytes:
    """The whole transcript; check phrases are made with it."""
    return _with(CONFIRMATION_LABEL, transcript, number)


def commitment(number: bytes) -> bytes:
    """What binds who comes to a number without telling it."""
    return sha256(labelled(COMMITMENT_LABEL, number))


def psk_id(transcript: bytes) -> bytes:
    """The name of the pre-shared key, by the transcript up to the offer."""
    return sha256(labelled(PSK_ID_LABEL, transcript))


@dataclass(frozen=True, slots=True)
class PairingKeys:
    """What the stretched words are used for, each under a key of its own."""

    secret: Secret

    @classmethod
    def derive(cls, stretched: Secret, transcript: bytes) -> PairingKeys:
        """The keys of one pairing."""
        return cls(Secret(HKDF_SHA384.extract(transcript, stretched.reveal())))

    def offer_mac(self, transcript: bytes) -> Secret:
        """Who comes knows the words; 48 bytes."""
        return self._mac(OFFER_LABEL, transcript)

    def acceptance_mac(self, transcript: bytes) -> Secret:
        """Who waits knows the words; 48 bytes."""
        return self._mac(ACCEPTANCE_LABEL, transcript)

    def confirmation_mac(self, transcript: bytes, authenticator: Secret) -> Secret:
        """Who came is in the group; 48 bytes. ``authenticator`` is the epoch's."""
        w = Writer()
        w.fixed(transcript)
        w.opaque(authenticator.reveal())
        return self._mac(CONFIRMATION_LABEL, w.finish())

    @property
    def psk(self) -> Secret:
        """The pre-shared key of the commit that lets who came in; 48 bytes."""
        return self._expand(PSK_LABEL)

    def _mac(self, label: str, content: bytes) -> Secret:
        return Secret(HKDF_SHA384.mac(self._expand(label).reveal(), labelled(label, content)))

    def _expand(self, label: str) -> Secret:
        return Secret(HKDF_SHA384.expand(self.secret.reveal(), labelled(label, b""), HKDF_SHA384.size))


def _with(label: str, transcript: bytes, *fields: bytes) -> bytes:
    w = Writer()
    w.fixed(transcript)
    for field in fields:
        w.opaque(field)
    return sha256(labelled(label, w.finish()))
