"""What was sealed and may not have arrived: sent once more, byte for byte, as soon as its log has been caught up with.

By then the echoes have shown what did arrive. What is left may have grown so old meanwhile that nobody could open it
any more: that, and whatever was said after it, is sealed again before anything newer, instead of being sent to raise
false alarms.
"""

from __future__ import annotations

from tacit import limits
from tacit.client.batch import Batch
from tacit.client.core.effects import DropOutbox, SetMessage
from tacit.client.core.receipts import forget_told
from tacit.client.core.state import EntryKind, GroupState
from tacit.client.model import GroupId, Intent, IntentKind, MessageState, OutboxRow
from tacit.mls.messages import PrivateMessage, decode_message
from tacit.mls.registry import ContentType


def due_again(batch: Batch, *, connected: bool, asked: list[OutboxRow]) -> list[OutboxRow]:
    """The rows to send again in this turn, oldest first; what has grown too old is left out and renewed.

    ``connected``: a connection has just been made. ``asked``: rows whose time has come that the relay would not take.
    """
    ready = {group_id for group_id in batch.caught_up if group_id not in batch.books.ready}
    # A log that the relay does not know refuses what is sent to it, and so each row learns its end.
    ready |= {group_id for group_id, readable in batch.readable.items() if not readable}
    again = {row.message_id for row in asked}
    renewed: set[GroupId | None] = set()
    due = []
    for row in sorted(batch.books.outbox.values(), key=lambda row: row.row):
        wanted = connected if row.group_id is None else row.group_id in ready
        if not wanted and row.message_id not in again:
            continue
        state = batch.state(row.group_id) if row.group_id is not None else None
        if state is None or row.kind != EntryKind.MESSAGE:
            due.append(row)
        elif row.group_id in renewed or _is_stale(state, row.payload):
            # What was said after it is renewed with it: counters reach the others in their order, or raise an alarm.
            renewed.add(row.group_id)
            _renew(batch, state, row)
        else:
            due.append(row)
    return due


def _renew(batch: Batch, state: GroupState, row: OutboxRow) -> None:
    """Have what a row says sealed again, under its counter; a receipt is made anew when there is an occasion."""
    group_id, chat_id = GroupId(state.group_id), state.conversation.chat_id
    batch.add(DropOutbox(row.row))
    if row.content_id is not None:
        batch.add(SetMessage(chat_id, row.content_id, MessageState.QUEUED), group_id)
        batch.add_intent(
            Intent(0, chat_id, IntentKind.TEXT, row.content_id, attempts=1, created_at=int(batch.ctx.now_s))
        )
    else:
        batch.put_state(forget_told(state, batch.ctx.me))
        batch.tell.add(group_id)


def _is_stale(state: GroupState, payload: bytes) -> bool:
    message = decode_message(payload)
    if not isinstance(message, PrivateMessage):
        return False
    age = state.group.epoch - message.epoch
    return age > (limits.MAX_PAST_EPOCHS if message.content_type is ContentType.APPLICATION else 0)
