from __future__ import annotations

import hashlib
import inspect
import os

import pytest

from tacit.codec import Reader
from tacit.crypto.eddsa import ED25519
from tacit.wire import relay_pb2 as pb
from tacit.wire.signing import NameToVerify, PinMismatch, hello_tbs, login_tbs, register_tbs, revoke_tbs, verify_hello

RELAY = ED25519.generate(os.urandom)
FINGERPRINT = hashlib.sha256(RELAY.public).digest()
CERTIFICATE_HASH = hashlib.sha256(b"certificate").digest()
MAKERS = (hello_tbs, login_tbs, register_tbs, revoke_tbs)


def example(maker, **changes):
    """What ``maker`` makes of a value for each of its arguments."""
    fields = {}
    for name, parameter in inspect.signature(maker).parameters.items():
        kind = parameter.annotation
        fields[name] = {"int": 1, "bool": False, "str": name, "bytes": name.encode()}[kind]
    return maker(**fields | changes)


def hello(relay=RELAY, signer=None, **changes):
    fields = {
        "protocol_min": 1,
        "protocol_max": 1,
        "challenge": b"c" * 32,
        "certificate_hash": CERTIFICATE_HASH,
        "relay_key": relay.public,
    } | changes
    return pb.Hello(**fields, signature=ED25519.sign((signer or relay).private, hello_tbs(**fields)))


def test_every_purpose_has_a_label_of_its_own():
    """Hazards B28 and D2: what is signed for one purpose is never what is signed for another."""
    labels = [Reader(example(maker)).opaque() for maker in MAKERS]
    assert len(set(labels)) == len(MAKERS)
    assert all(label.startswith(b"tacit 1.0 ") for label in labels)


@pytest.mark.parametrize("maker", MAKERS)
def test_every_argument_is_signed(maker):
    whole = example(maker)
    for name, parameter in inspect.signature(maker).parameters.items():
        other = {"int": 2, "bool": True, "str": "other", "bytes": b"other"}[parameter.annotation]
        assert example(maker, **{name: other}) != whole, name


def test_fields_cannot_lend_each_other_bytes():
    one = login_tbs(protocol=1, relay_key=b"ab", certificate_hash=b"c", challenge=b"", account_id=b"", device_id=b"")
    two = login_tbs(protocol=1, relay_key=b"a", certificate_hash=b"bc", challenge=b"", account_id=b"", device_id=b"")
    assert one != two


def test_the_bytes_are_these():
    """Golden bytes: other implementations sign the same."""
    assert revoke_tbs(account_id=b"a" * 16, device_id=b"d" * 16) == (
        b"\x1btacit 1.0 device revocation" + b"\x10" + b"a" * 16 + b"\x10" + b"d" * 16
    )
    signed = hello_tbs(
        protocol_min=1, protocol_max=2, challenge=b"c" * 32, certificate_hash=b"h" * 32, relay_key=b"k" * 32
    )
    assert signed == (
        b"\x15tacit 1.0 relay hello" + b"\0\0\0\x01\0\0\0\x02" + b"\x20" + b"c" * 32 + b"\x20" + b"h" * 32 + b"\x20"
        + b"k" * 32
    )  # fmt: skip


def test_the_relay_that_the_link_names_is_recognised():
    verify_hello(hello(), FINGERPRINT, CERTIFICATE_HASH)


def test_a_relay_without_tls_signs_an_empty_hash():
    verify_hello(hello(certificate_hash=b""), FINGERPRINT, b"")


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (lambda: hello(relay=ED25519.generate(os.urandom)), "key is another"),
        (lambda: hello(signer=ED25519.generate(os.urandom)), "signature"),
        (lambda: hello(certificate_hash=hashlib.sha256(b"of somebody in the middle").digest()), "certificate"),
        (lambda: hello(challenge=b"short"), "not in order"),
        (lambda: pb.Hello(), "key is another"),
    ],
)
def test_any_other_relay_is_refused_loudly(greeting, why):
    with pytest.raises(PinMismatch, match=why) as refused:
        verify_hello(greeting(), FINGERPRINT, CERTIFICATE_HASH)
    assert refused.value.code == "relay-pin-mismatch"


def test_behind_a_proxy_the_relay_key_says_that_the_name_is_to_be_verified_and_then_it_is():
    with pytest.raises(NameToVerify):
        verify_hello(hello(certificate_hash=b""), FINGERPRINT, CERTIFICATE_HASH)
    verify_hello(hello(certificate_hash=b""), FINGERPRINT, CERTIFICATE_HASH, name_verified=True)


@pytest.mark.parametrize(
    "greeting",
    [
        lambda: hello(certificate_hash=b"", relay=ED25519.generate(os.urandom)),
        lambda: hello(certificate_hash=b"", signer=ED25519.generate(os.urandom)),
        lambda: hello(certificate_hash=hashlib.sha256(b"of somebody in the middle").digest()),
    ],
)
def test_a_verified_name_replaces_neither_the_relay_key_nor_a_signed_certificate(greeting):
    with pytest.raises(PinMismatch) as refused:
        verify_hello(greeting(), FINGERPRINT, CERTIFICATE_HASH, name_verified=True)
    assert refused.value.code == "relay-pin-mismatch"


@pytest.mark.parametrize("field", ["protocol_min", "protocol_max", "challenge"])
def test_no_signed_field_can_be_changed_on_the_way(field):
    greeting = hello()
    setattr(greeting, field, b"x" * 32 if field == "challenge" else 7)
    with pytest.raises(PinMismatch, match="signature"):
        verify_hello(greeting, FINGERPRINT, CERTIFICATE_HASH)


def test_a_relay_key_of_small_order_does_not_pass_for_a_signature():
    """Hazard B26: OpenSSL would verify one signature for every message under this key."""
    zero = bytes(32)
    greeting = hello(relay_key=zero)
    with pytest.raises(PinMismatch, match="signature"):
        verify_hello(greeting, hashlib.sha256(zero).digest(), CERTIFICATE_HASH)
