"""Changes that others make: their commits and proposals, held against the roles before anything of them counts."""

from __future__ import annotations

from dataclasses import replace

from tacit import mls
from tacit.client.core.changes import describe, enter_epoch
from tacit.client.core.effects import ChangeChat, Effect
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, GroupKind, read_group_info
from tacit.client.core.notices import notice_line
from tacit.client.core.policy import Act, Change, Deed, Rejected, check_act, check_change
from tacit.client.core.roster import read_member
from tacit.client.core.state import Context, GroupState, Step
from tacit.client.model import ChatStatus, ConversationStatus, Notice
from tacit.errors import DecodeError


def take_commit(state: GroupState, seq: int, staged: mls.StagedCommit, ctx: Context) -> Step:
    """Enter the epoch that a member's commit makes, if the roles allow the change; otherwise stay and say so."""
    by = state.member(staged.committer).account_id
    try:
        check_change(_change(state, staged))
    except Rejected as refused:
        notice = Notice("rejected-commit", by=by, reason=refused.reason)
        return Step(state, (notice_line(state, notice, ctx, seq=seq),))
    asked = frozenset(int(p.sender) for p in staged.proposals if _act(state, p).own_leaf)
    if staged.group_after is None:
        return _leave(state, by, asked, seq, ctx)
    after = enter_epoch(state, staged.group_after, seq, ctx)
    effects = list(describe(state, after, by, asked, ctx, seq=seq))
    if after.info.kind is GroupKind.DIRECT and not after.others(ctx.me):
        after, ended = _end(after)
        effects += ended
    return Step(after, tuple(effects))


def take_proposal(state: GroupState, seq: int, received: mls.ProposalReceived, ctx: Context) -> Step:
    """Remember what a member proposes, if its author may; what the roles forbid is not taken up."""
    sender = state.member(received.sender)
    act = _act(state, mls.CommittedProposal(received.proposal, received.sender, received.ref))
    try:
        check_act(act, state.info, state.roster.accounts)
    except Rejected as refused:
        notice = Notice("rejected-commit", by=sender.account_id, reason=refused.reason)
        return Step(state, (notice_line(state, notice, ctx, seq=seq),))
    after = replace(state, group=received.group)
    if not act.own_leaf:
        return Step(after)
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


def _change(state: GroupState, staged: mls.StagedCommit) -> Change:
    """The commit in terms of accounts and roles."""
    gone = {removed.leaf_index for removed in staged.removed}
    stay = {m.account_id for m in state.roster.members if m.leaf not in gone}
    come = {_account_of(added.key_package) for added in staged.added}
    extensions = staged.new_extensions
    return Change(
        acts=tuple(_act(state, proposal) for proposal in staged.proposals),
        before=state.roster.accounts,
        after=frozenset(stay | come),
        info_before=state.info,
        info_after=state.info if extensions is None else _read_info(extensions),
        other_extensions_changed=extensions is not None and _others(extensions) != _others(state.group.extensions),
    )


def _act(state: GroupState, committed: mls.CommittedProposal) -> Act:
    author = state.member(committed.sender).account_id
    match committed.proposal:
        case mls.Add(key_package):
            return Act(Deed.ADD, author, _account_of(key_package))
        case mls.Remove(removed):
            member = state.roster.by_leaf.get(removed)
            own_leaf = committed.by_ref and removed == committed.sender
            return Act(Deed.REMOVE, author, member.account_id if member else b"", own_leaf=own_leaf)
        case mls.Update():
            return Act(Deed.UPDATE, author)
        case mls.GroupContextExtensions():
            return Act(Deed.CHANGE_INFO, author)
        case _:
            return Act(Deed.OTHER, author)


def _account_of(key_package: mls.KeyPackage) -> bytes:
    return read_member(-1, key_package.leaf_node.credential_identity).account_id


def _read_info(extensions: tuple[mls.Extension, ...]) -> GroupInfo | None:
    try:
        return read_group_info(extensions)
    except DecodeError:
        return None


def _others(extensions: tuple[mls.Extension, ...]) -> frozenset[mls.Extension]:
    return frozenset(e for e in extensions if e.extension_type != GROUP_INFO_EXTENSION)
