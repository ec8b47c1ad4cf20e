"""Texts that cannot be sent."""

from __future__ import annotations

from tacit.errors import UsageError


class EmptyText(UsageError):
    """There is nothing to send."""

    code = "empty-text"


class TextTooLong(UsageError):
    """The text is too long for one message."""

    code = "text-too-long"
    hint = "Split it into several messages."


class TextNotUnicode(UsageError):
    """The text is not valid Unicode."""

    code = "text-not-unicode"
    hint = "Check the encoding of the input; tacit reads UTF-8."
