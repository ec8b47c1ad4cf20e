"""What a chat message looks like inside its ciphertext: texts and receipts, with the numbers that make gaps visible.

Holds the schema, its bounds and the way to bytes and back. Knows nothing of MLS, stores or relays. Pure.
"""

from __future__ import annotations

from tacit.client.content.content import Content, Receipt, Text, build_content, check_text, parse_content
from tacit.client.content.errors import EmptyText, TextNotUnicode
from tacit.client.errors import TextTooLong

__all__ = [
    "Content",
    "EmptyText",
    "Receipt",
    "Text",
    "TextNotUnicode",
    "TextTooLong",
    "build_content",
    "check_text",
    "parse_content",
]
