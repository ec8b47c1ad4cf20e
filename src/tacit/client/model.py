"""The values that a client keeps: contacts, chats, conversations, messages, intents and outbox rows.

Pure data, shared by the core, which computes them, and the store, which writes them down. A *chat* is what a person
sees; a *conversation* is one MLS group with its log at the relay. A group chat has one conversation; a direct chat has
one for each time the two began it, and everyone writes to the one with the smallest group ID.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

ChatId = NewType("ChatId", str)
"""``direct:<account uuid>``, ``group:<group id in hex>`` or ``room:<group id in hex>``."""

GroupId = NewType("GroupId", bytes)
"""16 random bytes: the MLS group ID and the ID of the log at the relay."""

MessageId = NewType("MessageId", bytes)
"""16 random bytes, chosen by the sender; inside the ciphertext for messages, outside for log entries."""


class ContactStatus(StrEnum):
    """How this account stands to another."""

    KNOWN = "known"  # met in a group; nobody asked for anything
    REQUESTED = "requested"  # they asked to talk and wait for a yes
    ACCEPTED = "accepted"
    BLOCKED = "blocked"


class ChatKind(StrEnum):
    """What a chat is to a person."""

    DIRECT = "direct"
    GROUP = "group"
    ROOM = "room"


class ChatStatus(StrEnum):
    """Where a chat stands."""

    REQUESTED = "requested"  # invited by a stranger: nothing is read or shown before a yes
    ACTIVE = "active"
    LEAVING = "leaving"  # asked to be removed; another member has yet to commit it
    ENDED = "ended"  # left, removed or refused; history stays readable


class MessageState(StrEnum):
    """How far an own message has come."""

    QUEUED = "queued"  # written down here, not yet encrypted: offline, or a membership change is under way
    SENT = "sent"  # encrypted and on its way
    RELAYED = "relayed"  # on the relay's disk
    DELIVERED = "delivered"  # on the disk of every other member
    READ = "read"  # shown to every other member
    FAILED = "failed"  # will never go out; the reason is a line of its own
    RECEIVED = "received"  # not an own message


class MessageKind(StrEnum):
    """What a line of history is."""

    TEXT = "text"
    NOTICE = "notice"  # a membership change, a rename, a gap, an alarm; made here, never by a peer's text


class IntentKind(StrEnum):
    """What a person asked for and the log has not confirmed yet."""

    TEXT = "text"
    INVITE = "invite"
    REMOVE = "remove"
    RENAME = "rename"
    LEAVE = "leave"
    NICK = "nick"  # another nickname in a room
    LOCK = "lock"  # nobody comes into a room by its link
    UNLOCK = "unlock"
    UPDATE = "update"  # a fresh path for post-compromise security
    COMMIT_PENDING = "commit-pending"  # commit the proposals of others, such as a wish to leave


class ConversationStatus(StrEnum):
    """Where one MLS group stands on this device."""

    CREATING = "creating"  # the log is not at the relay yet
    REQUESTED = "requested"  # joined by Welcome, not accepted: the log is not read
    ACTIVE = "active"
    BEHIND = "behind"  # the relay has entries of ours that this store does not know: a restored backup
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Contact:
    """Another account, pinned at first sight."""

    account_id: bytes
    account_key: bytes
    handle: str
    name: str
    """What the owner of this store calls them; empty: the handle."""
    status: ContactStatus
    verified_at: int | None
    added_at: int


@dataclass(frozen=True, slots=True)
class Chat:
    """What a person sees as one conversation."""

    id: ChatId
    kind: ChatKind
    status: ChatStatus
    title: str
    peer: bytes | None
    """Account ID of the other side of a direct chat."""
    created_at: int
    invited_by: bytes | None = None
    read_through: int = 0
    """Row number of the last message that was shown to the owner."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One MLS group and the place reached in its log."""

    group_id: GroupId
    chat_id: ChatId
    status: ConversationStatus
    cursor: int
    """Sequence number of the last entry processed."""
    last_commit: int
    """Sequence number of the last commit in the log, valid or not."""
    own_last: int
    """Up to this sequence number no own entry is unknown: the last one seen, or what was read again after a restore."""
    own_counter: int
    """Counter of the next own message; per-sender counters start at 1."""
    head: bytes
    """Running head: 32 bytes, restarted from the epoch authenticator at each epoch."""
    committed_at: int
    """When this device last put fresh key material into the group, Unix seconds."""
    joined_epoch: int = 0
    """The epoch in which this device came into the group; what was said before is not for it."""
    highest_epoch: int = 0
    """The last epoch whose keys this device has had. It outlives them, so that no old invitation brings one back."""
    in_doubt: bool = False
    """Whether the log may have changed the epoch without this device: since this one began, something was missing, or
    there was a commit that could not be processed."""
    incarnation: bytes = b""
    """The relay's at which this place is one: what that relay lacked of this log has been brought back. Empty: never
    compared with any."""
    joined_seq: int = 0
    """Sequence number of the entry that let this device in, 0 for whoever made the log."""
    keys_from: bytes = b""
    """The relay's at which the keys of the present epoch came about: see ``core.lives``."""
    link_secret: bytes = field(default=b"", repr=False)
    """Of a room: what its link holds, 32 bytes."""


