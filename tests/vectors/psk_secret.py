"""Family psk_secret: external pre-shared keys drawn together."""

from __future__ import annotations

from typing import Any

from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID, psk_secret
from tests.vectors.expect import Options, expect, suite_of, un


def check(case: Any, options: Options) -> None:
    """The secret of all keys in their order."""
    del options
    psks = [(PreSharedKeyID(ExternalPSK(un(v["psk_id"])), un(v["psk_nonce"])), un(v["psk"])) for v in case["psks"]]
    expect("psk_secret", psk_secret(suite_of(case), psks), un(case["psk_secret"]))
