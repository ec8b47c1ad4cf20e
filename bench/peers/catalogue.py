"""Who is measured against: packages with their pins, and the program that speaks for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Home(Enum):
    """Where a package lives."""

    NODE = "node"
    PYTHON = "python"


@dataclass(frozen=True)
class Package:
    """``pins`` maps each package that is installed to its version."""

    name: str
    home: Home
    program: str
    pins: Mapping[str, str] = field(default_factory=dict)


TS_MLS = Package(
    "ts-mls",
    Home.NODE,
    "ts_mls.mjs",
    {
        "ts-mls": "2.0.0-rc.10",
        "@hpke/chacha20poly1305": "1.8.0",
        "@hpke/core": "1.9.0",
        "@hpke/dhkem-x448": "1.8.0",
        "@hpke/hybridkem-x-wing": "0.7.0",
        "@hpke/ml-kem": "0.3.0",
        "@noble/ciphers": "2.1.1",
        "@noble/curves": "2.0.1",
        "@noble/post-quantum": "0.5.2",
    },
)
CORE_CRYPTO = Package("core-crypto", Home.NODE, "core_crypto.mjs", {"@wireapp/core-crypto": "10.3.0"})
LIBSIGNAL = Package("libsignal", Home.NODE, "libsignal.mjs", {"@signalapp/libsignal-client": "0.103.0"})
VODOZEMAC = Package("vodozemac", Home.PYTHON, "megolm.py", {"vodozemac": "0.10.0"})
RFC9420 = Package("rfc9420", Home.PYTHON, "rfc9420_peer.py", {"rfc9420": "1.3.0"})

PACKAGES = (TS_MLS, CORE_CRYPTO, LIBSIGNAL, VODOZEMAC, RFC9420)
