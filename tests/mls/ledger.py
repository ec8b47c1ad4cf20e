"""Keeps account of every secret that the key schedule, the ratchets and the trees derive, and finds those still held.

The secrets are noted where they come out of the KDF and the KEM, under the label that they were derived with. What is
noted is the complement of the bytes, so that the account itself is never taken for a holder.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

import msgspec

from tacit.codec import Reader
from tacit.crypto.kdf import Kdf
from tacit.crypto.keys import KeyPair
from tacit.crypto.memory import forget_private_keys
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.errors import DecodeError
from tacit.mls import Group, save

_PREFIX = b"MLS 1.0 "
_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CipherSuite)


class Ledger:
    """Secrets by what they are: the label of a derivation, ``extracted``, ``private key`` or a name given."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, bytes]] = []

    def note(self, name: str, secret: bytes) -> None:
        """Account for one secret; the all-zero one that stands for none is nobody's."""
        if len(secret) >= 12 and any(secret):
            self.noted.append((name, _complement(secret)))

    def count(self, name: str) -> int:
        """How many different secrets of that name there were."""
        return len({hidden for known, hidden in self.noted if known == name})

    def forget_but(self, *names: str) -> None:
        """Keep the account of some names only."""
        self.noted = [item for item in self.noted if item[0] in names]

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note whatever is derived in here."""
        extract, expand, derive = Kdf.extract, Kdf.expand, CipherSuite.derive_key_pair
        generate, first_blocks = CipherSuite.generate_key_pair, Kdf.first_blocks

        def noted_extract(kdf: Kdf, salt: bytes, ikm: bytes) -> bytes:
            secret = extract(kdf, salt, ikm)
            self.note("extracted", secret)
            return secret

        def noted_expand(kdf: Kdf, prk: bytes, info: bytes, length: int) -> bytes:
            secret = expand(kdf, prk, info, length)
            label = _label(info)
            if label is not None:
                self.note(label, secret)
            return secret

        def noted_first_blocks(kdf: Kdf, prk: bytes, infos: Iterable[bytes]) -> list[bytes]:
            asked = list(infos)
            blocks = first_blocks(kdf, prk, asked)
            for info, block in zip(asked, blocks, strict=True):
                label = _label(info)
                if label is not None:
                    self.note(label, block[: int.from_bytes(info[:2], "big")])
            return blocks

        def noted_derive(suite: CipherSuite, ikm: bytes) -> KeyPair:
            pair = derive(suite, ikm)
            self.note("private key", pair.private)
            return pair

        def noted_generate(suite: CipherSuite, entropy: Entropy) -> KeyPair:
            pair = generate(suite, entropy)
            self.note("private key", pair.private)
            return pair

        doors = (
            (Kdf, "extract", extract, noted_extract),
            (Kdf, "expand", expand, noted_expand),
            (Kdf, "first_blocks", first_blocks, noted_first_blocks),
            (CipherSuite, "derive_key_pair", derive, noted_derive),
            (CipherSuite, "generate_key_pair", generate, noted_generate),
        )
        for owner, name, _, noted in doors:
            setattr(owner, name, noted)
        try:
            yield
        finally:
            for owner, name, plain, _ in doors:
                setattr(owner, name, plain)

    def held(self, group: Group) -> Counter[str]:
        """How many of the secrets of each name can be reached from a group or stand in its stored form.

        Fails unless both know the same ones.
        """
        saved = save(group)
        in_blobs = self._within([saved.epoch_blob, saved.ratchet_blob])
        reachable = self._within(reachable_bytes(group))
        assert in_blobs == reachable
        return Counter(name for name, _ in reachable)

    def held_in(self, *blobs: bytes) -> Counter[str]:
        """How many of the secrets of each name stand in some bytes."""
        return Counter(name for name, _ in self._within(list(blobs)))

    def held_anywhere(self) -> Counter[str]:
        """How many of the secrets of each name are left in this process, after its caches of parsed keys are empty."""
        forget_private_keys()
        gc.collect()
        wanted: dict[bytes, set[str]] = {}
        for name, hidden in self.noted:
            wanted.setdefault(hashlib.sha256(hidden).digest(), set()).add(name)
        sizes = {len(hidden) for _, hidden in self.noted}
        found = {
            hashlib.sha256(_complement(value)).digest()
            for value in _every_value()
            if type(value) is bytes and len(value) in sizes
        }
        return Counter(name for digest in found & wanted.keys() for name in wanted[digest])

    def _within(self, places: list[bytes]) -> set[tuple[str, bytes]]:
        return {(name, hidden) for name, hidden in self.noted if any(_complement(hidden) in place for place in places)}


def _every_value() -> Iterator[object]:
    """Whatever something in this process refers to; the collector itself does not list containers of plain values."""
    seen: set[int] = set()
    for holder in gc.get_objects():
        waiting = gc.get_referents(holder)
        while waiting:
            value = waiting.pop()
            yield value
            if isinstance(value, dict | tuple | msgspec.Struct) and not gc.is_tracked(value) and id(value) not in seen:
                seen.add(id(value))
                waiting.extend(gc.get_referents(value))


def reachable_bytes(root: object) -> list[bytes]:
    """All bytes that can be reached from a value, not counting code and what all groups share."""
    seen: set[int] = set()
    found: list[bytes] = []
    waiting: list[object] = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, _SHARED):
            continue
        seen.add(id(value))
        if isinstance(value, bytes | bytearray):
            found.append(bytes(value))
        waiting.extend(gc.get_referents(value))
    return found


def _complement(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def _label(info: bytes) -> str | None:
    """The label of a KDFLabel; None for what HPKE expands inside."""
    r = Reader(info)
    try:
        r.u16()
        label = r.opaque()
        r.opaque()
        r.finish()
    except DecodeError:
        return None
    return label.removeprefix(_PREFIX).decode() if label.startswith(_PREFIX) else None
