"""The one door for identity. Hazards A14 (a ghost device) and B5 (a victim's identity in one's own leaf) stand here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.identity import (
    CertificateExpired,
    CertificateInvalid,
    CredentialMismatch,
    DeviceCertificate,
    IdentityError,
    NotTheSuccessor,
    authenticate_leaf,
)
from tacit.limits import DEVICE_CERTIFICATE_LIFETIME_S
from tests.identity.people import ALICE, BOB, BURNER, LAPTOP, MALLORY, NOW_S, PHONE, Leaf, forged, leaf

ALICES_LAPTOP = leaf(ALICE, LAPTOP)
AFTER_THE_END_S = NOW_S + DEVICE_CERTIFICATE_LIFETIME_S + 1


def test_an_honest_leaf_enters_under_its_account_and_device():
    authenticated = authenticate_leaf(None, ALICES_LAPTOP, NOW_S)
    certificate = DeviceCertificate.decode(ALICES_LAPTOP.credential_identity)
    assert authenticated.account_id == ALICE.id
    assert authenticated.account_key == ALICE.public
    assert authenticated.device_id == certificate.device_id
    assert authenticated.certificate == certificate


def test_a_leaf_may_be_replaced_by_one_of_the_same_device():
    assert authenticate_leaf(ALICES_LAPTOP, ALICES_LAPTOP, NOW_S).account_id == ALICE.id


def test_a_leaf_may_be_replaced_with_a_renewed_certificate_even_when_the_old_one_has_ended():
    renewed = leaf(ALICE, LAPTOP, AFTER_THE_END_S)
    assert authenticate_leaf(ALICES_LAPTOP, renewed, AFTER_THE_END_S).account_id == ALICE.id


def test_time_matters_only_where_it_is_given():
    authenticate_leaf(None, ALICES_LAPTOP, None)
    for now_s in (AFTER_THE_END_S, 0):
        with pytest.raises(CertificateExpired):
            authenticate_leaf(None, ALICES_LAPTOP, now_s)


@pytest.mark.parametrize(
    "successor",
    [
        pytest.param(leaf(BOB, PHONE), id="another account's device"),
        pytest.param(leaf(ALICE, PHONE), id="another device of the account"),
        pytest.param(leaf(MALLORY, LAPTOP), id="the same device under another account"),
    ],
)
def test_a_leaf_cannot_be_replaced_by_anyone_else(successor: Leaf):
    authenticate_leaf(None, successor, NOW_S)
    with pytest.raises(NotTheSuccessor):
        authenticate_leaf(ALICES_LAPTOP, successor, NOW_S)


def test_a_victims_certificate_over_ones_own_key_is_refused():
    """B5: the certificate is genuine, the leaf is signed, but not by the device that the certificate names."""
    stolen = Leaf(ALICES_LAPTOP.credential_identity, BURNER.public)
    for old in (None, ALICES_LAPTOP, leaf(MALLORY, BURNER)):
        with pytest.raises(CredentialMismatch):
            authenticate_leaf(old, stolen, NOW_S)


def test_a_ghost_device_that_the_account_never_certified_is_refused():
    """A14: the relay makes a device of its own and claims it for the victim's account."""
    genuine = DeviceCertificate.decode(leaf(MALLORY, BURNER).credential_identity)
    claimed = replace(genuine, account_key=ALICE.public)
    for certificate in (claimed, forged(MALLORY, claimed)):
        with pytest.raises(CertificateInvalid):
            authenticate_leaf(None, Leaf(certificate.encode(), BURNER.public), NOW_S)


@pytest.mark.parametrize("identity", [b"", b"alice", bytes(300), ALICES_LAPTOP.credential_identity[:-1]])
def test_a_credential_that_is_no_certificate_is_refused(identity: bytes):
    with pytest.raises(CertificateInvalid):
        authenticate_leaf(None, Leaf(identity, LAPTOP.public), NOW_S)
    with pytest.raises(CertificateInvalid):
        authenticate_leaf(Leaf(identity, LAPTOP.public), ALICES_LAPTOP, NOW_S)


def test_a_refusal_is_not_softened_by_an_earlier_acceptance():
    """What is remembered of a certificate is never the answer for another leaf or another time."""
    for _ in range(2):
        authenticate_leaf(None, ALICES_LAPTOP, NOW_S)
        with pytest.raises(CredentialMismatch):
            authenticate_leaf(None, replace(ALICES_LAPTOP, signature_key=PHONE.public), NOW_S)
        with pytest.raises(CertificateExpired):
            authenticate_leaf(None, ALICES_LAPTOP, AFTER_THE_END_S)


def test_every_refusal_is_an_identity_error_with_its_own_code_and_sentence():
    kinds = [CertificateInvalid, CertificateExpired, CredentialMismatch, NotTheSuccessor]
    assert all(issubclass(kind, IdentityError) for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(kind().sentence.endswith(".") for kind in kinds)
