"""Conversations of honest members, told through the face of the room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.crypto.padme import padme
from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES
from tacit.errors import InvalidMessage, PeerError
from tacit.limits import MAX_LEAF_BYTES, PAST_EPOCH_S
from tacit.mls import (
    Add,
    ApplicationData,
    BadLength,
    CommitMismatch,
    Extension,
    ExternalPSK,
    GroupContextExtensions,
    LeafIndex,
    PendingCommit,
    PendingProposals,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    ProposalReceived,
    PSKUnavailable,
    Remove,
    RequiredCapabilities,
    StagedCommit,
    Update,
    WrongEpoch,
    join,
    load,
    save,
)
from tacit.mls.errors import UseProposeUpdate
from tacit.mls.messages import PrivateMessage, decode_message
from tacit.mls.tree_math import NodeIndex
from tests.mls.crew import GROUP_ID, NOW_S, Crew, NotTheirKey
from tests.mls.refusal import state_of


class NotAllowed(PeerError):
    """Somebody does what he may not."""


@pytest.mark.parametrize("suite_id", SUPPORTED_SUITES)
def test_a_conversation_in_every_suite(suite_id: int) -> None:
    crew = Crew(3, suite_id)
    crew.say("alice", b"hello")
    crew.say("carol", b"hi")
    crew.add("bob", "dave")
    crew.say("dave", b"thanks")
    crew.propose_update("carol")
    crew.commit("dave")
    crew.remove("alice", "bob")
    crew.say("carol", b"bob is gone")
    assert sorted(crew.groups) == ["alice", "carol", "dave"]
    assert crew["alice"].epoch == 4


def test_what_a_message_shows_and_what_it_hides() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    group, message = crew["alice"].seal(b"a secret", aad=b"for all to see", entropy=crew.entropy)
    assert b"for all to see" in message
    assert b"a secret" not in message
    event = crew["bob"].process(message, authenticate=crew.authenticate)
    assert isinstance(event, ApplicationData)
    assert (event.data, event.aad, event.sender, event.generation, event.epoch) == (
        b"a secret",
        b"for all to see",
        0,
        0,
        1,
    )
    assert event.sender_leaf.credential_identity == b"alice"
    assert group is not crew["alice"]


def test_lengths_fall_into_few_buckets() -> None:
    crew = Crew(2)
    sizes = set()
    for size in range(1000, 1030):
        decoded = decode_message(crew.seal("alice", bytes(size)))
        assert isinstance(decoded, PrivateMessage)
        plaintext = len(decoded.ciphertext) - 16
        assert plaintext == padme(plaintext)
        sizes.add(plaintext)
    assert len(sizes) <= 2


def test_messages_come_late_over_two_epochs_and_not_over_three() -> None:
    """Hazards A1, A2."""
    crew = Crew(3)
    sent = []
    for number in range(4):
        sent.append([crew.seal("alice", bytes([number, n])) for n in range(3)])
        crew.commit("carol")
    for number, letters in enumerate(sent):
        for n in (2, 0, 1):
            if number < 2:
                with pytest.raises(WrongEpoch):
                    crew.open("bob", letters[n])
            else:
                assert crew.open("bob", letters[n]) == bytes([number, n])


def test_keys_of_past_epochs_go_with_time() -> None:
    crew = Crew(2)
    message = crew.seal("alice", b"late")
    crew.commit("alice")
    late = NOW_S + PAST_EPOCH_S + 1
    with pytest.raises(WrongEpoch):
        crew["bob"].process(message, authenticate=crew.authenticate, now_s=late)
    pruned = crew["bob"].without_expired(late)
    assert pruned.past_keys == ()
    with pytest.raises(WrongEpoch):
        pruned.process(message, authenticate=crew.authenticate)
    in_time = crew["bob"].process(message, authenticate=crew.authenticate, now_s=NOW_S + PAST_EPOCH_S - 1)
    assert isinstance(in_time, ApplicationData)


def test_keys_of_an_epoch_that_an_own_commit_ended_go_with_time() -> None:
    crew = Crew(2)
    message = crew.seal("alice", b"late")
    crew.commit("bob")
    assert len(crew["bob"].without_expired(NOW_S + PAST_EPOCH_S).past_keys) == 1
    assert crew["bob"].without_expired(NOW_S + PAST_EPOCH_S + 1).past_keys == ()
    with pytest.raises(WrongEpoch):
        crew["bob"].process(message, authenticate=crew.authenticate, now_s=NOW_S + PAST_EPOCH_S + 1)


def test_a_late_message_is_judged_by_the_members_of_its_epoch() -> None:
    crew = Crew(3)
    message = crew.seal("carol", b"before I was removed")
    crew.remove("alice", "carol")
    crew.add("alice", "dave")
    event = crew["bob"].process(message, authenticate=crew.authenticate)
    assert isinstance(event, ApplicationData)
    assert event.sender_leaf.credential_identity == b"carol"
    now = crew["bob"].member(event.sender)
    assert now is not None
    assert now.credential_identity == b"dave"


def test_who_joins_beside_empty_places_has_the_keys_above_them() -> None:
    """The committer's path skips the node over the two blank leaves, and goes on with the root."""
    crew = Crew(5)
    crew.commit("alice", [Remove(crew.index(name)) for name in ("bob", "carol", "dave")])
    crew.add("alice", "frank")
    frank = crew["frank"].state
    assert (frank.own_leaf, sorted(frank.private_keys)) == (1, [1, 2, 7])
    assert frank.tree.parent(NodeIndex(3)) is None
    crew.commit("erin")
    crew.say("frank", b"I can follow")


