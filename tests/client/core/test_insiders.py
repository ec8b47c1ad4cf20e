"""Members who keep every rule of MLS and still mean no good: copies, omissions, races. Hazards B14, B21 and B22."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit import mls
from tacit.client.core.commits import has_proposed_leaving, propose_leaving
from tacit.client.core.effects import AddOutbox
from tacit.client.core.state import EntryKind, OwnCommit, Step
from tacit.client.model import OutboxRow
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.messages import PrivateMessage, decode_message
from tacit.mls.protection import open_private
from tests.client.core.members import Member, group_of
from tests.mls.mirror import Mirror


def signed_content(reader: Member, payload: bytes) -> AuthenticatedContent:
    """What a member has signed, as any other member can take it out of its encryption."""
    group, message = reader.group.group, decode_message(payload)
    assert isinstance(message, PrivateMessage)
    keys = group.state.keys(group.secret_tree)
    return open_private(keys, message).verify(keys)


@pytest.mark.parametrize("generation", [1, 2, 500])
def test_b14_what_somebody_signed_is_shown_once_however_often_it_is_encrypted_anew(generation: int) -> None:
    """All members know all message keys, and a signature covers no generation: only the content's ID tells."""
    log, (alice, bob, mallory) = group_of("alice", "bob", "mallory")
    (text,) = log.append(alice, alice.text("hello"))
    content = signed_content(mallory, text.payload)
    mirror = Mirror(mallory.group.group, mallory.entropy)
    for member in (alice, bob, mallory):
        log.show(member, text)
    again = mirror.encrypt(content.content, content.auth, alice.group.group.own_leaf, generation)
    opened = bob.group.group.process(again, authenticate=lambda old, new: None)
    assert isinstance(opened, mls.ApplicationData), "to MLS it is a good message of Alice"
    (copy,) = log.append(mallory, [mallory._row(EntryKind.MESSAGE, again)])
    for member in (bob, mallory):
        log.show(member, copy)
    assert bob.said() == ["hello"]
    assert bob.notices() == []
    log.post(bob, bob.text("still here"))
    assert mallory.said() == ["hello", "still here"]


def commit_without_the_wishes_of_others(member: Member) -> list[OutboxRow]:
    state = member.group
    group, pending = state.group.create_commit(
        include_pending=False, entropy=member.entropy, now_s=member.now_s, authenticate=lambda old, new: None
    )
    row = member._row(EntryKind.COMMIT, pending.commit)
    own = OwnCommit(row.message_id, pending)
    return member.take(Step(replace(state, group=group, own_commit=own), (AddOutbox(row),)))


def test_b21_a_wish_that_a_committer_leaves_out_is_asked_again() -> None:
    """The proposal goes with the epoch, and so does the mark that it was made: the wish, which stays, makes another."""
    log, (alice, bob, carol) = group_of("alice", "bob", "carol")
    for _ in range(3):
        log.post(carol, carol.take(propose_leaving(carol.group, carol.ctx)))
        assert has_proposed_leaving(carol.group)
        log.post(alice, commit_without_the_wishes_of_others(alice))
        assert not has_proposed_leaving(carol.group)
        assert carol.group.roster.accounts == {alice.id, bob.id, carol.id}
    assert bob.group.group.epoch == 4
    log.post(carol, carol.take(propose_leaving(carol.group, carol.ctx)))
    log.post(bob, bob.commit())
    assert alice.group.roster.accounts == {alice.id, bob.id}


def test_b22_which_of_two_commits_counts_is_for_the_log_alone_to_say() -> None:
    """Nothing that a committer can choose or try out until it fits, not the bytes and not the leaf, wins a race."""
    winners = set()
    for seed in range(8):
        for first in (0, 1):
            log, members = group_of("alice", "bob", "carol")
            for _ in range(seed):
                members[0].entropy(1)
            commits = [member.commit() for member in members[:2]]
            racers = [(members[0], commits[0]), (members[1], commits[1])]
            racers = racers if first == 0 else racers[::-1]
            for author, rows in racers:
                log.post(author, rows)
            winner, _ = racers[0]
            assert {m.group.group.epoch_authenticator for m in members} == {winner.group.group.epoch_authenticator}
            lower = min(rows[0].payload for rows in commits)
            winners.add((first, racers[0][1][0].payload == lower))
    assert len(winners) == 4, "either member, and the lower bytes as well as the higher"
