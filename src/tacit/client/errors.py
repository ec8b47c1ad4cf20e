"""What can go wrong in the client above its store and its links."""

from __future__ import annotations

from typing import ClassVar

from tacit.errors import ExitCode, NotFound, RelayError, TacitError, TransportError, Untrusted, UsageError


class Offline(TransportError):
    """The relay has not been reached yet, and this needs it."""

    code = "offline"
    hint = "Check that the relay is up; what can wait is sent by itself once it is."


class Closed(UsageError):
    """The client has been closed."""

    code = "closed"


class Broken(TacitError):
    """Something in this program went wrong, and it has stopped before doing any harm."""

    code = "internal"
    hint = "Start it again; nothing that it had confirmed is lost. Please report this with the log."


class Mishap(TacitError):
    """Something in this program went wrong; what it was about has been left out."""

    code = "internal"
    hint = "Everything else goes on. Please report this with the log."


class BeganAnew(TacitError):
    """After a mistake of its own this program has closed the connection, to begin again from what is on disk."""

    code = "began-anew"


class TimedOut(TacitError):
    """It did not happen in the time given."""

    code = "timeout"
    exit_code: ClassVar[ExitCode] = ExitCode.TIMEOUT
    hint = "The message stays queued and goes out by itself; ask again later."


class NotSent(TacitError):
    """The message will never go out; the chat says why."""

    code = "not-sent"
    exit_code: ClassVar[ExitCode] = ExitCode.PARTIAL


class HandleChanged(Untrusted):
    """The relay says that this handle now belongs to somebody else than the person pinned here."""

    code = "handle-changed"
    hint = "Ask the person over another channel; rename or remove the old contact only if they really have a new key."


class FalseAnswer(Untrusted):
    """The relay's answer about an account does not prove itself."""

    code = "false-answer"
    hint = "The relay may be broken or hostile; nothing was sent to that account."


class NickTaken(UsageError):
    """Somebody in that room has this nickname, or one that looks like it."""

    code = "nick-taken"

    def __init__(self, suggestion: str) -> None:
        super().__init__(f"{suggestion} is free")
        self.suggestion = suggestion
        """A nickname that nobody there had at that moment."""


class BadNick(UsageError):
    """A nickname has 1 to 24 letters, digits, hyphens and underscores."""

    code = "bad-nick"


class NotARoom(UsageError):
    """That chat is no room."""

    code = "not-a-room"
    hint = "Make a room with 'tacit room create NAME --nick NICK'."


class Crowded(RelayError):
    """So many came into that room at the same moment that this device never had its turn."""

    code = "room-crowded"
    hint = "Try again in a moment."


class RoomFull(UsageError):
    """There are so many people in that room that the relay could keep no description of one more."""

    code = "room-full"


class NotAllowed(UsageError):
    """Only an admin may do that."""

    code = "not-allowed"
    hint = "Ask an admin: /users shows who is one, and so do tacit room members and tacit group members."


class ChatEnded(UsageError):
    """The chat has ended; its history can still be read."""

    code = "chat-ended"


class AwaitsAnswer(UsageError):
    """The request has not been answered: accept it first."""

    code = "request-open"
    hint = "tacit accept and tacit refuse answer it; where you talk, /accept and /refuse."


class TextTooLong(UsageError):
    """The text is longer than one message can carry."""

    code = "text-too-long"


class Ambiguous(UsageError):
    """More than one person or chat goes by that name."""

    code = "ambiguous"
    hint = "Use the @handle, the account ID or the chat ID."


class NoSuchProfile(NotFound):
    """There is no profile of that name on this machine."""

    code = "no-such-profile"
    hint = "tacit up makes one with a relay of your own, tacit join LINK one at somebody's; -P names another."


class ProfileExists(UsageError):
    """There already is a profile of that name on this machine."""

    code = "profile-exists"
    hint = "Choose another name with -P."


class RequestTimeout(TransportError):
    """The relay did not answer a request in time."""

    code = "request-timeout"


class RelayStopping(TransportError):
    """The relay has been stopped, and has said so."""

    code = "shutting-down"
    hint = "It was stopped in good order; the connection comes back by itself when it runs again."


class UnexpectedAnswer(RelayError):
    """The relay answered with something else than was asked for."""

    code = "unexpected-answer"


class OtherRelay(UsageError):
    """That person is at another relay than this profile."""

    code = "other-relay"
    hint = "Make a profile at their relay: tacit join LINK -P NAME."
