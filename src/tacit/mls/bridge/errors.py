"""What is wrong with a request, as far as it is not MLS itself that refuses it."""

from __future__ import annotations

from tacit.errors import UsageError


class BadLine(UsageError):
    """A line is not one JSON object with a verb."""

    code = "bad-line"


class UnknownVerb(UsageError):
    """There is no such verb."""

    code = "unknown-verb"


class BadArgument(UsageError):
    """An argument is missing, unknown or of the wrong form."""

    code = "bad-argument"


class NoSuchGroup(UsageError):
    """The client is not in a group of this ID."""

    code = "no-such-group"


class GroupExists(UsageError):
    """The client is in a group of this ID already."""

    code = "group-exists"


class NoSuchMember(UsageError):
    """Nobody in the group has this leaf or identity."""

    code = "no-such-member"


class NotAHandshake(UsageError):
    """A message with application data was given to process, which takes proposals and commits."""

    code = "not-a-handshake"


class NotApplicationData(UsageError):
    """A proposal or a commit was given to unprotect, which takes application messages."""

    code = "not-application-data"


class IdentityChanged(UsageError):
    """A member's new leaf has another credential than the old one."""

    code = "identity-changed"
