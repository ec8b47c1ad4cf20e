"""What the store gives back: the parts of a group, a pending commit, a bundle; damaged perhaps, never hostile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fuzz.honest import conversation
from tacit.errors import DecodeError
from tacit.mls import BadState, KeyPackageBundle, PendingCommit, SavedGroup, load, save


def _epoch(data: bytes) -> bytes:
    return save(load(SavedGroup(data, conversation().blobs[1]))).epoch_blob


def _ratchets(data: bytes) -> None:
    save(load(SavedGroup(conversation().blobs[0], data)))


LOADERS: tuple[Callable[[bytes], bytes | None], ...] = (
    _epoch,
    _ratchets,
    lambda data: PendingCommit.decode(data).encode(),
    lambda data: KeyPackageBundle.decode(data).encode(),
)
"""The first byte of an input picks one; what a loader gives must be the input again."""


def seeds() -> Iterator[bytes]:
    """One of each, as it was stored."""
    said = conversation()
    yield b"\x00" + said.blobs[0]
    yield b"\x01" + said.blobs[1]
    yield b"\x02" + said.pending
    yield b"\x03" + said.joiner.encode()


def check(data: bytes) -> None:
    """A value, or the documented error."""
    if not data:
        return
    try:
        again = LOADERS[data[0] % len(LOADERS)](data[1:])
    except (BadState, DecodeError):
        return
    assert again is None or again == data[1:]
