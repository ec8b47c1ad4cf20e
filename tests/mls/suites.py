"""Which cases of the official vectors are of a suite that tacit has, and the names of those that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tacit.crypto.suites import SUPPORTED_SUITES, CipherSuite, suite
from tests.vectors import count, load_vectors


def supported_cases(name: str) -> Iterator[tuple[CipherSuite, Any]]:
    """The cases of a family whose suite is supported."""
    for case in load_vectors(name):
        if case["cipher_suite"] in SUPPORTED_SUITES:
            yield suite(case["cipher_suite"]), case


def count_suites(name: str, ran: int) -> None:
    """Account for a family: ``ran`` cases, and all of the suites that are missing."""
    cases = load_vectors(name)
    missing = Counter(case["cipher_suite"] for case in cases if case["cipher_suite"] not in SUPPORTED_SUITES)
    count(name, ran, len(cases), {f"suite {number:#06x}": cases for number, cases in sorted(missing.items())})