def test_who_joins_reads_nothing_from_before() -> None:
    crew = Crew(2)
    message = crew.seal("alice", b"before")
    crew.add("alice", "carol")
    with pytest.raises(WrongEpoch):
        crew.open("carol", message)


def test_nothing_is_said_while_a_change_waits() -> None:
    """Rule 12.4/pending-first."""
    crew = Crew(3)
    crew.propose("carol", Remove(LeafIndex(2)))
    for name in crew.groups:
        with pytest.raises(PendingProposals):
            crew.seal(name, b"too early")
    crew.commit("alice")
    assert sorted(crew.groups) == ["alice", "bob"]
    crew.say("alice", b"now")


def test_making_a_commit_changes_nothing_but_the_ratchet() -> None:
    """Rule 14/commit-changes-nothing."""
    crew = Crew(3)
    before = crew["alice"]
    pending = crew.create_commit("alice")
    assert crew["alice"].state is before.state
    assert crew["alice"].epoch == before.epoch == pending.group_after.epoch - 1
    assert crew["alice"].secret_tree != before.secret_tree


def test_the_loser_of_a_race_takes_the_winner_and_tries_again() -> None:
    """Hazards A9, A10 as far as they meet this room: an own commit counts only where it comes first."""
    crew = Crew(3)
    lost = crew.create_commit("alice", [Remove(LeafIndex(2))])
    crew.commit("bob")
    with pytest.raises(CommitMismatch):
        crew["alice"].merge(lost)
    crew.commit("alice", [Remove(LeafIndex(2))])
    assert sorted(crew.groups) == ["alice", "bob"]


def test_what_was_read_while_a_commit_waited_stays_read() -> None:
    crew = Crew(2)
    early, late = crew.seal("bob", b"early"), crew.seal("bob", b"late")
    pending = crew.create_commit("alice")
    assert crew.open("alice", late) == b"late"
    crew.groups["alice"] = crew["alice"].merge(pending)
    with pytest.raises(PeerError):
        crew.open("alice", late)
    assert crew.open("alice", early) == b"early"


