from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.client.core.group_info import GroupInfo, GroupKind
from tacit.client.core.policy import Act, Change, Deed, Rejected, admins_of, check_change

ALICE, BOB, CAROL = (bytes([n]) * 16 for n in (1, 2, 3))
GROUP = GroupInfo(GroupKind.GROUP, "friends", (ALICE,))
DIRECT = GroupInfo(GroupKind.DIRECT, "", (ALICE,))


def change(*acts: Act, info: GroupInfo = GROUP, after: GroupInfo | None = None, before: set[bytes] | None = None,
           members_after: set[bytes] | None = None, extensions: bool = False) -> Change:  # fmt: skip
    accounts = frozenset(before or {ALICE, BOB})
    return Change(acts, accounts, frozenset(members_after or accounts), info, after or info, extensions)


ALLOWED = {
    "a commit without proposals": change(),
    "an admin adds": change(Act(Deed.ADD, ALICE, CAROL), members_after={ALICE, BOB, CAROL}),
    "an admin removes": change(Act(Deed.REMOVE, ALICE, BOB), members_after={ALICE}),
    "somebody leaves": change(Act(Deed.REMOVE, BOB, BOB, own_leaf=True), members_after={ALICE}),
    "an update": change(Act(Deed.UPDATE, BOB)),
    "an admin renames": change(Act(Deed.CHANGE_INFO, ALICE), after=replace(GROUP, name="others")),
    "an admin makes another one": change(Act(Deed.CHANGE_INFO, ALICE), after=replace(GROUP, admins=(ALICE, BOB))),
    "no admin is left, so anybody may": change(Act(Deed.ADD, BOB, CAROL), before={BOB}, members_after={BOB, CAROL}),
    "the second person of a direct chat": change(
        Act(Deed.ADD, ALICE, BOB), info=DIRECT, before={ALICE}, members_after={ALICE, BOB}
    ),
    "a direct chat that has a third goes on": change(info=DIRECT, before={ALICE, BOB, CAROL}),
    "and can lose one": change(
        Act(Deed.REMOVE, ALICE, CAROL), info=DIRECT, before={ALICE, BOB, CAROL}, members_after={ALICE, BOB}
    ),
    "leaving a direct chat": change(Act(Deed.REMOVE, BOB, BOB, own_leaf=True), info=DIRECT, members_after={ALICE}),
}

REJECTED = {
    "add-by-non-admin": change(Act(Deed.ADD, BOB, CAROL), members_after={ALICE, BOB, CAROL}),
    "remove-by-non-admin": change(Act(Deed.REMOVE, BOB, ALICE), members_after={BOB}),
    "change-info-by-non-admin": change(Act(Deed.CHANGE_INFO, BOB), after=replace(GROUP, name="others")),
    "unknown-proposal": change(Act(Deed.OTHER, ALICE)),
    "no-group-info": replace(change(Act(Deed.CHANGE_INFO, ALICE)), info_after=None),
    "extensions": change(Act(Deed.CHANGE_INFO, ALICE), extensions=True),
    "info-changed-by-nobody": change(after=replace(GROUP, name="others")),
    "fixed-info": change(Act(Deed.CHANGE_INFO, ALICE), after=replace(GROUP, kind=GroupKind.DIRECT)),
    "direct-info": change(Act(Deed.CHANGE_INFO, ALICE), info=DIRECT, after=replace(DIRECT, name="ours")),
    "direct-third": change(Act(Deed.ADD, ALICE, CAROL), info=DIRECT, members_after={ALICE, BOB, CAROL}),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_roles_allow(name: str) -> None:
    check_change(ALLOWED[name])


@pytest.mark.parametrize("reason", REJECTED)
def test_what_the_roles_forbid(reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_change(REJECTED[reason])
    assert refused.value.reason == reason


def test_the_other_of_a_direct_chat_cannot_be_exchanged() -> None:
    swap = change(Act(Deed.REMOVE, ALICE, BOB), Act(Deed.ADD, ALICE, CAROL), info=DIRECT, members_after={ALICE, CAROL})
    with pytest.raises(Rejected, match="direct-third"):
        check_change(swap)


def test_a_remove_of_somebody_else_by_reference_is_judged_by_who_proposed_it() -> None:
    proposed_by_bob = change(Act(Deed.REMOVE, BOB, ALICE), before={ALICE, BOB, CAROL}, members_after={BOB, CAROL})
    with pytest.raises(Rejected, match="remove-by-non-admin"):
        check_change(proposed_by_bob)


def test_admins_who_have_left_do_not_count() -> None:
    assert admins_of(GROUP, frozenset({ALICE, BOB})) == {ALICE}
    assert admins_of(GROUP, frozenset({BOB, CAROL})) == {BOB, CAROL}
