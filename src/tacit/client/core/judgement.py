"""Proposals and what comes of them, put before the roles.

One judgement for all: a proposal that arrives is judged as if it were committed alone, a commit of others by what it
holds, and an own one twice, by what goes into it and by what comes out. So nobody commits what the others refuse.
"""

from __future__ import annotations

from collections.abc import Sequence

from tacit import mls
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, read_group_info
from tacit.client.core.policy import Act, Change, Deed, Rejected, check_change
from tacit.client.core.room_size import check_size
from tacit.client.core.rooms import check_nicks
from tacit.client.core.roster import read_member, read_roster
from tacit.client.core.state import GroupState
from tacit.errors import DecodeError


def check_proposals(state: GroupState, proposals: Sequence[mls.CommittedProposal]) -> None:
    """Raise ``Rejected`` unless the roles allow a commit of these."""
    check_change(_change(state, proposals))


def fitting_pending(state: GroupState, by_value: Sequence[mls.Proposal]) -> frozenset[bytes]:
    """References of what waits and may be committed with ``by_value``; raises ``Rejected`` if that may not be.

    What does not fit stays out, and is forgotten when the epoch ends.
    """
    own = [mls.CommittedProposal(proposal, state.group.own_leaf) for proposal in by_value]
    check_proposals(state, own)
    fitting = [_committed(cached) for cached in state.group.pending_proposals if _fits(state, cached)]
    if not _is_allowed(state, [*fitting, *own]):
        return frozenset()
    return frozenset(item.ref for item in fitting if item.ref is not None)


def check_outcome(state: GroupState, after: mls.Group) -> None:
    """Raise ``Rejected`` unless the roles allow an own commit, judged by the group that it leads to.

    What no fitting proposal of others explains is our own doing.
    """
    if after.reinit is not None:
        raise Rejected("unknown-proposal")
    try:
        roster = read_roster(after.members(), state.roster)
    except DecodeError:
        raise Rejected("credential") from None
    fitting = [_committed(cached) for cached in state.group.pending_proposals if _fits(state, cached)]
    acts = [act_of(state, committed) for committed in fitting]
    me = state.member(state.group.own_leaf).account_id
    come = {account for account, _ in roster.devices - state.roster.devices}
    gone = {account for account, _ in state.roster.devices - roster.devices}
    for deed, accounts in ((Deed.ADD, come), (Deed.REMOVE, gone)):
        explained = {act.subject for act in acts if act.deed is deed}
        acts += [Act(deed, me, account) for account in sorted(accounts - explained)]
    replaced = mls.GroupContextExtensions(after.extensions)
    if after.extensions != state.group.extensions and all(item.proposal != replaced for item in fitting):
        acts.append(Act(Deed.CHANGE_INFO, me))
    check_change(_change_to(state, acts, roster.accounts, after.extensions))
    if state.is_room:
        check_size(state.group, after)
        check_nicks(roster)


def act_of(state: GroupState, committed: mls.CommittedProposal) -> Act:
    """What a proposal does, and who wants it; raises ``Rejected`` if that is no member."""
    if not isinstance(committed.sender, int):
        raise Rejected("outsider")
    author = state.member(committed.sender).account_id
    match committed.proposal:
        case mls.Add(key_package):
            return Act(Deed.ADD, author, _account_of(key_package), by_ref=committed.by_ref)
        case mls.Remove(removed):
            member = state.roster.by_leaf.get(removed)
            own_leaf = committed.by_ref and removed == committed.sender
            subject = member.account_id if member else b""
            return Act(Deed.REMOVE, author, subject, own_leaf=own_leaf, by_ref=committed.by_ref)
        case mls.Update():
            return Act(Deed.UPDATE, author, by_ref=committed.by_ref)
        case mls.GroupContextExtensions():
            return Act(Deed.CHANGE_INFO, author, by_ref=committed.by_ref)
        case _:
            return Act(Deed.OTHER, author)


def _change(state: GroupState, proposals: Sequence[mls.CommittedProposal]) -> Change:
    """The commit of these proposals in terms of accounts and roles."""
    gone, come, extensions = set[int](), set[bytes](), state.group.extensions
    for committed in proposals:
        match committed.proposal:
            case mls.Add(key_package):
                come.add(_account_of(key_package))
            case mls.Remove(removed):
                gone.add(removed)
            case mls.GroupContextExtensions(replaced):
                extensions = replaced
    stay = {m.account_id for m in state.roster.members if m.leaf not in gone}
    return _change_to(state, [act_of(state, c) for c in proposals], frozenset(stay | come), extensions)


def _change_to(
    state: GroupState, acts: Sequence[Act], accounts: frozenset[bytes], extensions: tuple[mls.Extension, ...]
) -> Change:
    return Change(
        acts=tuple(acts),
        before=state.roster.accounts,
        after=accounts,
        info_before=state.info,
        info_after=_read_info(extensions),
        other_extensions_changed=_others(extensions) != _others(state.group.extensions),
        epoch_after=state.group.epoch + 1,
    )


def _fits(state: GroupState, cached: mls.CachedProposal) -> bool:
    return _is_allowed(state, [_committed(cached)])


def _is_allowed(state: GroupState, proposals: Sequence[mls.CommittedProposal]) -> bool:
    try:
        check_proposals(state, proposals)
    except Rejected:
        return False
    return True


def _committed(cached: mls.CachedProposal) -> mls.CommittedProposal:
    return mls.CommittedProposal(cached.proposal, cached.sender, cached.ref)


def _account_of(key_package: mls.KeyPackage) -> bytes:
    return read_member(-1, key_package.leaf_node.credential_identity).account_id


def _read_info(extensions: tuple[mls.Extension, ...]) -> GroupInfo | None:
    try:
        return read_group_info(extensions)
    except DecodeError:
        return None


def _others(extensions: tuple[mls.Extension, ...]) -> frozenset[mls.Extension]:
    return frozenset(e for e in extensions if e.extension_type != GROUP_INFO_EXTENSION)