@dataclass(frozen=True, slots=True)
class SenderProgress:
    """What was last seen of one member in one conversation."""

    account_id: bytes
    device_id: bytes
    counter: int
    delivered_seq: int = 0
    read_seq: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """The content of a line that no peer wrote: a code and its parameters, put into words by each face."""

    code: str
    by: bytes | None = None
    who: tuple[bytes, ...] = ()
    name: str = ""
    count: int = 0
    reason: str = ""
    nicks: tuple[tuple[bytes, str], ...] = ()
    """In rooms what those who are named here were called at the time, by account ID."""


@dataclass(frozen=True, slots=True)
class Message:
    """One line of history."""

    row: int
    """Number in this store, ascending in the order of display; 0 before it is stored."""
    id: MessageId
    chat_id: ChatId
    group_id: GroupId
    kind: MessageKind
    state: MessageState
    sender: bytes | None
    """Account ID; None for notices."""
    text: str
    sent_at_ms: int
    """The sender's clock, signed by the sender."""
    received_at_ms: int
    seq: int
    """Sequence number in the log, 0 when not there yet."""
    epoch: int = 0
    counter: int = 0
    notice: Notice | None = None
    nick: str = ""
    """In rooms what the sender was called at the time."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Something to be done in a chat as soon as the log allows; survives restarts, done once."""

    row: int
    chat_id: ChatId
    kind: IntentKind
    message_id: MessageId
    """For texts the message's ID, otherwise a fresh one."""
    who: tuple[bytes, ...] = ()
    """Account IDs to invite or remove."""
    key_packages: tuple[bytes, ...] = ()
    """Claimed MLS KeyPackages of those to invite, each used for every try of this intent."""
    text: str = ""
    """New name for a rename, new nickname for a change of that."""
    attempts: int = 0
    """Tries before this one; a text that was tried before was sealed before."""
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class RoomPart:
    """What the relay keeps of a room for those who come in."""

    group_info: bytes
    """Sealed with the link secret."""
    join_token_hash: bytes = b""
    """Empty: nobody comes in."""
    name: str = ""
    """Of a public room, and the link secret of it."""
    link_secret: bytes = field(default=b"", repr=False)
    readers: tuple[tuple[bytes, bytes], ...] = ()
    """All devices in the group: whoever else reads the log is none of it."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Bytes that the network sends, byte-identical at every try, until the relay has them."""

    row: int
    message_id: MessageId
    """The ID of the log entry."""
    group_id: GroupId | None
    """The log, or None for an inbox."""
    inbox: tuple[bytes, bytes] | None
    """Account ID and device ID of the inbox."""
    kind: int
    """EntryKind of the relay protocol: 1 message, 2 commit, 3 welcome."""
    payload: bytes
    after_commit: int = 0
    readers_added: tuple[tuple[bytes, bytes], ...] = ()
    readers_removed: tuple[tuple[bytes, bytes], ...] = ()
    intent_row: int = 0
    content_id: MessageId | None = None
    """The message that the payload carries, None for handshakes and receipts."""
    room: RoomPart | None = None
    """What a commit in a room leaves with the relay."""


@dataclass(frozen=True, slots=True)
class JoinRow:
    """The wish of this device to come into a room, until the relay has it or refuses it."""

    group_id: GroupId
    message_id: MessageId
    payload: bytes
    """The sealed external commit."""
    after_commit: int
    group_info: bytes
    """Sealed, of the epoch that the commit begins."""
    link_secret: bytes = field(repr=False)
    group: bytes = field(repr=False)
    """The stored group of that epoch."""
    incarnation: bytes
    """The relay's at which it was made."""
    created_at: int


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry of a log as it came, and what was learned from it: to be brought back to a relay that has lost it."""

    seq: int
    message_id: MessageId
    kind: int
    payload: bytes = field(repr=False)
    author: tuple[bytes, bytes] | None = None
    """Account ID and device ID; None where it could not be opened."""
    readers_added: tuple[tuple[bytes, bytes], ...] = ()
    readers_removed: tuple[tuple[bytes, bytes], ...] = ()
    head: bytes = b""
    """The running head behind a commit that began an epoch."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A kept entry that the log has still to show again, after the relay was restored."""

    seq: int
    """The number that it had."""
    digest: bytes
    """SHA-256 of its payload."""
    head: bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """Who this store belongs to and where its relay is."""

    account_id: bytes
    account_private: bytes = field(repr=False)
    device_id: bytes
    device_private: bytes = field(repr=False)
    device_certificate: bytes
    handle: str
    relay_link: str
    registered: bool
    receipts: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyPackageRow:
    """The private half of one KeyPackage."""

    ref: bytes
    """KeyPackageRef, as the Welcome names it."""
    bundle: bytes = field(repr=False)
    """Encoded ``mls.KeyPackageBundle``."""
    last_resort: bool
    expires_at: int
    incarnation: bytes = b""
    """The relay's at which it was made."""
