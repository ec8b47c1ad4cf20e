"""The codec's own error; what is wrong with received bytes is ``tacit.errors.DecodeError``."""

from __future__ import annotations

from tacit.errors import UsageError


class EncodeError(UsageError):
    """A value does not fit its encoding."""

    code = "not-encodable"
