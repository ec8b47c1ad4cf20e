"""Own changes of a group: from an intent to a commit in the outbox, and from its echo in the log to the next epoch.

A commit is made in the current epoch and merged only when the log brings it back; until then the group stays where it
is. When another commit comes first, the own one is forgotten and made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tacit import limits, mls
from tacit.client.core import receipts
from tacit.client.core.authority import check_leaf, check_new_leaf
from tacit.client.core.changes import describe, enter_epoch
from tacit.client.core.effects import AddOutbox, DropIntent, DropOutbox, Effect, PutIntent
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, encode_group_info
from tacit.client.core.judgement import check_outcome, fitting_pending
from tacit.client.core.lives import may_seal, named_by
from tacit.client.core.notices import notice_line
from tacit.client.core.policy import Rejected, admins_of
from tacit.client.core.room_keys import seal_commit
from tacit.client.core.rooms import link_secret_after, part_after, with_nick
from tacit.client.core.roster import read_member, read_roster
from tacit.client.core.state import Context, EntryKind, GroupState, LogEntry, Me, OwnCommit, Sent, Step
from tacit.client.model import ConversationStatus, GroupId, Intent, IntentKind, MessageId, Notice, OutboxRow

FRESH_KEYS_S = limits.DAY_S
FRESH_KEYS_MESSAGES = 100
"""After this time, or this many own texts, a device puts fresh keys into the group before it writes again."""
FRESH_KEYS_PAUSE_S = limits.MINUTE_S
FRESH_KEYS_MESSAGES_AT_MOST = 1_000
"""Not within this time after the last, unless so many texts were written in it: whoever writes a lot at once would
otherwise use epochs up faster than a slow reader can follow, and what that reader says would arrive too old to open."""

_COMMIT_LOST = Notice("behind", reason="own-commit-lost", count=1)


def may_change(state: GroupState, me: Me) -> bool:
    """Whether the roles let this account add, remove and rename."""
    return me.account_id in admins_of(state.info, state.roster.accounts)


def keys_are_stale(state: GroupState, ctx: Context) -> bool:
    """Whether a fresh path is due before the next text; a device that has just joined writes first."""
    conversation = state.conversation
    if conversation.committed_at == 0:
        return False
    texts = conversation.own_counter - receipts.own_progress(state, ctx.me).counter
    age_s = ctx.now_s - conversation.committed_at
    if texts < FRESH_KEYS_MESSAGES_AT_MOST and age_s < FRESH_KEYS_PAUSE_S:
        return False
    return texts >= FRESH_KEYS_MESSAGES or age_s >= FRESH_KEYS_S


def commit_intent(state: GroupState, intent: Intent, ctx: Context) -> Step | None:
    """Turn an intent into a commit in the outbox; None when it has lost its meaning or is not allowed any more."""
    proposals = _proposals(state, intent, ctx)
    if proposals is None:
        return None
    nick = intent.text if intent.kind is IntentKind.NICK else ""
    return make_commit(state, proposals, ctx, intent_row=intent.row, nick=nick)


def make_commit(
    state: GroupState, proposals: Sequence[mls.Proposal], ctx: Context, *, intent_row: int = 0, nick: str = ""
) -> Step:
    """Commit ``proposals`` and what others have proposed and may, with a fresh path.

    In an epoch whose keys may have been at work in another life the commit takes none of them: it goes out in the
    clear, which shows the relay nothing that it does not know, and so without ``proposals``; they have their turn in
    the epoch that it begins. Raises ``Rejected`` for proposals that the others would refuse. ``nick`` is another
    nickname in a room.
    """
    in_the_clear = not may_seal(state, ctx)
    if in_the_clear:
        proposals, intent_row, nick = (), 0, ""
    fitting = fitting_pending(state, proposals)
    group, pending = state.group.create_commit(
        proposals,
        include_pending=lambda cached: cached.ref in fitting,
        leaf_extensions=with_nick(_own_extensions(state), nick) if nick else None,
        public=in_the_clear,
        aad=ctx.incarnation,
        entropy=ctx.entropy,
        now_s=ctx.now_s,
        authenticate=check_leaf,
    )
    check_outcome(state, pending.group_after)
    after = read_roster(pending.group_after.members(), state.roster)
    row = OutboxRow(
        row=0,
        message_id=ctx.fresh_id(),
        group_id=GroupId(state.group_id),
        inbox=None,
        kind=EntryKind.COMMIT,
        payload=_payload(state, pending, ctx) if in_the_clear else pending.commit,
        after_commit=state.conversation.last_commit,
        readers_added=tuple(sorted(after.devices - state.roster.devices)),
        readers_removed=tuple(sorted(state.roster.devices - after.devices)),
        intent_row=intent_row,
        room=part_after(link_secret_after(state, pending.group_after), pending.group_after, ctx)
        if state.is_room
        else None,
    )
    return Step(replace(state, group=group, own_commit=OwnCommit(row.message_id, pending)), (AddOutbox(row),))


def _payload(state: GroupState, pending: mls.PendingCommit, ctx: Context) -> bytes:
    """The bytes for the log of a commit that MLS has not encrypted."""
    if not state.is_room:
        return pending.commit
    return seal_commit(state.conversation.link_secret, state.group_id, pending.commit, ctx.entropy)


def _own_extensions(state: GroupState) -> mls.Extensions:
    own = state.group.member(state.group.own_leaf)
    return () if own is None else own.extensions


def end_room(state: GroupState, ctx: Context) -> Step:
    """Close the door of a room for good, before its last member goes."""
    return make_commit(state, [_new_info(state, replace(state.info, locked=True))], ctx)


def propose_leaving(state: GroupState, ctx: Context) -> Step:
    """Ask the others to remove this device."""
    assert may_seal(state, ctx), "whoever decides what is said next has asked"
    group, payload = state.group.propose(mls.Remove(state.group.own_leaf), entropy=ctx.entropy)
    row = OutboxRow(
        row=0,
        message_id=ctx.fresh_id(),
        group_id=GroupId(state.group_id),
        inbox=None,
        kind=EntryKind.MESSAGE,
        payload=payload,
        readers_removed=(ctx.me.device,) if state.is_room else (),
    )
    return Step(replace(state, group=group), (AddOutbox(row),))


def has_proposed_leaving(state: GroupState) -> bool:
    """Whether the wish of this device to be removed is known in this epoch."""
    return any(_is_leaving(p) and p.sender == state.group.own_leaf for p in state.group.pending_proposals)


def first_to_commit(state: GroupState) -> bool:
    """Whether this device is the one that commits the proposals of others at once: the lowest leaf that stays."""
    leaving = {p.sender for p in state.group.pending_proposals if _is_leaving(p)}
    staying = [m.leaf for m in state.roster.members if m.leaf not in leaving]
    return bool(staying) and state.group.own_leaf == min(staying)


def merge_own(state: GroupState, entry: LogEntry, sent: Sent, ctx: Context) -> Step:
    """The own commit came back in the log: enter the epoch that it makes, and send the invitations."""
    own = state.own_commit
    if own is None or own.message_id != entry.message_id:
        return Step(state, (DropOutbox(sent.row.row),))  # another commit came first; this one changes nothing
    done: tuple[Effect, ...] = (DropOutbox(sent.row.row),)
    if sent.row.intent_row:
        done = (*done, DropIntent(sent.row.intent_row))
    try:
        check_outcome(state, own.pending.group_after)
        merged = state.group.merge(own.pending)
    except Rejected as refused:  # the others refuse it too, and stay
        notice = Notice("rejected-commit", by=ctx.me.account_id, reason=refused.reason)
        return Step(replace(state, own_commit=None), (*done, notice_line(state, notice, ctx, seq=entry.seq)))
    except mls.CommitMismatch:  # the others may have gone where this store cannot follow
        return Step(_fall_behind(state), (*done, notice_line(state, _COMMIT_LOST, ctx, seq=entry.seq)))
    named = named_by(own.pending.commit)
    after = enter_epoch(replace(state, own_commit=None), merged, entry.seq, named, ctx, fresh_keys=True)
    waiting = state.group.pending_proposals
    asked = frozenset(p.sender for p in waiting if isinstance(p.sender, int) and _is_leaving(p))
    lines = describe(state, after, ctx.me.account_id, asked, ctx, seq=entry.seq)
    return Step(after, (*done, *lines, *_welcomes(sent.row, own.pending.welcome, ctx)))


def try_again(state: GroupState, intent: Intent, ctx: Context) -> tuple[Effect, ...]:
    """Another commit came first: the intent waits for its next turn, a bounded number of times."""
    tried = replace(intent, attempts=intent.attempts + 1)
    if tried.attempts < limits.MAX_COMMIT_ATTEMPTS:
        return (PutIntent(tried),)
    return (DropIntent(intent.row), change_failed(state, intent, "lost-races", ctx))


def change_failed(state: GroupState, intent: Intent, reason: str, ctx: Context) -> Effect:
    """The line that says which wish will not come true."""
    return notice_line(
        state,
        Notice("change-failed", by=ctx.me.account_id, who=intent.who, name=f"{intent.kind}", reason=reason),
        ctx,
    )


def _proposals(state: GroupState, intent: Intent, ctx: Context) -> list[mls.Proposal] | None:
    present = state.roster.accounts
    match intent.kind:
        case IntentKind.UPDATE | IntentKind.COMMIT_PENDING:
            return []
        case IntentKind.NICK if intent.text != state.member(state.group.own_leaf).nick:
            return []
        case IntentKind.LOCK if not state.info.locked:
            return [_new_info(state, replace(state.info, locked=True))]
        case IntentKind.UNLOCK if state.info.locked:
            return [_new_info(state, replace(state.info, locked=False))]
        case IntentKind.INVITE if not present.issuperset(intent.who):
            return _adds(state, intent, ctx) or None
        case IntentKind.REMOVE if present.intersection(intent.who):
            leaves = [m.leaf for m in state.roster.members if m.account_id in intent.who]
            if state.is_room:  # whoever is put out must not come back by the link that he has
                renewed = replace(state.info, link_epoch=state.group.epoch + 1)
                return [*(mls.Remove(mls.LeafIndex(leaf)) for leaf in leaves), _new_info(state, renewed)]
            gone = {p.proposal.removed for p in state.group.pending_proposals if isinstance(p.proposal, mls.Remove)}
            return [mls.Remove(mls.LeafIndex(leaf)) for leaf in leaves if leaf not in gone] or None
        case IntentKind.RENAME if intent.text != state.info.name:
            return [_new_info(state, replace(state.info, name=intent.text))]
    return None


def _adds(state: GroupState, intent: Intent, ctx: Context) -> list[mls.Proposal]:
    adds: list[mls.Proposal] = []
    for data in intent.key_packages:
        key_package = mls.read_key_package(data, now_s=ctx.now_s, authenticate=check_new_leaf(ctx.now_s))
        member = read_member(-1, key_package.leaf_node.credential_identity)
        if member.account_id in intent.who and member.device not in state.roster.devices:
            adds.append(mls.Add(key_package))
    return adds


def _new_info(state: GroupState, info: GroupInfo) -> mls.Proposal:
    return mls.GroupContextExtensions(
        tuple(
            mls.Extension(GROUP_INFO_EXTENSION, encode_group_info(info))
            if extension.extension_type == GROUP_INFO_EXTENSION
            else extension
            for extension in state.group.extensions
        )
    )


def _welcomes(row: OutboxRow, welcome: bytes | None, ctx: Context) -> list[Effect]:
    if welcome is None:
        return []
    return [
        AddOutbox(
            OutboxRow(
                row=0,
                message_id=MessageId(ctx.entropy(16)),
                group_id=None,
                inbox=device,
                kind=EntryKind.WELCOME,
                payload=welcome,
            )
        )
        for device in row.readers_added
    ]


def _fall_behind(state: GroupState) -> GroupState:
    behind = replace(state.conversation, status=ConversationStatus.BEHIND)
    return replace(state, conversation=behind, own_commit=None)


def _is_leaving(pending: mls.CachedProposal) -> bool:
    return isinstance(pending.proposal, mls.Remove) and pending.proposal.removed == pending.sender
