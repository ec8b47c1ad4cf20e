"""Hazards A14, A16 and A20: what a relay says about accounts is believed only as far as it proves itself."""

from __future__ import annotations

import pytest

from tacit import mls
from tacit.client.core.group_info import GROUP_INFO_EXTENSION
from tacit.client.core.state import Me
from tacit.client.directory import Asked, Found, check_account, check_certificate, check_key_package
from tacit.client.errors import FalseAnswer
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE
from tacit.limits import DAY_S, KEY_PACKAGE_LIFETIME_S
from tacit.testing.entropy import SeededEntropy
from tacit.wire import relay_pb2 as pb
from tests.client.core.members import NOW_S, make_me

ENTROPY = SeededEntropy(3, "directory")
ALICE, MALLORY = make_me(ENTROPY), make_me(ENTROPY)
FOUND = Found(ALICE.account_id, ALICE.account_key, "alice")


def device_keys(me: Me, *, suite: int = DEFAULT_SUITE, certificate: bytes | None = None) -> pb.DeviceKeys:
    bundle = mls.create_key_package(
        suite,
        me.certificate,
        me.signature_private,
        now_s=NOW_S,
        entropy=ENTROPY,
        extension_types=(GROUP_INFO_EXTENSION,),
    )
    return pb.DeviceKeys(
        device_id=me.device_id,
        device_certificate=certificate or me.certificate,
        key_package=pb.KeyPackage(suite=suite, key_package=bundle.key_package_bytes),
    )


def test_an_honest_answer_is_believed() -> None:
    assert check_account(Asked(handle="alice"), ALICE.account_id, ALICE.account_key, "alice") == FOUND
    assert check_account(Asked(account_id=ALICE.account_id), ALICE.account_id, ALICE.account_key, "") == Found(
        ALICE.account_id, ALICE.account_key, ""
    )
    assert check_certificate(FOUND, ALICE.certificate).account_id == ALICE.account_id
    keys = device_keys(ALICE)
    assert check_key_package(FOUND, keys, NOW_S) == keys.key_package.key_package


@pytest.mark.parametrize(
    ("asked", "answered", "key", "handle"),
    [
        (Asked(handle="alice"), ALICE.account_id, MALLORY.account_key, "alice"),
        (Asked(account_id=ALICE.account_id), MALLORY.account_id, MALLORY.account_key, "alice"),
        (Asked(handle="alice"), ALICE.account_id, ALICE.account_key, "alicia"),
        (Asked(handle="alice"), ALICE.account_id, ALICE.account_key, ""),
        (Asked(account_id=ALICE.account_id), ALICE.account_id, ALICE.account_key, "\x1b[2J"),
        (Asked(account_id=ALICE.account_id), ALICE.account_id, b"", ""),
    ],
)
def test_an_answer_about_somebody_else_is_refused(asked: Asked, answered: bytes, key: bytes, handle: str) -> None:
    with pytest.raises(FalseAnswer):
        check_account(asked, answered, key, handle)


def test_a_device_that_the_account_has_not_signed_is_refused() -> None:
    forged = bytearray(ALICE.certificate)
    forged[-1] ^= 1
    for certificate in (MALLORY.certificate, bytes(forged), b"", b"\x00" * 40):
        with pytest.raises(FalseAnswer):
            check_certificate(FOUND, certificate)


def test_a_key_package_of_another_account_is_refused_even_behind_the_right_certificate() -> None:
    with pytest.raises(FalseAnswer):
        check_key_package(FOUND, device_keys(MALLORY), NOW_S)
    with pytest.raises(FalseAnswer):
        check_key_package(FOUND, device_keys(MALLORY, certificate=ALICE.certificate), NOW_S)


def test_a_key_package_of_a_weaker_suite_is_refused() -> None:
    keys = device_keys(ALICE, suite=X25519_SUITE)
    keys.key_package.suite = DEFAULT_SUITE
    with pytest.raises(FalseAnswer):
        check_key_package(FOUND, keys, NOW_S)


def test_a_key_package_that_has_expired_is_refused() -> None:
    keys = device_keys(ALICE)
    check_key_package(FOUND, keys, NOW_S + KEY_PACKAGE_LIFETIME_S - DAY_S)
    with pytest.raises(FalseAnswer):
        check_key_package(FOUND, keys, NOW_S + KEY_PACKAGE_LIFETIME_S + DAY_S)


def test_bytes_that_are_no_key_package_are_refused() -> None:
    keys = device_keys(ALICE)
    keys.key_package.key_package = keys.key_package.key_package[:-1]
    with pytest.raises(FalseAnswer):
        check_key_package(FOUND, keys, NOW_S)
