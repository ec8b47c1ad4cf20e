"""Rooms as plain values: a log, what its relay keeps beside it, and those who come in with the link."""

from __future__ import annotations

from dataclasses import replace

from tacit.client.core.effects import AddOutbox
from tacit.client.core.joining import Entrance, ask_in, begin_room, come_in
from tacit.client.core.rooms import present_part
from tacit.client.core.state import LogEntry
from tacit.client.model import ConversationStatus, IntentKind, JoinRow, OutboxRow, RoomPart
from tacit.crypto.suites import X25519_SUITE
from tests.client.core.members import Log, Member, people


class Room(Log):
    """A log with the GroupInfo and the join token that a relay keeps of a room."""

    def __init__(self, maker: Member, nick: str, *others: Member, public: bool = False) -> None:
        super().__init__(maker, *others)
        state = begin_room("lobby", nick, X25519_SUITE, maker.ctx, public=public)
        maker.state = replace(state, conversation=replace(state.conversation, status=ConversationStatus.ACTIVE))
        self.kept: RoomPart = present_part(maker.group, maker.ctx)

    @property
    def id(self) -> bytes:
        """Of the room."""
        return self.members[0].group.group_id

    def link_secret(self, by: Member) -> bytes:
        """What the link holds that somebody hands out now."""
        return by.group.conversation.link_secret

    def entrance(self, link_secret: bytes) -> Entrance:
        """What the relay shows to somebody at the door."""
        commits = [entry.seq for entry in self.entries if entry.kind == 2]
        return Entrance(self.id, self.kept.group_info, commits[-1] if commits else 0, link_secret)

    def change(self, author: Member, rows: list[OutboxRow]) -> None:
        """Post commits, and keep what they say of the room."""
        for row in rows:
            if row.room is not None:
                self.kept = row.room
        self.post(author, rows)

    def wish(self, author: Member, kind: IntentKind, *, who: list[bytes] | None = None, text: str = "") -> None:
        """Have somebody change the room."""
        self.change(author, author.wish(kind, who=who or [], text=text))

    def ask(self, member: Member, nick: str, link_secret: bytes) -> JoinRow:
        """Make the commit by which somebody would come in."""
        last = -1 if member.state is None else member.state.conversation.highest_epoch
        return ask_in(self.entrance(link_secret), nick, member.ctx, last_epoch=last, suite_id=X25519_SUITE)

    def let_in(self, member: Member, join: JoinRow) -> LogEntry:
        """Take that commit into the log, and its author with it."""
        entry = LogEntry(len(self.entries) + 1, join.message_id, 2, join.payload)
        self.entries.append(entry)
        self.authors.append(member)
        self.kept = replace(self.kept, group_info=join.group_info)
        for other in self.members:
            if other is not member:
                self.show(other, entry)
        member.take(come_in(join, entry.seq, member.ctx))
        return entry

    def join(self, member: Member, nick: str, link_secret: bytes) -> None:
        """Let somebody in who holds a link."""
        self.let_in(member, self.ask(member, nick, link_secret))


def room_of(*names: str) -> tuple[Room, list[Member]]:
    """A room that the first one has made and the others have come into, each under their own name."""
    members = people(*names)
    room = Room(members[0], names[0], *members[1:])
    for member in members[1:]:
        room.join(member, member.name, room.link_secret(members[0]))
    for member in members:
        member.effects.clear()
    return room, members


def nicks(member: Member) -> list[str]:
    """Who is in the room, as somebody sees it."""
    return sorted(member.group.roster.nicks.values())


def sent(member: Member) -> list[OutboxRow]:
    """Everything that somebody has put into the outbox."""
    return [effect.row for effect in member.effects if isinstance(effect, AddOutbox)]
