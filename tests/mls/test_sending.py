from __future__ import annotations

from tacit.mls import Remove
from tests.mls.crew import Crew


def test_a_proposal_that_is_made_twice_waits_once_and_can_be_committed() -> None:
    """Its second signature is the first one again, so both go by one reference."""
    crew = Crew(3)
    for _ in range(2):
        crew.propose("alice", Remove(crew.index("carol")))
    assert [len(group.pending_proposals) for group in crew.groups.values()] == [1, 1, 1]
    crew.commit("alice")
    assert sorted(crew.groups) == ["alice", "bob"]
