"""Accounts, devices and leaves out of seeds, for the tests of this room."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tacit.crypto import account_keys
from tacit.crypto.eddsa import ED25519
from tacit.crypto.keys import KeyPair
from tacit.identity import AccountKey, DeviceCertificate
from tacit.identity.account_keys import labelled
from tacit.identity.certificates import CERTIFICATE_LABEL

NOW_S = 1_800_000_000


def account(seed: int) -> AccountKey:
    return AccountKey.generate(random.Random(f"account {seed}").randbytes)


def device(seed: int) -> KeyPair:
    return ED25519.generate(random.Random(f"device {seed}").randbytes)


ALICE, BOB, MALLORY = account(1), account(2), account(3)
LAPTOP, PHONE, BURNER = device(1), device(2), device(3)


@dataclass(frozen=True)
class Leaf:
    """What ``authenticate_leaf`` looks at in a leaf node."""

    credential_identity: bytes
    signature_key: bytes


def leaf(owner: AccountKey, pair: KeyPair, now_s: int = NOW_S) -> Leaf:
    """An honest device's leaf."""
    return Leaf(DeviceCertificate.issue(owner, pair.public, now_s).encode(), pair.public)


def forged(signer: AccountKey, certificate: DeviceCertificate, label: str = CERTIFICATE_LABEL) -> DeviceCertificate:
    """The certificate, whatever it says, under a fresh signature that no honest device would make."""
    signature = account_keys.sign(signer.private, labelled(label, certificate.signed_content()))
    return replace(certificate, signature=signature)
