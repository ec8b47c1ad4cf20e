"""Family hpke-pq: HPKE with every KEM and KDF of draft-ietf-hpke-pq, of which tacit's suites use some.

What tacit has comes from ``tacit.crypto``; the KEMs and one-stage KDFs that no suite of its own needs stand in ``kems``
and ``one_stage``. Source: RFC 9180 §5.1, draft-ietf-hpke-pq
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tacit.crypto.aead import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305
from tacit.crypto.dhkem import DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X448, DHKEM_X25519
from tacit.crypto.hpke import Context, Hpke
from tacit.crypto.kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512
from tacit.crypto.kem import Kem
from tacit.crypto.xwing import XWING
from tests.vectors.expect import Options, Unsupported, expect, un
from tests.vectors.kems import REFERENCE_KEMS, HybridKem, PureKem
from tests.vectors.one_stage import ONE_STAGE_KDFS, OneStage
from tests.vectors.xwing import ciphertext_of

AEADS = {aead.id: aead for aead in (AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305)}
TWO_STAGE_KDFS = {kdf.id: kdf for kdf in (HKDF_SHA256, HKDF_SHA384, HKDF_SHA512)}
OWN_KEMS = (XWING, DHKEM_P256, DHKEM_P384, DHKEM_P521, DHKEM_X25519, DHKEM_X448)
KEMS: dict[int, Kem] = {kem.id: kem for kem in (*OWN_KEMS, *REFERENCE_KEMS)}

Export = Callable[[bytes, int], bytes]


def check(case: Any, options: Options) -> None:
    """Keys from ``ikmR``, the secret from ``enc``, the schedule from the secret, then every message and export."""
    del options
    kem = KEMS.get(case["kem_id"])
    if kem is None:
        raise Unsupported(f"no KEM {case['kem_id']:#06x}")
    if case["mode"] != 0 or case["aead_id"] not in AEADS:
        raise Unsupported(f"mode {case['mode']} with AEAD {case['aead_id']:#06x}")
    numbers = (case["kem_id"], case["kdf_id"], case["aead_id"])
    expect("suite_id", b"HPKE" + b"".join(number.to_bytes(2, "big") for number in numbers), un(case["suite_id"]))
    pair = kem.derive_key_pair(un(case["ikmR"]))
    expect("skRm", _clamped(kem, pair.private), _clamped(kem, un(case["skRm"])))
    expect("pkRm", pair.public, un(case["pkRm"]))
    expect("shared_secret", kem.decapsulate(pair.private, un(case["enc"])), un(case["shared_secret"]))
    if "ikmE" in case:
        expect("enc", _sent_with(kem, pair.public, un(case["ikmE"])), un(case["enc"]))
    context, export = _schedule(case, kem)
    for name in ("key", "base_nonce", "exporter_secret"):
        expect(name, getattr(context, name), un(case[name]))
    _check_messages(case, context)
    for wanted in case["exports"]:
        got = export(un(wanted["exporter_context"]), wanted["L"])
        expect("exported_value", got, un(wanted["exported_value"]))


def _sent_with(kem: Kem, public: bytes, ikm: bytes) -> bytes:
    """What an encapsulation sends that draws ``ikm``; tacit's own KEMs cannot be told what to draw."""
    if isinstance(kem, PureKem | HybridKem):
        return kem.encapsulate_with(public, ikm)[1]
    return ciphertext_of(public, ikm) if kem is XWING else kem.derive_key_pair(ikm).public


def _clamped(kem: Kem, private: bytes) -> bytes:
    """The vectors store keys of X448 clamped, tacit as derived; the scalar is the same. Source: RFC 7748 §5"""
    if kem is not DHKEM_X448:
        return private
    return bytes((private[0] & 0xFC, *private[1:-1], private[-1] | 0x80))


def _schedule(case: Any, kem: Kem) -> tuple[Context, Export]:
    secret, info, aead = un(case["shared_secret"]), un(case["info"]), AEADS[case["aead_id"]]
    if (one_stage := ONE_STAGE_KDFS.get(case["kdf_id"])) is not None:
        schedule = OneStage(one_stage, un(case["suite_id"]))
        context = schedule.context(secret, info, aead.key_size)
        return context, lambda exporter_context, length: schedule.export(context, exporter_context, length)
    if (kdf := TWO_STAGE_KDFS.get(case["kdf_id"])) is None:
        raise Unsupported(f"no KDF {case['kdf_id']:#06x}")
    hpke = Hpke(kem, kdf, aead)
    two_stage = hpke.schedule(secret, info)
    private, enc = un(case["skRm"]), un(case["enc"])
    for wanted in case["exports"]:
        got = hpke.export_receiver(private, enc, info, un(wanted["exporter_context"]), wanted["L"])
        expect("exported_value, from enc", got, un(wanted["exported_value"]))
    first = case["encryptions"][0]
    if first["aad"] == "":
        expect("the first message", hpke.open(private, enc, info, un(first["ct"])), un(first["pt"]))
    return two_stage, lambda exporter_context, length: hpke.export(two_stage, exporter_context, length)


def _check_messages(case: Any, context: Context) -> None:
    aead, base = AEADS[case["aead_id"]], int.from_bytes(context.base_nonce, "big")
    for sequence, message in enumerate(case["encryptions"]):
        nonce, aad, ct, pt = (un(message[name]) for name in ("nonce", "aad", "ct", "pt"))
        expect("nonce", (base ^ sequence).to_bytes(len(context.base_nonce), "big"), nonce)
        expect("pt", aead.open(context.key, nonce, aad, ct), pt)
        expect("ct", aead.seal(context.key, nonce, aad, pt), ct)
