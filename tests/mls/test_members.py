from __future__ import annotations

import pytest

from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import Crew


def test_members_are_looked_up_by_their_leaf_and_nobody_else_is_there() -> None:
    crew = Crew(5)
    crew.remove("alice", "bob")
    members = crew["alice"].state.leaves
    assert list(members) == [0, 2, 3, 4]
    assert len(members) == 4
    assert members[LeafIndex(4)].credential_identity == b"erin"
    for nobody in (1, 5, 7, 8, 100, -1):
        assert members.get(LeafIndex(nobody)) is None
        with pytest.raises(KeyError) as caught:
            members[LeafIndex(nobody)]
        assert caught.value.args == (nobody,)


def test_members_of_another_epoch_are_what_is_different_in_it() -> None:
    crew = Crew(3)
    few = crew["alice"].state.leaves
    crew.add("alice", "dave", "erin")
    many = crew["alice"].state.leaves
    changes = many.changes_to(few)
    assert [index for index, leaf in changes if leaf is None] == [3, 4]
    for before, after in ((many, few), (few, many)):
        again = before.with_changes(before.changes_to(after))
        assert dict(again) == dict(after)
        assert not again.changes_to(after)
