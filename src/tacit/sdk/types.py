"""What programs see of tacit: people, chats, messages, events. Values only; no keys, no protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

MessageStateWord: TypeAlias = Literal["queued", "sent", "relayed", "delivered", "read", "failed", "received"]
ChatKindWord: TypeAlias = Literal["direct", "group", "room"]
ChatStatusWord: TypeAlias = Literal["requested", "active", "leaving", "ended"]
PersonStatusWord: TypeAlias = Literal["self", "known", "requested", "accepted", "blocked"]
ConnectionWord: TypeAlias = Literal["offline", "connecting", "online"]
WaitFor: TypeAlias = Literal["sent", "relayed", "delivered", "read"]


@dataclass(frozen=True, slots=True)
class Person:
    """Another account, or this one."""

    id: str
    """Account ID, a UUID cut from the hash of the account key."""
    handle: str
    """Unique name at the relay without ``@``, empty if there is none. A label, not an identity."""
    name: str
    """What to show: in a room the nickname, else the local name, else ``@handle``, else the first block of the ID.

    Raw: sanitise before printing."""
    verified: bool
    status: PersonStatusWord


@dataclass(frozen=True, slots=True)
class NoticeInfo:
    """A line that no peer wrote, such as a membership change.

    Codes: ``created`` ``joined`` ``added`` ``removed`` ``left`` ``renamed`` ``leave-asked`` ``request-accepted``
    ``gap`` (``count`` messages of ``by`` are missing, ``reason`` says why) ``fork`` ``undecryptable``
    ``invalid-commit`` ``rejected-commit`` (roles) ``key-changed`` ``behind``
    ``change-failed`` ``merged-direct`` ``not-sent`` ``account-gone`` (the relay says that it does not have the account
    of ``who`` any more); in rooms also ``nick`` (``by`` is called ``name`` from then on) ``locked`` ``unlocked``.
    """

    code: str
    by: Person | None = None
    who: tuple[Person, ...] = ()
    name: str = ""
    count: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MessageInfo:
    """One line of history."""

    id: str
    row: int
    """Position in this profile's history; ascending."""
    chat: str
    """ID of the chat."""
    kind: Literal["text", "notice"]
    sender: Person | None
    mine: bool
    text: str
    """Raw text of a peer: sanitise before printing to a terminal."""
    sent_at_ms: int
    received_at_ms: int
    state: MessageStateWord
    notice: NoticeInfo | None = None


@dataclass(frozen=True, slots=True)
class ChatInfo:
    """A direct chat, a group or a room."""

    id: str
    kind: ChatKindWord
    status: ChatStatusWord
    title: str
    """Group name, or the name of the other person. Raw: sanitise before printing."""
    peer: Person | None
    members: tuple[Person, ...]
    admins: tuple[str, ...]
    """Account IDs of those who may add, remove and rename."""
    unread: int
    last_at_ms: int
    invited_by: Person | None
    suite: str
    """Name of the MLS cipher suite."""
    epoch: int
    nicks: Mapping[str, str] = field(default_factory=dict)
    """In rooms, what each account is called there, by account ID. Raw: sanitise before printing."""
    locked: bool = False
    """Nobody comes into the room by its link."""


@dataclass(frozen=True, slots=True)
class SafetyNumberInfo:
    """What two people compare to know that nobody sits between them."""

    person: Person
    digits: tuple[str, ...]
    """Twelve groups of five digits, the same on both sides."""
    qr: bytes
    """Content of the QR code; the other side's scanner compares it."""
    verified: bool


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """How this profile stands."""

    profile: str
    me: Person
    relay: str
    """Relay link without secrets."""
    contact_link: str
    connection: ConnectionWord
    queued: int
    """Own messages and changes that have not reached the relay."""
    chats: int
    requests: int
    key_packages: int
    """One-time KeyPackages at the relay, -1 when not known."""
    receipts: bool
    encrypted_at_rest: bool
    """False when the profile was made without a passphrase."""


# ---- events ----


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection to the relay changed."""

    state: Literal["connecting", "online", "offline"]
    code: str = ""
    """Error code of why, when offline."""
    sentence: str = ""
    retry_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A line was added to history, by a peer, by this client or by the state of the chat."""

    message: MessageInfo


@dataclass(frozen=True, slots=True)
class StateEvent:
    """An own message got further."""

    chat: str
    id: str
    state: MessageStateWord


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """Somebody unknown wants to talk: nothing of theirs is shown before ``accept``."""

    chat: ChatInfo
    person: Person


@dataclass(frozen=True, slots=True)
class ChatEvent:
    """A chat appeared or changed: members, title, status."""

    chat: ChatInfo


@dataclass(frozen=True, slots=True)
class ProblemEvent:
    """Something went wrong that belongs to no chat; the client goes on."""

    code: str
    sentence: str
    hint: str = ""


Event: TypeAlias = Connection | MessageEvent | StateEvent | RequestEvent | ChatEvent | ProblemEvent
