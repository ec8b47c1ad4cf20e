"""Which cases of the official vectors are of a suite that tacit has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tacit.crypto.suites import SUPPORTED_SUITES, CipherSuite, suite
from tests.vectors.official import official_cases


def supported_cases(family: str) -> Iterator[tuple[CipherSuite, Any]]:
    """The cases of a family whose suite is supported."""
    for case in official_cases(family):
        if case["cipher_suite"] in SUPPORTED_SUITES:
            yield suite(case["cipher_suite"]), case