def test_a_staged_commit_says_all_that_it_does() -> None:
    crew = Crew(4, extension_types=(0xF7A0,))
    crew.propose_update("dave")
    bundle = crew.bundle("erin")
    extension = Extension(0xF7A0, b"name")
    pending = crew.create_commit(
        "alice", [Add(bundle.key_package), Remove(LeafIndex(2)), GroupContextExtensions((extension,))]
    )
    event = crew["bob"].process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S)
    assert isinstance(event, StagedCommit)
    assert event.group_before is crew["bob"]
    assert (event.committer, event.committer_leaf.credential_identity) == (0, b"alice")
    assert [(m.leaf_index, m.leaf_node.credential_identity) for m in event.added] == [(2, b"erin")]
    assert [(m.leaf_index, m.leaf_node.credential_identity) for m in event.removed] == [(2, b"carol")]
    assert [(m.leaf_index, m.new.credential_identity) for m in event.updated] == [(3, b"dave")]
    assert event.new_extensions == (extension,)
    assert [(type(p.proposal), p.sender, p.by_ref) for p in event.proposals] == [
        (Update, 3, True),
        (Add, 0, False),
        (Remove, 0, False),
        (GroupContextExtensions, 0, False),
    ]
    assert event.group_after is not None
    assert event.group_after.extensions == (extension,)
    assert pending.added == (bundle.key_package.leaf_node,)


def test_what_the_application_forbids_does_not_happen() -> None:
    """Hazard B20."""
    crew = Crew(3)

    def only_alice_removes(event: ProposalReceived | StagedCommit) -> None:
        if isinstance(event, StagedCommit) and event.removed and event.committer != 0:
            raise NotAllowed

    pending = crew.create_commit("carol", [Remove(LeafIndex(0))])
    before = state_of(crew["bob"])
    with pytest.raises(NotAllowed):
        crew["bob"].process(pending.commit, authenticate=crew.authenticate, authorize=only_alice_removes)
    assert state_of(crew["bob"]) == before
    allowed = crew.create_commit("alice", [Remove(LeafIndex(2))])
    assert crew["bob"].process(allowed.commit, authenticate=crew.authenticate, authorize=only_alice_removes)


