"""Lines of history that no peer wrote: membership changes, gaps and alarms, as effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tacit.client.core.effects import AddMessage
from tacit.client.core.state import Context, GroupState
from tacit.client.model import ChatId, GroupId, Message, MessageKind, MessageState, Notice


def notice_line(state: GroupState, notice: Notice, ctx: Context, *, seq: int = 0) -> AddMessage:
    """A line in the chat of a conversation."""
    c = state.conversation
    if state.is_room and not notice.nicks:
        notice = with_nicks(notice, state.roster.nicks)
    return chat_line(c.chat_id, notice, ctx, group_id=c.group_id, seq=seq, epoch=state.group.epoch)


def with_nicks(notice: Notice, nicks: Mapping[bytes, str]) -> Notice:
    """The notice with what those who are named in it are called."""
    named = dict.fromkeys((*(() if notice.by is None else (notice.by,)), *notice.who))
    return replace(notice, nicks=tuple((account, nicks[account]) for account in named if account in nicks))


def chat_line(
    chat_id: ChatId, notice: Notice, ctx: Context, *, group_id: bytes = b"", seq: int = 0, epoch: int = 0
) -> AddMessage:
    """A line in a chat."""
    return AddMessage(
        Message(
            row=0,
            id=ctx.fresh_id(),
            chat_id=chat_id,
            group_id=GroupId(group_id),
            kind=MessageKind.NOTICE,
            state=MessageState.RECEIVED,
            sender=None,
            text="",
            sent_at_ms=ctx.now_ms,
            received_at_ms=ctx.now_ms,
            seq=seq,
            epoch=epoch,
            notice=notice,
        )
    )
