"""What can go wrong between two who met by a code."""

from __future__ import annotations

from typing import ClassVar

from tacit.errors import ExitCode, TacitError, Untrusted, UsageError


class CodeBurned(Untrusted):
    """Three have come with other words, so the code is no longer good."""

    code = "code-burned"
    hint = "Make a new one. If the other person did not mistype it, somebody else tried to guess it."


class NobodyCame(TacitError):
    """Nobody came with the code in time."""

    code = "nobody-came"
    exit_code: ClassVar[ExitCode] = ExitCode.TIMEOUT
    hint = "A code is good for ten minutes; make a new one."


class WrongWords(Untrusted):
    """The words are not those of the other side."""

    code = "wrong-words"
    hint = "Compare the code letter by letter. If it is right, somebody is in the middle: say so before you try again."


class PairingFailed(Untrusted):
    """The other side did not keep to the rules of pairing."""

    code = "pairing-failed"
    hint = "Check that both run the same version of tacit, then try with a new code."


class PairingTooSlow(TacitError):
    """The two did not pair within a minute."""

    code = "pairing-too-slow"
    exit_code: ClassVar[ExitCode] = ExitCode.TIMEOUT
    hint = "Try again with a new code, on a better connection."


class OtherVersion(UsageError):
    """The other side pairs in a way that this program does not know."""

    code = "pairing-version"
    hint = "Update the older of the two."


class OtherSideLeft(TacitError):
    """The other side has gone."""

    code = "other-side-left"
    exit_code: ClassVar[ExitCode] = ExitCode.NETWORK


class SessionOver(UsageError):
    """The session is over."""

    code = "session-over"


class SessionBroken(Untrusted):
    """Something was lost, repeated, changed or invented on the way, so the session was ended."""

    code = "session-broken"
    hint = "The relay may be broken or hostile. Nothing that was shown before is in doubt."


class ThirdInSession(Untrusted):
    """A third was to be let into the session, so it was ended."""

    code = "third-in-session"
    hint = "A session is of two. The other side's program may have been changed."
