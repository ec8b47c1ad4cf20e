from __future__ import annotations

from collections.abc import Sequence

import pytest

from tacit.mls import Add, BadState, ExternalPSK, PendingCommit, PreSharedKey, PreSharedKeyID, Remove
from tacit.mls.pending import CachedProposal, select_for_commit
from tacit.mls.proposals import CustomProposal, GroupContextExtensions, Proposal, ReInit, Update
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror

CREW = Crew(3)
COMMITTER = LeafIndex(0)
UPDATE = Update(Mirror(CREW["bob"], CREW.entropy).update_leaf())
UPDATE_AGAIN = Update(Mirror(CREW["bob"], CREW.entropy).update_leaf())
DAVE, ERIN = Add(CREW.bundle("dave").key_package), Add(CREW.bundle("erin").key_package)
DAVE_AGAIN = Add(CREW.bundle("dave").key_package)
PSK = PreSharedKey(PreSharedKeyID(ExternalPSK(b"one"), bytes(32)))
OTHER_PSK = PreSharedKey(PreSharedKeyID(ExternalPSK(b"two"), bytes(32)))
EXTENSIONS, OTHER_EXTENSIONS = GroupContextExtensions(()), GroupContextExtensions(())
REINIT = ReInit(b"next", 1, 1, ())
CUSTOM = CustomProposal(0xF0F0, b"anything")

Said = tuple[int, Proposal]
"""Who proposed what."""


def chosen(said: Sequence[Said], by_value: Sequence[Proposal] = ()) -> list[int]:
    """Which of the pending proposals are taken up, by their places; checks that they go in as they came."""
    pending = [CachedProposal(bytes([at]), LeafIndex(who), what) for at, (who, what) in enumerate(said)]
    taken = select_for_commit(pending, by_value, COMMITTER, include=True)
    kept, values = taken[: len(taken) - len(by_value)], taken[len(taken) - len(by_value) :]
    assert [(item.proposal, item.sender, item.ref) for item in values] == [(one, COMMITTER, None) for one in by_value]
    places = [int.from_bytes(item.ref or b"", "big") for item in kept]
    assert [(item.proposal, item.sender) for item in kept] == [(said[at][1], said[at][0]) for at in places]
    assert places == sorted(places)
    return places


@pytest.mark.parametrize(
    ("said", "by_value", "places"),
    [
        pytest.param([(1, UPDATE), (2, DAVE), (2, PSK), (1, CUSTOM)], [], [0, 1, 2, 3], id="all that go together"),
        pytest.param([(1, UPDATE), (1, UPDATE_AGAIN)], [], [1], id="the later update of a leaf"),
        pytest.param([(1, UPDATE), (2, Remove(LeafIndex(1)))], [], [1], id="a removal before an update"),
        pytest.param([(2, Remove(LeafIndex(1))), (1, UPDATE)], [], [0], id="a removal, and the update after it"),
        pytest.param([(1, Remove(LeafIndex(2))), (0, Remove(LeafIndex(2)))], [], [1], id="one removal of a leaf"),
        pytest.param([(1, Remove(LeafIndex(2))), (1, UPDATE)], [Remove(LeafIndex(2))], [1], id="removed by value"),
        pytest.param([(1, UPDATE)], [Remove(LeafIndex(1))], [], id="updated and removed by value"),
        pytest.param([(0, UPDATE), (1, Remove(COMMITTER)), (1, DAVE)], [], [2], id="nothing of the committer's leaf"),
        pytest.param([(1, DAVE), (2, ERIN), (2, DAVE_AGAIN)], [], [1, 2], id="a client is added once"),
        pytest.param([(1, DAVE), (2, ERIN)], [DAVE_AGAIN], [1], id="a client that is added by value"),
        pytest.param([(1, EXTENSIONS), (2, OTHER_EXTENSIONS), (1, DAVE)], [], [1, 2], id="extensions once"),
        pytest.param([(1, EXTENSIONS), (1, DAVE)], [OTHER_EXTENSIONS], [1], id="extensions by value"),
        pytest.param([(1, PSK), (2, PSK), (2, OTHER_PSK)], [], [1, 2], id="a key once"),
        pytest.param([(1, PSK), (2, OTHER_PSK)], [PSK], [1], id="a key by value"),
        pytest.param([(1, CUSTOM), (2, CUSTOM)], [CUSTOM], [0, 1], id="what the application defines, each time"),
        pytest.param([(1, REINIT)], [], [0], id="a ReInit alone"),
        pytest.param([(1, REINIT), (2, REINIT)], [], [1], id="the later ReInit"),
        pytest.param([(1, DAVE), (1, REINIT)], [], [0], id="everything before a ReInit"),
        pytest.param([(1, REINIT)], [DAVE], [], id="a ReInit beside what is committed by value"),
        pytest.param([(1, REINIT), (0, UPDATE)], [], [], id="a ReInit that is not the last word"),
        pytest.param([], [DAVE, PSK], [], id="nothing pending"),
    ],
)
def test_of_what_is_pending_a_commit_takes(said: list[Said], by_value: list[Proposal], places: list[int]) -> None:
    assert chosen(said, by_value) == places


def test_who_commits_may_leave_proposals_out() -> None:
    pending = [CachedProposal(b"a", LeafIndex(1), DAVE), CachedProposal(b"b", LeafIndex(2), ERIN)]
    assert select_for_commit(pending, (), COMMITTER, include=False) == ()
    only = select_for_commit(pending, (), COMMITTER, include=lambda cached: cached.sender == 2)
    assert [item.ref for item in only] == [b"b"]


def test_a_pending_commit_that_cannot_be_read_says_why() -> None:
    with pytest.raises(BadState) as broken:
        PendingCommit.decode(b"\2")
    assert str(broken.value) == "malformed"
