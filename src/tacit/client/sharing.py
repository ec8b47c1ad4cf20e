"""Who is in a room together."""

from __future__ import annotations

from tacit.client.batch import Batch
from tacit.client.model import ChatKind, ChatStatus, GroupId


def shares_room(batch: Batch, account_id: bytes) -> bool:
    """Whether somebody is in a room in which this device is, too."""
    books = batch.books
    rooms = [c.id for c in books.chats.values() if c.kind is ChatKind.ROOM and c.status is ChatStatus.ACTIVE]
    states = (batch.state(GroupId(g)) for chat_id in rooms for g in books.groups_of.get(chat_id, ()))
    return any(s is not None and s.is_active and account_id in s.roster.accounts for s in states)
