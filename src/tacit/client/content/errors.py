"""Texts that cannot be sent."""

from __future__ import annotations

from tacit.errors import UsageError


class EmptyText(UsageError):
    """There is nothing to send."""

    code = "empty-text"


class TextNotUnicode(UsageError):
    """The text is not valid Unicode."""

    code = "text-not-unicode"
    hint = "Check the encoding of the input; tacit reads UTF-8."
