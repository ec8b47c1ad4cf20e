"""What every family's check shares: how a difference is said, what is not supported, and what the caller has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tacit.crypto.errors import UnsupportedSuite
from tacit.crypto.suites import CipherSuite, suite

un = bytes.fromhex


class Mismatch(Exception):
    """A vector says one thing and tacit another."""


class Unsupported(Exception):
    """The case needs something that tacit does not have; the text says what."""


@dataclass(frozen=True, slots=True)
class Options:
    """``lenient_capabilities`` accepts leaves of passive-client cases that do not list the group's own suite."""

    lenient_capabilities: bool = False


DEFAULT = Options()


def expect(what: str, got: object, wanted: object) -> None:
    """Raise ``Mismatch`` unless both are equal."""
    if got != wanted:
        raise Mismatch(f"{what} is {_shown(got)}, the vector has {_shown(wanted)}")


def suite_of(case: dict[str, Any]) -> CipherSuite:
    """The suite that a case names; raises ``Unsupported``."""
    try:
        return suite(case["cipher_suite"])
    except UnsupportedSuite:
        raise Unsupported(f"no suite {case['cipher_suite']:#06x}") from None


def _shown(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
