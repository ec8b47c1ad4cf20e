"""What a relay refuses, and why: one class for each stable code, the same on both sides of the wire.

The relay raises these and puts code and sentence into its answer; the client turns a code back into the class with
``refusal``, so that a person reads our sentence and not one that the relay made up.
"""

from __future__ import annotations

from typing import Final

from tacit.errors import ExitCode, RelayError


class Malformed(RelayError):
    """The relay could not read a frame of ours."""

    code = "malformed"
    hint = "The two sides may be of very different versions."


class BadRequest(RelayError):
    """The relay found a request of ours to make no sense."""

    code = "bad-request"


class Unsupported(RelayError):
    """The relay does not know that request."""

    code = "unsupported"
    hint = "The relay may be older than this program."


class ProtocolVersion(RelayError):
    """The relay and the program here speak different versions of the protocol."""

    code = "protocol-version"
    hint = "Update the older of the two."


class TooLarge(RelayError):
    """That is larger than the relay takes."""

    code = "too-large"


class RateLimited(RelayError):
    """The relay asks for patience: too much in too short a time."""

    code = "rate-limited"
    exit_code = ExitCode.RATE_LIMITED
    hint = "It goes on by itself after the time that the relay gave."


class QuotaExceeded(RelayError):
    """The relay keeps no more of that than it does already."""

    code = "quota"
    hint = "Room comes back when devices that were away collect what waits for them."


class StorageFull(RelayError):
    """The relay's disk is full; what it has is safe, but it takes nothing new."""

    code = "storage-full"
    hint = "Ask whoever runs the relay to make room; sending goes on by itself then."


class RegistrationPaused(RelayError):
    """The relay is short of disk space or memory, and takes no new accounts for now."""

    code = "registration-paused"
    exit_code = ExitCode.RATE_LIMITED
    hint = "Try again later, or tell whoever runs the relay."


class StorageFailed(RelayError):
    """The relay cannot use its disk."""

    code = "storage-failed"
    hint = "Ask whoever runs the relay to look after it; sending goes on by itself then."


class Internal(RelayError):
    """Something went wrong inside the relay."""

    code = "internal"
    hint = "Its operator finds more in its log."


class ShuttingDown(RelayError):
    """The relay is about to stop."""

    code = "shutting-down"


class NotLoggedIn(RelayError):
    """The relay takes that only from a device that has logged in."""

    code = "not-logged-in"


class AlreadyLoggedIn(RelayError):
    """The connection has already logged in."""

    code = "already-logged-in"


class BadSignature(RelayError):
    """The relay could not verify our signature."""

    code = "bad-signature"
    exit_code = ExitCode.UNTRUSTED


class BadCertificate(RelayError):
    """The relay does not accept this device's certificate."""

    code = "bad-certificate"
    exit_code = ExitCode.UNTRUSTED


class DeviceRevoked(RelayError):
    """The device was revoked, by its account or by whoever runs the relay, and can never log in again."""

    code = "device-revoked"
    exit_code = ExitCode.UNTRUSTED
    hint = "Make a new device for the account."


class AccountSuspended(RelayError):
    """The account is suspended at this relay."""

    code = "account-suspended"
    exit_code = ExitCode.LOCKED
    hint = "Ask whoever runs the relay; what waits for the account is kept."


class AccountDeleted(RelayError):
    """The relay's operator has deleted this account there."""

    code = "account-deleted"
    exit_code = ExitCode.UNTRUSTED
    hint = "What is on this device stays. Ask whoever runs the relay."


class HandleTaken(RelayError):
    """Somebody else has that handle at this relay."""

    code = "handle-taken"
    exit_code = ExitCode.USAGE
    hint = "Choose another one."


class HandleFixed(RelayError):
    """The account already has another handle at the relay, and a handle is for good."""

    code = "handle-fixed"
    hint = "Leave the name out; the account keeps the one that it has."
    exit_code = ExitCode.USAGE


class BadHandle(RelayError):
    """A handle is 2 to 32 letters a-z, digits, dots, hyphens and underscores."""

    code = "handle-refused"
    exit_code = ExitCode.USAGE


class InviteNeeded(RelayError):
    """The relay takes new accounts by invitation only."""

    code = "invite-needed"
    exit_code = ExitCode.USAGE
    hint = "Ask whoever runs it for an invite link."


