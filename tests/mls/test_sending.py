from __future__ import annotations

from typing import Any

import pytest

from tacit.mls import Add, LeafNode, ProposalReceived, Remove, StagedCommit, Update
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message
from tests.mls.crew import NOW_S, Crew, NotTheirKey
from tests.mls.test_receiving import OPEN


def test_a_proposal_that_is_made_twice_waits_once_and_can_be_committed() -> None:
    """Its second signature is the first one again, so both go by one reference."""
    crew = Crew(3)
    for _ in range(2):
        crew.propose("alice", Remove(crew.index("carol")))
    assert [len(group.pending_proposals) for group in crew.groups.values()] == [1, 1, 1]
    crew.commit("alice")
    assert sorted(crew.groups) == ["alice", "bob"]


def test_another_signature_key_is_shown_even_if_no_path_was_asked_for() -> None:
    """Else the caller believes in a key that nobody else knows of, and his next message is refused."""
    crew = Crew(2)
    old = crew.keys["alice"]
    crew.keys["alice"] = crew.suite.generate_signature_key_pair(crew.entropy)
    group, pending = crew["alice"].create_commit(
        [Add(crew.bundle("carol").key_package)],
        force_path=False,
        signature_private=crew.keys["alice"].private,
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
    )
    merged = group.merge(pending)
    own = merged.member(merged.own_leaf)
    assert own is not None
    assert own.signature_key == crew.keys["alice"].public != old.public


def test_a_proposed_leaf_that_is_no_longer_trusted_keeps_nobody_from_committing() -> None:
    """Else a certificate that ends a minute after the proposal would stop the group for good."""
    crew = Crew(3)
    crew.propose_update("carol")
    proposed = next(waiting.proposal for waiting in crew["alice"].pending_proposals)
    assert isinstance(proposed, Update)

    def later(old: LeafNode | None, new: LeafNode) -> None:
        crew.authenticate(old, new)
        if new == proposed.leaf_node:
            raise NotTheirKey

    _, pending = crew["alice"].create_commit(
        [Remove(crew.index("bob"))], entropy=crew.entropy, now_s=NOW_S, authenticate=later
    )
    assert [leaf.credential_identity for leaf in pending.removed] == [b"bob"]
    assert pending.group_after.member(crew.index("carol")) == crew["alice"].member(crew.index("carol"))


@pytest.mark.parametrize(("public", "form"), [(True, PublicMessage), (False, PrivateMessage), (None, PrivateMessage)])
def test_handshakes_go_in_the_open_only_if_that_is_asked_for(public: bool | None, form: type) -> None:
    """And with nothing beside them unless something is given."""
    crew = Crew(2)
    how: dict[str, Any] = {} if public is None else {"public": public}
    sent = [
        crew["alice"].create_commit(**how, entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate)[1].commit,
        crew["alice"].propose_update(**how, entropy=crew.entropy)[1],
        crew["alice"].propose(Remove(crew.index("bob")), **how, entropy=crew.entropy)[1],
    ]
    for message in sent:
        assert isinstance(decode_message(message), form)
        event = crew["bob"].process(message, authenticate=crew.authenticate, policy=OPEN)
        assert isinstance(event, (ProposalReceived, StagedCommit))
        assert event.aad == b""


def test_a_commit_renews_the_leaf_of_whoever_makes_it_unless_told_otherwise() -> None:
    crew = Crew(2)
    before = crew["alice"].member(crew.index("alice"))
    add = [Add(crew.bundle("carol").key_package)]
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"force_path": True}, True),
        ({"force_path": False}, False),
    ]
    for how, renewed in cases:
        _, pending = crew["alice"].create_commit(
            add, **how, entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate
        )
        assert (pending.group_after.member(crew.index("alice")) != before) is renewed
