"""Sealing: what this device says becomes bytes for the outbox, once.

Each sealing moves the sender ratchet on; state and ciphertext leave in one step, so whoever saves them together can
never make a second ciphertext for one place in the ratchet.
"""

from __future__ import annotations

from dataclasses import replace

from tacit.client.content import Content, Receipt, Text, build_content
from tacit.client.core import receipts
from tacit.client.core.effects import AddMessage, AddOutbox, Effect, SetMessage
from tacit.client.core.lives import may_seal
from tacit.client.core.state import Context, EntryKind, GroupState, Step
from tacit.client.model import GroupId, Message, MessageId, MessageState, OutboxRow


def seal_text(state: GroupState, message: Message, ctx: Context) -> Step:
    """Seal a text of this account; one that was sealed before keeps its counter and its content ID."""
    conversation = state.conversation
    counter = message.counter or conversation.own_counter
    body = Text(message.text)
    sealed, row = _seal(state, message.id, message.sent_at_ms, counter, body, ctx, content_id=message.id)
    after = replace(conversation, own_counter=max(conversation.own_counter, counter + 1))
    return Step(
        replace(sealed, conversation=after),
        (AddOutbox(row), _sent(message, sealed, counter)),
    )


def _sent(message: Message, sealed: GroupState, counter: int) -> Effect:
    """The line of a text that is being sealed: a new one if it is not in history yet."""
    epoch = sealed.group.epoch
    if message.row:
        return SetMessage(message.chat_id, message.id, MessageState.SENT, epoch=epoch, counter=counter)
    group_id = sealed.conversation.group_id
    return AddMessage(replace(message, state=MessageState.SENT, group_id=group_id, epoch=epoch, counter=counter))


def seal_receipt(state: GroupState, receipt: Receipt, ctx: Context) -> Step:
    """Seal a receipt. Its counter is that of the next text, so that it also shows whether earlier texts are missing."""
    counter = state.conversation.own_counter
    sealed, row = _seal(state, ctx.fresh_id(), ctx.now_ms, counter, receipt, ctx, content_id=None)
    return Step(receipts.note_told(sealed, receipt, ctx.me), (AddOutbox(row),))


def _seal(
    state: GroupState,
    message_id: MessageId,
    sent_at_ms: int,
    counter: int,
    body: Text | Receipt,
    ctx: Context,
    *,
    content_id: MessageId | None,
) -> tuple[GroupState, OutboxRow]:
    assert may_seal(state, ctx), "whoever decides what is said next has asked"
    conversation = state.conversation
    content = Content(
        message_id=message_id,
        sent_at_ms=sent_at_ms,
        counter=counter,
        head_seq=conversation.cursor if conversation.head else 0,
        head=conversation.head,
        body=body,
        incarnation=conversation.incarnation,
    )
    group, payload = state.group.seal(build_content(content), entropy=ctx.entropy)
    row = OutboxRow(
        row=0,
        message_id=ctx.fresh_id(),
        group_id=GroupId(conversation.group_id),
        inbox=None,
        kind=EntryKind.MESSAGE,
        payload=payload,
        content_id=content_id,
    )
    return replace(state, group=group), row
