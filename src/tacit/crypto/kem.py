"""What HPKE asks of a key encapsulation mechanism, and how long parsed keys are kept.

Building a key object out of bytes costs as much as generating a key (X-Wing 170 µs, X25519 and Ed25519 50 µs), so
loaders keep the last few hundred objects, looked up by the bytes. For private keys this means that one which MLS has
deleted may stay in this process's memory until others displace it or ``forget_private_keys`` in ``memory.py`` is
called. Python cannot wipe memory anyway; forward secrecy is promised for what a store on disk gives away, and these
caches never go there.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from cryptography.hazmat.primitives import hpke

from tacit.crypto.keys import KeyPair

PUBLIC_KEYS_KEPT: Final = 512
PRIVATE_KEYS_KEPT: Final = 256
"""More than the nodes above one leaf in all groups that a person talks in at once."""


class Kem(Protocol):
    """A key encapsulation mechanism of HPKE; sizes in bytes. Bad keys raise ``BadKey``."""

    @property
    def id(self) -> int:
        """The number in IANA's registry of HPKE KEMs."""
        ...

    @property
    def private_key_size(self) -> int:
        """Nsk."""
        ...

    @property
    def public_key_size(self) -> int:
        """Npk."""
        ...

    @property
    def output_size(self) -> int:
        """Nenc, the length of ``kem_output``."""
        ...

    @property
    def pyca(self) -> hpke.KEM | None:
        """The name of this KEM in ``cryptography``'s own HPKE; None where it has no such KEM."""
        ...

    def derive_key_pair(self, ikm: bytes) -> KeyPair:
        """HPKE's DeriveKeyPair: the same pair for the same ``ikm``."""
        ...

    def check_public_key(self, data: bytes) -> None:
        """Raise ``BadKey`` unless ``load_public`` would take the key; keeps nothing where loading is dear."""
        ...

    def load_public(self, data: bytes) -> Any:
        """The key object, of the class that ``pyca`` takes; raises ``BadKey`` unless it passes its checks."""
        ...

    def load_private(self, data: bytes) -> Any:
        """The key object, of the class that ``pyca`` takes."""
        ...

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        """A fresh shared secret and the ``kem_output`` that carries it."""
        ...

    def decapsulate(self, private_key: bytes, kem_output: bytes) -> bytes:
        """The shared secret; raises ``CryptoError`` when ``kem_output`` is malformed."""
        ...
