"""What a member does with bytes that claim to be for its group, and a newcomer with those of a supposed Welcome."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.honest import NOW_S, anyone, conversation, nothing_known
from tacit.errors import PeerError
from tacit.mls import join, read_key_package, save


def seeds() -> Iterator[bytes]:
    """Everything that went over the wire."""
    said = conversation()
    yield from (said.application, said.proposal, said.next_commit, said.welcome, *said.key_packages)


def check(data: bytes) -> None:
    """An event, a group or a key package, or a ``PeerError``; whatever happens, the group is as it was."""
    said = conversation()
    before = save(said.reader)
    for use in (_process, _join, _read):
        try:
            use(data)
        except PeerError:
            continue
    assert save(said.reader) == before


def _process(data: bytes) -> None:
    conversation().reader.process(data, authenticate=anyone, now_s=NOW_S)


def _join(data: bytes) -> None:
    join(data, [conversation().joiner], authenticate=anyone, known_group=nothing_known)


def _read(data: bytes) -> None:
    read_key_package(data, now_s=NOW_S, authenticate=anyone)
