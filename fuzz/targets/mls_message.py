"""MLSMessage as it comes from the relay. RFC 9420 §6."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.honest import conversation
from tacit.errors import DecodeError
from tacit.mls.messages import decode_message, encode_message


def seeds() -> Iterator[bytes]:
    """One of each kind."""
    said = conversation()
    yield from (*said.key_packages, said.welcome, said.application, said.proposal, said.next_commit)
    yield from (said.public_commit, said.group_info)


def check(data: bytes) -> None:
    """A message that encodes to the same bytes, or ``DecodeError``."""
    try:
        message = decode_message(data)
    except DecodeError:
        return
    assert encode_message(message) == data
