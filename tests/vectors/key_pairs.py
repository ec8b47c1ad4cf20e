"""Whether an HPKE private key belongs to a public one."""

from __future__ import annotations

from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError
from tests.vectors.expect import Mismatch


def expect_hpke_pair(what: str, suite: CipherSuite, private: bytes, public: bytes) -> None:
    """Raise ``Mismatch`` unless what is sealed to ``public`` opens with ``private``."""
    try:
        kem_output, ciphertext = suite.hpke_seal(public, b"", b"")
        suite.hpke_open(private, kem_output, b"", ciphertext)
    except CryptoError:
        raise Mismatch(f"{what} does not belong to its public key") from None
