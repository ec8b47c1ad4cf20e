"""The values that the store's functions take and return. Rows go by small numbers; IDs are what clients know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NewType

AccountRow = NewType("AccountRow", int)
DeviceRow = NewType("DeviceRow", int)
LogRow = NewType("LogRow", int)

NOBODY: Final = DeviceRow(0)
"""Stands for an author where the relay cannot vouch for one."""

MAX_SEQ: Final = 2**32 - 1
"""The last sequence number of a log, by the layout of ``entries``."""

MESSAGE: Final = 1
COMMIT: Final = 2
WELCOME: Final = 3
"""Kinds of entries, as in ``relay.proto``."""


@dataclass(frozen=True, slots=True)
class Session:
    """A device that has logged in."""

    account: AccountRow
    device: DeviceRow
    account_id: bytes
    device_id: bytes


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """A device as clients name it."""

    account_id: bytes
    device_id: bytes


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """What the relay knows of a device that wants to log in."""

    session: Session
    account_key: bytes
    device_key: bytes
    handle: str
    revoked: bool
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """A checked wish to be known; the invite is its hash, None where none was shown."""

    account_id: bytes
    account_key: bytes
    device_id: bytes
    device_key: bytes
    certificate: bytes
    certificate_expires_at: int
    handle: str
    invite_hash: bytes | None
    proved_phone: bytes | None = None
    """Hash of the number that a new account has proved."""
    own_phone: bytes | None = None
    """Hash of the number that a known account calls its own, to change who finds it by that."""
    findable: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What a new account has to bring along."""

    invite: bool = False
    phone: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account as others may look it up."""

    row: AccountRow
    account_id: bytes
    account_key: bytes
    handle: str


@dataclass(frozen=True, slots=True)
class NewKeyPackage:
    """A KeyPackage that its owner publishes."""

    suite: int
    key_package: bytes
    last_resort: bool
    expires_at: int


@dataclass(frozen=True, slots=True)
class KeyPackageCount:
    """How a device stands with its KeyPackages."""

    one_time: int
    last_resort_used: bool


@dataclass(frozen=True, slots=True)
class ClaimedKeys:
    """One device of an account, with the KeyPackage that was given out for it, if any."""

    device_id: bytes
    certificate: bytes
    key_package: NewKeyPackage | None


@dataclass(frozen=True, slots=True)
class RoomState:
    """What the relay keeps of a room for those who come in; the name of a private one is empty, and its secret too."""

    join_token_hash: bytes
    group_info: bytes = field(repr=False)
    name: str = ""
    link_secret: bytes = field(default=b"", repr=False)
    readers: tuple[DeviceAddress, ...] = ()
    """All devices in the group, by a member's word; empty where nothing is said of them."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to be appended; exactly one of ``log_id`` and ``inbox`` is set."""

    author: DeviceRow
    log_id: bytes | None
    inbox: DeviceAddress | None
    message_id: bytes
    kind: int
    payload: bytes
    received_at_ms: int
    after_commit: int = 0
    readers_added: tuple[DeviceAddress, ...] = ()
    readers_removed: tuple[DeviceAddress, ...] = ()
    room: RoomState | None = None
    join_token: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry went; not ``fresh`` when it was a repeat."""

    log: LogRow
    seq: int
    fresh: bool
    removed: tuple[DeviceRow, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it is read back.

    A damaged one has no payload, and may have nothing but its number; of a dropped one the payload had to make room.
    """

    seq: int
    author: DeviceRow
    message_id: bytes
    kind: int
    payload: bytes
    received_at_ms: int
    damaged: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some entries in order; ``upto`` is as far as the log was looked through, ``caught_up`` if that is its end.

    ``ended`` when the device is no reader any more, so that nothing can follow.
    """

    entries: tuple[StoredEntry, ...]
    upto: int
    caught_up: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class LogState:
    """A log as one reader may see it; of one who was removed, up to the entry that did so."""

    log: LogRow
    first_seq: int
    last_seq: int
    last_commit_seq: int
    own_last_seq: int
    restored_seq: int = 0
    """Where it ended at the restore that went back furthest; 0 without any."""
    held_until: int = 0
    since_seq: int = 0
    room_stale: bool = False


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation; ``id`` is the beginning of its hash and opens nothing."""

    id: str
    note: str
    uses: int
    used: int
    created_at: int
    expires_at: int | None
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class InviteUse:
    """An account that came in with an invitation, and when."""

    account_id: bytes
    handle: str
    used_at: int
