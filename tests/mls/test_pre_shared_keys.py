from __future__ import annotations

from tacit.codec import decode, encode
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID, ResumptionPSK
from tacit.mls.registry import ResumptionPSKUsage


def test_both_kinds_survive_the_wire() -> None:
    for key in (ExternalPSK(b"id"), ResumptionPSK(ResumptionPSKUsage.BRANCH, b"group", 7)):
        psk = PreSharedKeyID(key, b"nonce")
        assert decode(PreSharedKeyID, encode(psk)) == psk
