"""The shapes of what is asked and answered: field names are for scripts too, and stable.

Times are Unix seconds, sizes bytes, IDs as people see them.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""What the store can hold, and every reader of JSON."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operation is told; one that needs nothing takes this."""


class Answer(msgspec.Struct, frozen=True):
    """What an operation tells."""


class Page(Question, frozen=True, forbid_unknown_fields=True):
    """Which part of a list: what comes after a number, so many at most."""

    after: Count = 0
    limit: Count = 500


class Who(Question, frozen=True, forbid_unknown_fields=True):
    """An account: its ID, the beginning of it, or its handle."""

    who: str


class WhichDevice(Question, frozen=True, forbid_unknown_fields=True):
    """A device of an account: its ID, or the beginning of it."""

    who: str
    device: str


class Suspension(Question, frozen=True, forbid_unknown_fields=True):
    """An account that is to be suspended, and why, for the operator's own eyes."""

    who: str
    note: str = ""


class NewInvite(Question, frozen=True, forbid_unknown_fields=True):
    """An invitation that is to be made."""

    uses: Count = 1
    expires_s: Count | None = None
    note: str = ""


class WhichInvite(Question, frozen=True, forbid_unknown_fields=True):
    """An invitation by the ID that its list shows."""

    invite: str


class WhichRoom(Question, frozen=True, forbid_unknown_fields=True):
    """A public room by its name."""

    room: str


class Sweep(Question, frozen=True, forbid_unknown_fields=True):
    """Whether space is to be given back to the system, too."""

    vacuum: bool = False


class Drain(Question, frozen=True, forbid_unknown_fields=True):
    """When clients may come back, and whether the relay is to stay without them."""

    back_in_s: Count = 60
    stay: bool = False


class User(Answer, frozen=True):
    """One account in the list."""

    account: str
    short: str
    """As much of the ID as names the account in commands."""
    handle: str
    state: str
    """``active`` or ``suspended``."""
    created_at: int
    suspended_at: int | None
    note: str
    devices: int
    revoked_devices: int
    held_bytes: int
    """What it wrote and others have not fetched."""


class Users(Answer, frozen=True):
    """A part of the list, and the number to go on after; None at its end."""

    users: tuple[User, ...]
    next_after: int | None


class Device(Answer, frozen=True):
    """One device, with what is kept for it."""

    device: str
    created_at: int
    certificate_expires_at: int
    revoked_at: int | None
    connected: bool | None
    """None when the relay does not run."""
    key_packages: int
    last_resort: str
    """``none``, ``unused`` or ``used``."""
    given_out: int
    """One-time KeyPackages that were given out, of which a digest is left."""
    inbox_entries: int
    inbox_bytes: int
    conversations: int
    unread_entries: int
    written_entries: int


class HeldRoom(Answer, frozen=True):
    """One room that an account made."""

    name: str
    """Of a public one; empty for others, whose names the relay does not know."""
    created_at: int
    devices: int
    locked: bool
    group_info_bytes: int
    """What newcomers are given."""
    entries: int


class Held(Answer, frozen=True):
    """One account, with everything that is kept for it."""

    account: str
    handle: str
    state: str
    created_at: int
    suspended_at: int | None
    note: str
    held_bytes: int
    invite: str
    """ID of the invitation that it came in with; empty where none is known."""
    invite_used_at: int | None
    phone: str
    """``none``, ``proved`` or ``findable``."""
    conversations_made: int
    """Its rooms among them."""
    rooms: tuple[HeldRoom, ...]
    answers: int
    brought: int
    """Entries that it brought back after a restore, remembered by their IDs."""
    absent: int
    """Devices of others that it said were missing after a restore."""
    devices: tuple[Device, ...]


class Deleted(Answer, frozen=True):
    """An account that is gone, and what is left to go."""

    account: str
    handle: str
    devices: int
    entries_left: int
    """Entries that it wrote and others have still to fetch."""
    log_emptied: bool
    """Whether the write-ahead log holds nothing of it any more; if somebody was reading, a sweep does that later."""


class Invite(Answer, frozen=True):
    """One invitation."""

    id: str
    note: str
    uses: int
    used: int
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class InviteMade(Answer, frozen=True):
    """A new invitation, with its token, which is told this once."""

    token: str
    invite: Invite


class Invites(Answer, frozen=True):
    """All invitations."""

    invites: tuple[Invite, ...]


class InviteUse(Answer, frozen=True):
    """An account that came in with an invitation."""

    account: str
    handle: str
    used_at: int


class InviteUses(Answer, frozen=True):
    """Who used an invitation."""

    id: str
    used_by: tuple[InviteUse, ...]


class Room(Answer, frozen=True):
    """One public room."""

    name: str
    maker: str
    """ID of the account that made it; empty when that is gone."""
    handle: str
    created_at: int
    devices: int
    locked: bool


class Rooms(Answer, frozen=True):
    """All public rooms."""

    rooms: tuple[Room, ...]


class RoomClosed(Answer, frozen=True):
    """A room that nobody finds by this name any more."""

    name: str


class Stats(Answer, frozen=True):
    """One page about the whole relay."""

    running: bool
    draining: bool
    uptime_s: int | None
    connections: int | None
    transports: dict[str, int] | None
    """How many of them each transport carries that is served: ``ws``, ``grpc``, ``tcp``."""
    sessions: int | None
    accounts: int
    suspended: int
    deleted: int
    """Deleted accounts whose last entries are still waited for."""
    devices: int
    conversations: int
    entries: int
    held_bytes: int
    key_packages: int
    invites: int
    oldest_entry_at: int | None
    store_bytes: int
    wal_bytes: int
    reusable_bytes: int
    """Of the store: what was deleted, and will be used again."""
    disk_free_bytes: int
    damaged: int
    """Entries and KeyPackages that the disk has spoilt, found in serving; ``doctor`` looks for all."""
    restored_at: int | None
    since_start: dict[str, Any]
    """The relay's own metrics, blurred; empty when it does not run."""


class Swept(Answer, frozen=True):
    """What a sweep took away, and how large the store is now."""

    entries: int
    answers: int
    key_packages: int
    invites: int
    damage_reports: int
    snapshots: int
    store_bytes: int
    wal_bytes: int
    freed_bytes: int
    """What the files have become smaller by."""


class Draining(Answer, frozen=True):
    """A relay that sends everybody away, and how many are still there."""

    connections: int


class Noted(Answer, frozen=True):
    """The relay took note."""