def test_removals_win_over_updates_when_a_commit_is_put_together() -> None:
    crew = Crew(4)
    crew.propose_update("carol")
    crew.propose_update("carol")
    crew.propose("dave", Remove(LeafIndex(3)))
    crew.propose("bob", Remove(LeafIndex(3)))
    crew.propose("carol", Remove(LeafIndex(0)))
    pending = crew.create_commit("alice")
    event = crew["bob"].process(pending.commit, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    newest = crew["bob"].pending_proposals[1].proposal
    assert [item.new for item in event.updated] == [newest.leaf_node]  # type: ignore[union-attr]
    assert [item.leaf_index for item in event.removed] == [3]
    assert len(event.proposals) == 2


def test_the_caller_chooses_what_of_the_pending_goes_in() -> None:
    crew = Crew(3)
    crew.propose_update("carol")
    for include, count in ((True, 1), (False, 0), (lambda cached: cached.sender == 1, 0)):
        _, pending = crew["alice"].create_commit(
            include_pending=include,
            entropy=crew.entropy,
            now_s=NOW_S,
            authenticate=crew.authenticate,
        )
        event = crew["bob"].process(pending.commit, authenticate=crew.authenticate)
        assert isinstance(event, StagedCommit)
        assert len(event.updated) == count


def test_an_own_update_takes_effect_when_somebody_commits_it() -> None:
    crew = Crew(3)
    old = crew["carol"].members()[2].leaf_node
    crew.propose_update("carol")
    crew.commit("alice")
    new = crew["carol"].members()[2].leaf_node
    assert new.encryption_key != old.encryption_key
    crew.commit("bob")
    crew.say("carol", b"I still follow")


def test_a_member_changes_its_signature_key() -> None:
    """By a commit of its own, and by a proposal that somebody else commits."""
    for by_commit in (True, False):
        crew = Crew(3)
        crew.keys["bob"] = crew.suite.generate_signature_key_pair(crew.entropy)
        private = crew.key("bob").private
        if by_commit:
            crew.groups["bob"], pending = crew["bob"].create_commit(
                signature_private=private, entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate
            )
            for name in ("alice", "carol"):
                event = crew[name].process(pending.commit, authenticate=crew.authenticate)
                assert isinstance(event, StagedCommit)
                assert event.group_after is not None
                crew.groups[name] = event.group_after
            crew.groups["bob"] = crew["bob"].merge(pending)
        else:
            crew.groups["bob"], message = crew["bob"].propose_update(signature_private=private, entropy=crew.entropy)
            crew.deliver_proposal("bob", message)
            crew.commit("carol")
        assert crew["alice"].members()[1].leaf_node.signature_key == crew.key("bob").public
        crew.say("bob", b"with my new key")
        crew.add("bob", "dave")


def test_an_update_is_proposed_by_its_own_name() -> None:
    crew = Crew(2)
    with pytest.raises(UseProposeUpdate):
        crew["alice"].propose(Update(crew["alice"].members()[0].leaf_node), entropy=crew.entropy)


def test_secrets_are_exported_for_a_use_and_an_epoch() -> None:
    crew = Crew(2)
    exported = crew["alice"].export("tacit file", b"context", 32)
    assert exported == crew["bob"].export("tacit file", b"context", 32)
    assert len(exported) == 32
    assert len(crew["alice"].export("tacit file", b"context", 1)) == 1
    assert len(crew["alice"].export("tacit file", b"context", 255 * crew["alice"].suite.hash_size)) > 8_000
    for length in (-1, 0, 255 * crew["alice"].suite.hash_size + 1, 1 << 16):
        with pytest.raises(BadLength):
            crew["alice"].export("tacit file", b"context", length)
    for other in (
        crew["alice"].export("tacit file", b"other", 32),
        crew["alice"].export("tacit other", b"context", 32),
    ):
        assert other != exported
    crew.commit("alice")
    assert crew["alice"].export("tacit file", b"context", 32) != exported


def test_a_pre_shared_key_goes_into_an_epoch_of_those_who_have_it() -> None:
    crew = Crew(2)
    psk = PreSharedKeyID(ExternalPSK(b"room"), crew.entropy(crew.suite.hash_size))
    policy = Policy(find_psk=lambda psk_id: b"from the link" if psk_id == psk else None)
    bundle = crew.bundle("carol")
    with pytest.raises(PSKUnavailable):
        crew.create_commit("alice", [PreSharedKey(psk)])
    _, pending = crew["alice"].create_commit(
        [Add(bundle.key_package), PreSharedKey(psk)],
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
        policy=policy,
    )
    alice = crew["alice"].merge(pending)
    event = crew["bob"].process(pending.commit, authenticate=crew.authenticate, policy=policy)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    assert event.group_after.epoch_authenticator == alice.epoch_authenticator
    with pytest.raises(PSKUnavailable):
        crew["bob"].process(pending.commit, authenticate=crew.authenticate)
    assert pending.welcome is not None
    with pytest.raises(PSKUnavailable):
        join(pending.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False)
    carol = join(
        pending.welcome,
        [bundle],
        authenticate=crew.authenticate,
        known_group=lambda group_id: False,
        policy=policy,
    )
    assert carol.group.epoch_authenticator == alice.epoch_authenticator
    assert carol.signer == 0


def test_a_group_begins_as_the_rfc_says() -> None:
    """Source: RFC 9420 §11"""
    group = Crew(1)["alice"]
    context = group.context
    assert (context.cipher_suite, context.group_id, context.epoch) == (group.suite.id, GROUP_ID, 0)
    assert (context.tree_hash, context.confirmed_transcript_hash) == (group.state.tree.tree_hash, b"")
    assert context.extensions == ()


def test_a_group_of_one_can_commit_and_grow() -> None:
    crew = Crew(1)
    crew.commit("alice")
    crew.add("alice", "bob", "carol", "dave", "erin")
    crew.say("erin", b"hello")
    for name in ("bob", "carol", "dave", "erin"):
        crew.remove("alice", name)
    assert crew["alice"].state.tree.leaf_count == 1
    crew.commit("alice")


def test_requirements_hold_from_the_beginning() -> None:
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    crew = Crew(2, extensions=(required, Extension(0xF7A0, b"name")), extension_types=(0xF7A0,))
    crew.say("bob", b"hello")


def test_nothing_secret_is_in_a_representation() -> None:
    """Hazard F6."""
    crew = Crew(3)
    crew.say("alice", b"hello")
    crew.propose_update("carol")
    pending = crew.create_commit("bob")
    group = crew["alice"]
    shown = repr((group, pending, crew.bundle("dave"), group.state, group.secret_tree, group.past_keys))
    state = group.state
    secrets = [
        state.signature_private.reveal(),
        *(key.reveal() for key in state.private_keys.values()),
        state.secrets.init_secret.reveal(),
        state.secrets.epoch_authenticator.reveal(),
        *group.secret_tree.nodes.values(),
        *(ratchet.secret for pair in group.secret_tree.senders.values() for ratchet in pair),
        crew.key("dave").private,
    ]
    assert len(secrets) > 8
    for secret in secrets:
        assert repr(secret) not in shown
        assert secret.hex() not in shown


def test_a_group_is_a_value() -> None:
    crew = Crew(2)
    with pytest.raises(AttributeError):
        crew["alice"].secret_tree = crew["bob"].secret_tree  # type: ignore[misc]
    assert replace(crew["alice"]) == crew["alice"]


def test_our_own_new_leaf_passes_the_door_before_others_see_it() -> None:
    """Whoever commits is told what the receivers would say, also of himself."""
    crew = Crew(2)
    erin = crew.key("erin")
    before = state_of(crew["alice"])
    others_name = {"credential_identity": b"bob"}
    another = {"credential_identity": b"erin", "signature_private": erin.private}
    too_large = {"credential_identity": bytes(MAX_LEAF_BYTES)}
    for changed, error in ((others_name, NotTheirKey), (another, NotTheirKey), (too_large, InvalidMessage)):
        with pytest.raises(error):
            crew["alice"].create_commit(
                (),
                credential=changed["credential_identity"],
                signature_private=changed.get("signature_private"),
                entropy=crew.entropy,
                now_s=NOW_S,
                authenticate=crew.authenticate,
            )
    assert state_of(crew["alice"]) == before


def test_an_own_commit_is_looked_at_before_it_is_merged_also_after_a_restart() -> None:
    crew = Crew(3, DEFAULT_SUITE)
    psk = PreSharedKeyID(ExternalPSK(b"weekly"), crew.entropy(crew.suite.hash_size))
    bundle = crew.bundle("dave")
    group, pending = crew["alice"].create_commit(
        [Add(bundle.key_package), Remove(LeafIndex(2)), PreSharedKey(psk)],
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
        policy=Policy(find_psk=lambda psk_id: b"of this week"),
    )
    restarted = load(save(group))
    for stored in (pending, PendingCommit.decode(pending.encode()), PendingCommit.decode(pending.encode(group), group)):
        assert [leaf.credential_identity for leaf in stored.added] == [b"dave"]
        assert [leaf.credential_identity for leaf in stored.removed] == [b"carol"]
        assert stored.psks == (psk,)
        assert stored.group_after.reinit is None
        assert restarted.merge(stored) == group.merge(pending)
    assert restarted == group


def test_nobody_proposes_a_key_package_that_has_expired() -> None:
    """Source: RFC 9420 §7.3, on the lifetime"""
    crew = Crew(2)
    add = Add(crew.bundle("carol").key_package)
    for now_s in (0, NOW_S + 365 * 86400):
        with pytest.raises(InvalidMessage, match=r"7\.3/lifetime"):
            crew["alice"].propose(add, now_s=now_s, entropy=crew.entropy, authenticate=crew.authenticate)
    crew["alice"].propose(add, now_s=NOW_S, entropy=crew.entropy, authenticate=crew.authenticate)
