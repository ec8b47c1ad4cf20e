"""Receipts: what this device has told the others about their messages, and what they have told about its own.

Cumulative, so a lost one does no harm: everything up to a place in the log is on disk, or has been shown. The progress
row of the own device remembers what was told last; the rows of the others what they told.
"""

from __future__ import annotations

from dataclasses import replace

from tacit.client.content import Receipt
from tacit.client.core.effects import Effect, RaiseStates
from tacit.client.core.roster import Member
from tacit.client.core.state import GroupState, Me
from tacit.client.model import MessageState, SenderProgress


def due_receipt(state: GroupState, delivered_seq: int, read_seq: int, me: Me) -> Receipt | None:
    """What to tell the others now, None when they know it already.

    ``delivered_seq`` is the place of the last text of others on disk, ``read_seq`` that of the last one shown.
    """
    told = own_progress(state, me)
    receipt = Receipt(max(delivered_seq, told.delivered_seq), max(read_seq, told.read_seq))
    if (receipt.delivered_seq, receipt.read_seq) == (told.delivered_seq, told.read_seq) or not state.others(me):
        return None
    return receipt


def note_told(state: GroupState, receipt: Receipt, me: Me) -> GroupState:
    """Remember what was told."""
    told = own_progress(state, me)
    return with_progress(state, replace(told, delivered_seq=receipt.delivered_seq, read_seq=receipt.read_seq))


def forget_told(state: GroupState, me: Me) -> GroupState:
    """What was told last has not arrived: tell it again when there is an occasion."""
    return with_progress(state, replace(own_progress(state, me), delivered_seq=0, read_seq=0))


def take_receipt(
    state: GroupState, sender: Member, receipt: Receipt, seq: int, me: Me
) -> tuple[GroupState, tuple[Effect, ...]]:
    """Learn how far another device is; a claim about what came after the receipt's own place ``seq`` is cut there."""
    if sender.account_id == me.account_id:
        return state, ()
    known = state.progress.get(sender.device_id) or SenderProgress(sender.account_id, sender.device_id, 0)
    read = max(known.read_seq, min(receipt.read_seq, seq))
    delivered = max(known.delivered_seq, min(receipt.delivered_seq, seq), read)
    after = with_progress(state, replace(known, delivered_seq=delivered, read_seq=read))
    return after, told_by_all(state, after, me)


def told_by_all(before: GroupState, after: GroupState, me: Me) -> tuple[Effect, ...]:
    """Own messages that have got further because everyone has said so by now."""
    effects: list[Effect] = []
    if (delivered := everywhere(after, me)[0]) > everywhere(before, me)[0]:
        effects.append(RaiseStates(delivered, MessageState.DELIVERED))
    if (read := everywhere(after, me)[1]) > everywhere(before, me)[1]:
        effects.append(RaiseStates(read, MessageState.READ))
    return tuple(effects)


def everywhere(state: GroupState, me: Me) -> tuple[int, int]:
    """Up to where every other account has everything on a disk, and has seen it; (0, 0) when alone."""
    delivered: list[int] = []
    read: list[int] = []
    for account in state.others(me):
        rows = [state.progress.get(member.device_id) for member in state.roster.of(account)]
        delivered.append(max((row.delivered_seq for row in rows if row), default=0))
        read.append(max((row.read_seq for row in rows if row), default=0))
    return min(delivered, default=0), min(read, default=0)


def lacking(state: GroupState, seq: int, me: Me) -> tuple[bytes, ...]:
    """The other accounts that have not said that they have everything up to a place in the log."""
    have = {row.account_id for row in state.progress.values() if row.delivered_seq >= seq}
    return tuple(sorted(state.others(me) - have))


def own_progress(state: GroupState, me: Me) -> SenderProgress:
    """The row of this device: what it told last, and its counter when it last put fresh keys into the group."""
    return state.progress.get(me.device_id) or SenderProgress(me.account_id, me.device_id, 0)


def with_progress(state: GroupState, row: SenderProgress) -> GroupState:
    """The state with one progress row replaced."""
    return replace(state, progress={**state.progress, row.device_id: row})
