"""What a member said: content out of an opened message, with the numbers that make gaps and forks visible."""

from __future__ import annotations

from dataclasses import replace

from tacit import mls
from tacit.client.content import Content, Receipt, Text, parse_content
from tacit.client.core import receipts
from tacit.client.core.effects import AddMessage, Effect
from tacit.client.core.notices import notice_line
from tacit.client.core.roster import Member, read_member
from tacit.client.core.state import Context, GroupState, LogEntry, Step
from tacit.client.model import (
    GroupId,
    Message,
    MessageId,
    MessageKind,
    MessageState,
    Notice,
    SenderProgress,
)
from tacit.errors import DecodeError


def take_content(state: GroupState, entry: LogEntry, opened: mls.ApplicationData, ctx: Context) -> Step:
    """Take an opened message in; ``state`` already has the ratchet moved on."""
    sender = sender_of(state, opened)
    try:
        content = parse_content(opened.data)
    except DecodeError as error:
        notice = Notice("undecryptable", by=sender.account_id, reason=error.code)
        return Step(state, (notice_line(state, notice, ctx, seq=entry.seq),))
    step = _compare_heads(state, entry, sender, content, ctx)
    counted = _count(step.state, entry, sender, content, ctx)
    effects = [*step.effects, *counted.effects]
    match content.body:
        case Text():
            effects.append(AddMessage(_line(state, entry, sender, content, content.body, opened.epoch, ctx)))
            return Step(counted.state, tuple(effects))
        case Receipt() if content.incarnation != state.conversation.incarnation:
            return counted  # its numbers may mean other entries by now; whoever gave it gives it again
        case Receipt():
            after, told = receipts.take_receipt(counted.state, sender, content.body, entry.seq - 1, ctx.me)
            return Step(after, (*effects, *told))
        case None:
            notice = Notice("undecryptable", by=sender.account_id, reason="newer-client")
            return Step(counted.state, (*effects, notice_line(state, notice, ctx, seq=entry.seq)))


def sender_of(state: GroupState, opened: mls.ApplicationData) -> Member:
    """Who signed it; in a past epoch somebody else may have stood at that leaf."""
    identity = opened.sender_leaf.credential_identity
    member = state.roster.by_leaf.get(opened.sender)
    return member if member and member.identity == identity else read_member(opened.sender, identity)


def _compare_heads(state: GroupState, entry: LogEntry, sender: Member, content: Content, ctx: Context) -> Step:
    """Alarm, once in each epoch, when the sender was shown another log than this device.

    What was sealed before a restore of the relay speaks of another log, honestly.
    """
    if not content.head or content.head_seq == 0 or state.alarmed_epoch == state.group.epoch:
        return Step(state)
    if content.incarnation != state.conversation.incarnation:
        return Step(state)
    if content.head_seq >= entry.seq:
        ours: bytes | None = b""  # the sender has seen entries that the relay has not shown here yet
    elif content.head_seq == state.conversation.cursor:
        ours = state.conversation.head or None
    else:
        ours = ctx.head_at(state.group_id, content.head_seq)
    if ours is None or ours == content.head:
        return Step(state)
    alarmed = replace(state, alarmed_epoch=state.group.epoch)
    return Step(alarmed, (notice_line(state, Notice("fork", by=sender.account_id), ctx, seq=entry.seq),))


def _count(state: GroupState, entry: LogEntry, sender: Member, content: Content, ctx: Context) -> Step:
    """Follow the sender's counter; a jump means that texts are missing. A receipt carries that of the next text."""
    last = content.counter if isinstance(content.body, Text) else content.counter - 1
    known = state.progress.get(sender.device_id)
    if known is None:
        first = SenderProgress(sender.account_id, sender.device_id, last)
        return Step(receipts.with_progress(state, first))
    missing = last - known.counter - (1 if isinstance(content.body, Text) else 0)
    after = receipts.with_progress(state, replace(known, counter=max(known.counter, last)))
    effects: tuple[Effect, ...] = ()
    if missing > 0:
        notice = Notice("gap", by=sender.account_id, count=missing, reason="counter")
        effects = (notice_line(state, notice, ctx, seq=entry.seq),)
    return Step(after, effects)


def _line(
    state: GroupState, entry: LogEntry, sender: Member, content: Content, text: Text, epoch: int, ctx: Context
) -> Message:
    return Message(
        row=0,
        id=MessageId(content.message_id),
        chat_id=state.conversation.chat_id,
        group_id=GroupId(state.group_id),
        kind=MessageKind.TEXT,
        state=MessageState.RECEIVED,
        sender=sender.account_id,
        text=text.text,
        sent_at_ms=content.sent_at_ms,
        received_at_ms=ctx.now_ms,
        seq=entry.seq,
        epoch=epoch,
        counter=content.counter,
        nick=sender.nick,
    )
