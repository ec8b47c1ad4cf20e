from __future__ import annotations

from tacit.codec import decode, encode
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID, ResumptionPSK, psk_secret
from tacit.mls.registry import ResumptionPSKUsage
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("psk_secret"):
        psks = [(PreSharedKeyID(ExternalPSK(un(v["psk_id"])), un(v["psk_nonce"])), un(v["psk"])) for v in case["psks"]]
        assert psk_secret(suite, psks) == un(case["psk_secret"])
        ran += 1
    count_suites("psk_secret", ran)


def test_both_kinds_survive_the_wire() -> None:
    for key in (ExternalPSK(b"id"), ResumptionPSK(ResumptionPSKUsage.BRANCH, b"group", 7)):
        psk = PreSharedKeyID(key, b"nonce")
        assert decode(PreSharedKeyID, encode(psk)) == psk
