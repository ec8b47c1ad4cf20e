from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest

from tacit.crypto.aead import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, Aead
from tacit.crypto.dhkem import DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X25519
from tacit.crypto.hpke import Context, Hpke
from tacit.crypto.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from tacit.crypto.kem import Kem
from tacit.crypto.xwing import XWING
from tacit.errors import CryptoError
from tests.vectors import count, load_vectors

AEADS = {aead.id: aead for aead in (AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305)}
KDFS = {kdf.id: kdf for kdf in (HKDF_SHA256, HKDF_SHA384, HKDF_SHA512)}
SHAKE256_KDF = 0x0011
KEM_NAMES = {
    0x0010: "DHKEM-P256 with one-stage KDF",
    0x0011: "DHKEM-P384 with one-stage KDF",
    0x0020: "DHKEM-X25519 with one-stage KDF",
    0x0021: "DHKEM-X448 with one-stage KDF",
    0x0040: "ML-KEM-512",
    0x0041: "ML-KEM-768",
    0x0042: "ML-KEM-1024",
    0x0050: "MLKEM768-P256",
    0x0051: "MLKEM1024-P384",
}


def test_official_hpke_pq_vectors_of_the_default_kem():
    """Every case of MLKEM768-X25519; the key schedule of the one with SHAKE256 is computed by the test itself."""
    cases = load_vectors("hpke-pq")
    ours = [case for case in cases if case["kem_id"] == XWING.id]
    for case in ours:
        check_kem(case)
        if case["kdf_id"] == SHAKE256_KDF:
            check_messages_and_exports(case, *one_stage_schedule(case))
        else:
            check_two_stage_schedule(case)
    not_run = Counter(KEM_NAMES[case["kem_id"]] for case in cases if case["kem_id"] != XWING.id)
    count("hpke-pq", ran=len(ours), of=len(cases), not_run=not_run)


def check_kem(case: dict[str, Any]) -> None:
    pair = XWING.derive_key_pair(bytes.fromhex(case["ikmR"]))
    assert (pair.private.hex(), pair.public.hex()) == (case["skRm"], case["pkRm"])
    assert XWING.decapsulate(pair.private, bytes.fromhex(case["enc"])).hex() == case["shared_secret"]


def check_two_stage_schedule(case: dict[str, Any]) -> None:
    hpke = Hpke(XWING, KDFS[case["kdf_id"]], AEADS[case["aead_id"]])
    context = hpke.schedule(bytes.fromhex(case["shared_secret"]), bytes.fromhex(case["info"]))
    check_messages_and_exports(
        case, context, lambda exporter_context, length: hpke.export(context, exporter_context, length)
    )
    private, enc, info = (bytes.fromhex(case[name]) for name in ("skRm", "enc", "info"))
    for export in case["exports"]:
        exporter_context = bytes.fromhex(export["exporter_context"])
        exported = hpke.export_receiver(private, enc, info, exporter_context, export["L"])
        assert exported.hex() == export["exported_value"]


def one_stage_schedule(case: dict[str, Any]):
    """HPKE's key schedule over SHAKE256, which tacit has no other use for (draft-ietf-hpke-pq)."""
    suite_id = bytes.fromhex(case["suite_id"])

    def prefixed(value: bytes) -> bytes:
        return len(value).to_bytes(2, "big") + value

    def derive(ikm: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labeled = ikm + b"HPKE-v1" + suite_id + prefixed(label) + length.to_bytes(2, "big") + context
        return hashlib.shake_256(labeled).digest(length)

    secrets = prefixed(b"") + prefixed(bytes.fromhex(case["shared_secret"]))
    key_schedule_context = b"\x00" + prefixed(b"") + prefixed(bytes.fromhex(case["info"]))
    secret = derive(secrets, b"secret", key_schedule_context, 32 + 12 + 64)
    context = Context(secret[:32], secret[32:44], secret[44:])
    return context, lambda exporter_context, length: derive(context.exporter_secret, b"sec", exporter_context, length)


def check_messages_and_exports(case: dict[str, Any], context: Context, export) -> None:
    assert context.key.hex() == case["key"]
    assert context.base_nonce.hex() == case["base_nonce"]
    assert context.exporter_secret.hex() == case["exporter_secret"]
    aead = AEADS[case["aead_id"]]
    for message in case["encryptions"]:
        nonce, aad, ct, pt = (bytes.fromhex(message[name]) for name in ("nonce", "aad", "ct", "pt"))
        assert aead.open(context.key, nonce, aad, ct) == pt
        assert aead.seal(context.key, nonce, aad, pt) == ct
    for wanted in case["exports"]:
        assert export(bytes.fromhex(wanted["exporter_context"]), wanted["L"]).hex() == wanted["exported_value"]


COMBINATIONS = [
    (XWING, HKDF_SHA384, AES_256_GCM),
    (XWING, HKDF_SHA256, CHACHA20_POLY1305),
    (DHKEM_X25519, HKDF_SHA256, AES_128_GCM),
    (DHKEM_X25519, HKDF_SHA256, CHACHA20_POLY1305),
    (DHKEM_P256, HKDF_SHA256, AES_128_GCM),
    (DHKEM_P384, HKDF_SHA384, AES_256_GCM),
    (DHKEM_P521, HKDF_SHA512, AES_256_GCM),
]


@pytest.mark.parametrize(("kem", "kdf", "aead"), COMBINATIONS)
def test_the_key_schedule_here_opens_what_the_library_seals(kem: Kem, kdf: Kdf, aead: Aead):
    """Two implementations of HPKE meet: this room's decapsulation and key schedule, and OpenSSL's sender."""
    hpke = Hpke(kem, kdf, aead)
    pair = kem.derive_key_pair(b"\x01" * 66)
    kem_output, ciphertext = hpke.seal(pair.public, b"info", b"plaintext")
    context = hpke.schedule(kem.decapsulate(pair.private, kem_output), b"info")
    assert aead.open(context.key, context.base_nonce, b"", ciphertext) == b"plaintext"


@pytest.mark.parametrize(("kem", "kdf", "aead"), COMBINATIONS)
def test_the_library_opens_what_the_key_schedule_here_seals(kem: Kem, kdf: Kdf, aead: Aead):
    hpke = Hpke(kem, kdf, aead)
    pair = kem.derive_key_pair(b"\x02" * 66)
    shared_secret, kem_output = kem.encapsulate(pair.public)
    context = hpke.schedule(shared_secret, b"info")
    ciphertext = aead.seal(context.key, context.base_nonce, b"", b"plaintext")
    assert hpke.open(pair.private, kem_output, b"info", ciphertext) == b"plaintext"


def test_the_context_does_not_show_its_secrets():
    hpke = Hpke(DHKEM_X25519, HKDF_SHA256, AES_128_GCM)
    assert repr(hpke.schedule(b"\x01" * 32, b"")) == "Context()"


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_private_keys_of_any_other_length_are_refused(private: bytes):
    hpke = Hpke(DHKEM_X25519, HKDF_SHA256, AES_128_GCM)
    kem_output, ciphertext = hpke.seal(DHKEM_X25519.derive_key_pair(b"\x03" * 32).public, b"", b"")
    with pytest.raises(CryptoError):
        hpke.open(private, kem_output, b"", ciphertext)
