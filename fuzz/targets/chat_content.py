"""What a member sealed: texts and receipts."""

from __future__ import annotations

from collections.abc import Iterator

from tacit.client.content.content import Content, Receipt, Text, build_content, parse_content
from tacit.errors import DecodeError


def seeds() -> Iterator[bytes]:
    """A text and a receipt."""
    for body in (Text("hello"), Receipt(3, 2)):
        yield build_content(Content(bytes(16), 1_800_000_000_000, 1, 0, b"", body))


def check(data: bytes) -> None:
    """Content that survives encoding, or ``DecodeError``."""
    try:
        content = parse_content(data)
    except DecodeError:
        return
    if content.body is not None:
        assert parse_content(build_content(content)) == content
