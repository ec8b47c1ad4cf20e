"""Changes that others make: their commits and proposals, held against the roles before anything of them counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tacit import mls
from tacit.client.core.changes import describe, enter_epoch
from tacit.client.core.effects import ChangeChat, Effect
from tacit.client.core.group_info import GroupKind
from tacit.client.core.judgement import act_of, check_proposals
from tacit.client.core.notices import notice_line
from tacit.client.core.policy import Rejected
from tacit.client.core.room_size import check_size
from tacit.client.core.rooms import check_newcomer, check_nicks, check_one_name
from tacit.client.core.roster import read_member
from tacit.client.core.state import Context, GroupState, Step
from tacit.client.model import ChatStatus, ConversationStatus, Notice

_OUTSIDER: Final = Notice("invalid-commit", reason="outsider")
"""Chats are changed by their members alone: nobody lets himself in, and nobody outside has a say."""


def take_commit(state: GroupState, seq: int, staged: mls.StagedCommit, ctx: Context) -> Step:
    """Enter the epoch that a member's commit makes, if the roles allow the change; otherwise stay and say so."""
    if staged.external:
        return _take_newcomer(state, seq, staged, ctx)
    by = state.member(staged.committer).account_id
    try:
        check_proposals(state, staged.proposals)
    except Rejected as refused:
        notice = Notice("rejected-commit", by=by, reason=refused.reason)
        return Step(state, (notice_line(state, notice, ctx, seq=seq),))
    asked = frozenset(p.sender for p in staged.proposals if isinstance(p.sender, int) and act_of(state, p).own_leaf)
    if staged.group_after is None:
        return _leave(state, by, asked, seq, ctx)
    after = enter_epoch(state, staged.group_after, seq, staged.aad, ctx)
    try:
        _check_room(state, after)
    except Rejected as refused:
        notice = Notice("rejected-commit", by=by, reason=refused.reason)
        return Step(state, (notice_line(state, notice, ctx, seq=seq),))
    effects = list(describe(state, after, by, asked, ctx, seq=seq))
    if after.info.kind is GroupKind.DIRECT and not after.others(ctx.me):
        after, ended = _end(after)
        effects += ended
    return Step(after, tuple(effects))


def _take_newcomer(state: GroupState, seq: int, staged: mls.StagedCommit, ctx: Context) -> Step:
    """Somebody lets himself in: into a room, if he holds its link and his nickname is free; nowhere else."""
    if not state.is_room or staged.group_after is None:
        return Step(state, (notice_line(state, _OUTSIDER, ctx, seq=seq),))
    newcomer = read_member(staged.committer, staged.committer_leaf.credential_identity)
    after = enter_epoch(state, staged.group_after, seq, staged.aad, ctx)
    try:
        check_newcomer(state, staged, newcomer)
        check_one_name(state.roster, after.member(staged.committer))
        _check_room(state, after)
    except Rejected as refused:
        notice = Notice("rejected-commit", by=newcomer.account_id, reason=refused.reason)
        return Step(state, (notice_line(state, notice, ctx, seq=seq),))
    return Step(after, describe(state, after, newcomer.account_id, frozenset(), ctx, seq=seq))


def _check_room(before: GroupState, after: GroupState) -> None:
    if after.is_room:
        check_size(before.group, after.group)
        check_nicks(after.roster)


def take_proposal(state: GroupState, seq: int, received: mls.ProposalReceived, ctx: Context) -> Step:
    """Remember what a member proposes, if the roles would allow a commit of it; otherwise only say so."""
    if not isinstance(received.sender, int):
        return Step(state, (notice_line(state, _OUTSIDER, ctx, seq=seq),))
    sender = state.member(received.sender)
    committed = mls.CommittedProposal(received.proposal, received.sender, received.ref)
    after = replace(state, group=received.group)
    try:
        check_proposals(state, (committed,))
    except Rejected as refused:
        notice = Notice("rejected-commit", by=sender.account_id, reason=refused.reason)
        forgotten = replace(received.group, pending_proposals=state.group.pending_proposals)
        return Step(replace(state, group=forgotten), (notice_line(state, notice, ctx, seq=seq),))
    if state.is_room or not act_of(state, committed).own_leaf:
        return Step(after)  # in a room nobody is asked: who goes is gone with the next commit, and one line tells it
    return Step(after, (notice_line(state, Notice("leave-asked", by=sender.account_id), ctx, seq=seq),))


def _leave(state: GroupState, by: bytes, asked: frozenset[int], seq: int, ctx: Context) -> Step:
    """This device was removed: nothing after this can be read."""
    me = ctx.me.account_id
    notice = Notice("left", by=me) if state.group.own_leaf in asked else Notice("removed", by=by, who=(me,))
    after, ended = _end(replace(state, own_commit=None))
    return Step(after, (notice_line(state, notice, ctx, seq=seq), *ended))


def _end(state: GroupState) -> tuple[GroupState, tuple[Effect, ...]]:
    removed = replace(state.conversation, status=ConversationStatus.REMOVED)
    return replace(state, conversation=removed), (ChangeChat(status=ChatStatus.ENDED),)
