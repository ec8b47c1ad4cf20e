"""From one epoch to the next: the new state of a conversation, and the lines that tell what changed.

Every membership change becomes a visible line; it says who did it, as the signature on the commit proves.
"""

from __future__ import annotations

from dataclasses import replace

from tacit import mls
from tacit.client.core import receipts
from tacit.client.core.effects import ChangeChat, Effect, Meet
from tacit.client.core.group_info import GroupKind, read_group_info
from tacit.client.core.heads import first_head
from tacit.client.core.lives import incarnation_in
from tacit.client.core.notices import notice_line, with_nicks
from tacit.client.core.rooms import link_secret_after
from tacit.client.core.roster import read_roster
from tacit.client.core.state import Context, GroupState
from tacit.client.model import ConversationStatus, Notice, SenderProgress


def enter_epoch(
    state: GroupState, group: mls.Group, seq: int, named: bytes, ctx: Context, *, fresh_keys: bool = False
) -> GroupState:
    """The state after the commit at ``seq``, which ``named`` what it did; a device that was behind is in step again.

    Whoever was added begins to count at 1, so that even the first text of theirs can be missed.
    """
    roster = read_roster(group.members(), state.roster)
    conversation = state.conversation
    if conversation.status is ConversationStatus.BEHIND:
        conversation = replace(conversation, status=ConversationStatus.ACTIVE)
    conversation = replace(
        conversation,
        head=first_head(group.epoch_authenticator),
        last_commit=seq,
        keys_from=incarnation_in(named),
        link_secret=link_secret_after(state, group) if state.is_room else b"",
    )
    progress = dict(state.progress)
    for account_id, device_id in roster.devices - state.roster.devices:
        progress[device_id] = SenderProgress(account_id, device_id, 0, delivered_seq=seq, read_seq=seq)
    after = replace(
        state,
        conversation=conversation,
        group=group,
        info=read_group_info(group.extensions),
        roster=roster,
        progress=progress,
        own_commit=None,
    )
    if not fresh_keys:
        return after
    told = replace(receipts.own_progress(after, ctx.me), counter=conversation.own_counter)
    return receipts.with_progress(
        replace(after, conversation=replace(conversation, committed_at=max(1, int(ctx.now_s)))), told
    )


def describe(
    before: GroupState, after: GroupState, by: bytes, asked: frozenset[int], ctx: Context, *, seq: int
) -> tuple[Effect, ...]:
    """Lines and changes that follow from a commit of the account ``by``; ``asked`` are leaves that wished to go."""
    if after.is_room:
        return _describe_room(before, after, by, asked, ctx, seq=seq)
    effects: list[Effect] = []
    added = after.roster.accounts - before.roster.accounts
    gone = before.roster.accounts - after.roster.accounts
    leavers = {before.roster.by_leaf[leaf].account_id for leaf in asked if leaf in before.roster.by_leaf}
    effects += [Meet(account, after.roster.account_key(account) or b"") for account in sorted(added)]
    if after.info.kind is GroupKind.GROUP:
        effects += [notice_line(after, Notice("added", by=by, who=(a,)), ctx, seq=seq) for a in sorted(added)]
    for account in sorted(gone):
        notice = Notice("left", by=account) if account in leavers else Notice("removed", by=by, who=(account,))
        effects.append(notice_line(after, notice, ctx, seq=seq))
    renamed = before.info.name != after.info.name
    if renamed:
        effects.append(notice_line(after, Notice("renamed", by=by, name=after.info.name), ctx, seq=seq))
    if added or gone or renamed or before.info.admins != after.info.admins:
        effects.append(ChangeChat(title=after.info.name if renamed else None))
    return (*effects, *receipts.told_by_all(before, after, ctx.me))


def _describe_room(
    before: GroupState, after: GroupState, by: bytes, asked: frozenset[int], ctx: Context, *, seq: int
) -> tuple[Effect, ...]:
    """The same in a room, where nobody is met for good and nobody tells how far he has read."""
    was, now = before.roster.nicks, after.roster.nicks
    leavers = {before.roster.by_leaf[leaf].account_id for leaf in asked if leaf in before.roster.by_leaf}
    notices = [Notice("joined", by=account) for account in sorted(now.keys() - was.keys())]
    notices += [
        Notice("left", by=account) if account in leavers else Notice("removed", by=by, who=(account,))
        for account in sorted(was.keys() - now.keys())
    ]
    notices += [Notice("nick", by=a, name=now[a]) for a in sorted(now.keys() & was.keys()) if now[a] != was[a]]
    if before.info.locked != after.info.locked:
        notices.append(Notice("locked" if after.info.locked else "unlocked", by=by))
    renamed = before.info.name != after.info.name
    if renamed:
        notices.append(Notice("renamed", by=by, name=after.info.name))
    effects: list[Effect] = [notice_line(after, with_nicks(notice, {**now, **was}), ctx, seq=seq) for notice in notices]
    if effects or before.info.admins != after.info.admins:
        effects.append(ChangeChat(title=after.info.name if renamed else None))
    return tuple(effects)