class InviteInvalid(RelayError):
    """The invitation is unknown here, used up, revoked or too old."""

    code = "invite-invalid"
    exit_code = ExitCode.USAGE
    hint = "Ask whoever runs the relay for a new one."


class PhoneNeeded(RelayError):
    """The relay takes new accounts with a phone number only."""

    code = "phone-needed"
    exit_code = ExitCode.USAGE
    hint = "Give yours with --phone; a code is sent to it."


class BadPhone(RelayError):
    """That is not a phone number that messages can be sent to."""

    code = "bad-phone"
    exit_code = ExitCode.USAGE
    hint = "Write a mobile number with + and the code of its country, such as +491701234567."


class PhoneRefused(RelayError):
    """The relay sends no codes to numbers of that country."""

    code = "phone-refused"
    exit_code = ExitCode.USAGE
    hint = "Ask whoever runs the relay: they have a list of countries."


class PhonePaused(RelayError):
    """The relay sends no codes for now."""

    code = "phone-paused"
    exit_code = ExitCode.RATE_LIMITED
    hint = "Try again later, or tell whoever runs the relay."


class PhoneCodeSent(RelayError):
    """The relay has sent a code to that number; whoever shows it goes on.

    ``otp_request`` is what is to be shown with it.
    """

    code = "phone-code-sent"
    exit_code = ExitCode.USAGE
    hint = "It arrives within a minute or two, and is good for ten."

    def __init__(self, detail: str = "", *, otp_request: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.otp_request = otp_request


class PhoneCodeWrong(RelayError):
    """That is not the code that was sent."""

    code = "phone-code-wrong"
    exit_code = ExitCode.USAGE
    hint = "Type the six digits of the last message."


class PhoneCodeExpired(RelayError):
    """That code is no longer good: it was used, it is too old, or too many tries were wrong."""

    code = "phone-code-expired"
    exit_code = ExitCode.USAGE
    hint = "Ask for a new one."


class PhoneTaken(RelayError):
    """That number belongs to an account at this relay already."""

    code = "phone-taken"
    exit_code = ExitCode.USAGE
    hint = "Use that account: tacit init --key-file FILE opens it on a new machine. Or ask whoever runs the relay."


class NoSuchAccount(RelayError):
    """The relay knows no such account."""

    code = "no-such-account"
    exit_code = ExitCode.NOT_FOUND


class NoSuchDevice(RelayError):
    """The relay knows no such device of that account."""

    code = "no-such-device"
    exit_code = ExitCode.NOT_FOUND


class NoKeyPackages(RelayError):
    """None of their devices has left a KeyPackage at the relay, so nobody can be added."""

    code = "no-key-packages"
    hint = "It mends itself when one of their devices comes online."


class UnknownLog(RelayError):
    """The relay has no such conversation."""

    code = "unknown-log"
    exit_code = ExitCode.NOT_FOUND


class LogTaken(RelayError):
    """Another device made a conversation of that ID."""

    code = "log-taken"


class NotAReader(RelayError):
    """The device does not take part in that conversation."""

    code = "not-a-reader"
    exit_code = ExitCode.NOT_FOUND


class NoSuchRoom(RelayError):
    """The relay has no such room, or the link to it is no longer good."""

    code = "no-such-room"
    exit_code = ExitCode.NOT_FOUND
    hint = "Ask somebody who is in the room for its current link."


class RoomLocked(RelayError):
    """The room is locked: nobody comes in for now."""

    code = "room-locked"
    hint = "An admin of the room can unlock it: /unlock, or tacit room unlock."


class RoomStale(RelayError):
    """The relay was restored and has yet to hear from the room how it stands."""

    code = "room-stale"
    hint = "It mends itself when somebody who is in the room comes online."


class RoomNameTaken(RelayError):
    """There is a public room of that name at this relay."""

    code = "room-name-taken"
    exit_code = ExitCode.USAGE
    hint = "Choose another name, or join that room."


class BadRoomName(RelayError):
    """The name of a public room is 2 to 32 letters a-z, digits, dots, hyphens and underscores."""

    code = "room-name-refused"
    exit_code = ExitCode.USAGE


class SessionsOff(RelayError):
    """The relay does not bring people together by a code."""

    code = "sessions-off"
    hint = "Its operator has turned sessions off; use another relay."


class NoSuchRendezvous(RelayError):
    """Nobody waits under that code."""

    code = "no-such-rendezvous"
    exit_code = ExitCode.NOT_FOUND
    hint = "Codes are good for ten minutes and for one who comes. Check the first six characters, or ask for a new one."


class TooManyRendezvous(RelayError):
    """Too many people wait for somebody at the relay just now."""

    code = "too-many-rendezvous"
    exit_code = ExitCode.RATE_LIMITED
    hint = "Try again in some minutes."


class NobodyThere(RelayError):
    """The other side has gone."""

    code = "nobody-there"


class CommitConflict(RelayError):
    """Another change of the group came first.

    ``last_commit_seq`` is where in the log; the author processes it and tries again.
    """

    code = "commit-conflict"

    def __init__(self, detail: str = "", *, last_commit_seq: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.last_commit_seq = last_commit_seq


class Restoring(RelayError):
    """The relay was restored from a backup and waits for what the members of that chat bring back."""

    code = "restoring"
    hint = "What was written meanwhile goes out by itself, after some minutes at most."


REFUSALS: Final[dict[str, type[RelayError]]] = {
    refusal.code: refusal
    for refusal in (
        Malformed, BadRequest, Unsupported, ProtocolVersion, TooLarge, RateLimited, QuotaExceeded, StorageFull,
        RegistrationPaused, StorageFailed, Internal, ShuttingDown, NotLoggedIn, AlreadyLoggedIn, BadSignature,
        BadCertificate, DeviceRevoked, AccountSuspended, AccountDeleted, HandleTaken, HandleFixed, BadHandle,
        InviteNeeded, InviteInvalid, PhoneNeeded, BadPhone, PhoneRefused, PhonePaused, PhoneCodeSent, PhoneCodeWrong,
        PhoneCodeExpired, PhoneTaken, NoSuchAccount, NoSuchDevice, NoKeyPackages, UnknownLog, LogTaken, NotAReader,
        NoSuchRoom, RoomLocked, RoomStale, RoomNameTaken, BadRoomName, SessionsOff,
        NoSuchRendezvous, TooManyRendezvous, NobodyThere, CommitConflict, Restoring,
    )
}  # fmt: skip
"""Every code that an Error, a RegistrationFailed or a LoginFailed carries."""


class Closed:
    """Codes of Closing: why the relay ends a connection."""

    SHUTTING_DOWN: Final = "shutting-down"
    REPLACED: Final = "replaced"
    """The same device has logged in on another connection."""
    REVOKED: Final = "device-revoked"
    SUSPENDED: Final = "account-suspended"
    DELETED: Final = "account-deleted"
    LOGIN_TIMEOUT: Final = "login-timeout"
    LOGIN_FAILURES: Final = "login-failures"


class PartedCode:
    """Codes of Parted: why two at a rendezvous are no longer together."""

    LEFT: Final = "left"
    """The other side's connection has ended."""
    DISMISSED: Final = "dismissed"
    """Who waits has sent the guest away."""
    EXPIRED: Final = "expired"
    """Nobody has come in time."""
    USED_UP: Final = "used-up"
    """As many guests have come as may."""
    QUIET: Final = "quiet"
    """Neither has said anything for too long."""


class UnknownRefusal(RelayError):
    """The relay refused for a reason that this program does not know."""

    code = "relay-refused"


def refusal(code: str, *, retry_after_s: int = 0, last_commit_seq: int = 0, otp_request: str = "") -> RelayError:
    """The exception for the code of an answer; codes from a newer relay become ``UnknownRefusal``."""
    retry = float(retry_after_s) if retry_after_s else None
    if code == CommitConflict.code:
        return CommitConflict(last_commit_seq=last_commit_seq, retry_after_s=retry)
    if code == PhoneCodeSent.code:
        return PhoneCodeSent(otp_request=otp_request, retry_after_s=retry)
    found = REFUSALS.get(code)
    if found is None:
        shown = "".join(c for c in code[:40] if c.isascii() and (c.isalnum() or c == "-"))
        return UnknownRefusal(shown, retry_after_s=retry)
    return found(retry_after_s=retry)
