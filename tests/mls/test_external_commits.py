"""People who let themselves in with a group info, and members who come back after they lost track."""

from __future__ import annotations

import random

import pytest

from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES
from tacit.errors import DecodeError
from tacit.mls import (
    Extension,
    ExternalInit,
    ExternalPSK,
    LeafIndex,
    NewMember,
    OutsiderRefused,
    Policy,
    PreSharedKeyID,
    ProposalReceived,
    PSKUnavailable,
    Remove,
    RequiredCapabilities,
    ResumptionPSK,
    StagedCommit,
    WrongEpoch,
    join_externally,
    load,
    save,
)
from tacit.mls.messages import PublicMessage, decode_message
from tacit.mls.registry import GREASE_VALUES, LeafNodeSource, ResumptionPSKUsage
from tests.mls.crew import NAMES, NOW_S, Crew, NotTheirKey
from tests.mls.refusal import breaks, refuses, state_of

OPEN = Policy(external_commits=True)


def knows(secret: bytes) -> Policy:
    """Whoever has the key of the room, which lets people in by itself."""

    def find(psk_id: PreSharedKeyID) -> bytes | None:
        return secret if psk_id.key == ExternalPSK(b"room") else None

    return Policy(external_commits=True, find_psk=find)


@pytest.mark.parametrize("suite_id", SUPPORTED_SUITES)
def test_somebody_lets_himself_in_and_all_talk(suite_id: int) -> None:
    crew = Crew(2, suite_id)
    crew.say("alice", b"nobody here but us")
    crew.join_externally("carol", by="bob")
    crew.say("carol", b"hello, I am new")
    crew.say("alice", b"welcome")
    crew.commit("carol")
    crew.add("carol", "dave")
    crew.join_externally("erin", by="dave")
    crew.remove("erin", "alice")
    crew.say("dave", b"bye, alice")
    assert sorted(crew.groups) == ["bob", "carol", "dave", "erin"]
    assert crew["bob"].epoch == 6


def test_a_group_of_one_is_joined() -> None:
    crew = Crew(1)
    crew.join_externally("bob", by="alice")
    crew.say("bob", b"two of us")
    assert crew["alice"].epoch == 1


def test_the_joiner_takes_the_leftmost_leaf_that_is_free() -> None:
    crew = Crew(4)
    crew.remove("alice", "bob")
    crew.join_externally("erin", by="carol")
    assert crew.index("erin") == 1
    crew.join_externally("frank", by="erin")
    assert crew.index("frank") == 4
    crew.say("frank", b"the tree has grown")


def test_members_see_who_comes_before_they_take_it_up() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    joined = crew.external_commit("carol", by="alice", aad=b"from the lobby")
    before = state_of(crew["bob"])
    event = crew["bob"].process(joined.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert isinstance(event, StagedCommit)
    assert event.external
    assert isinstance(event.external_init, ExternalInit)
    assert (event.committer, event.committer_leaf.credential_identity) == (2, b"carol")
    assert [(m.leaf_index, m.leaf_node.credential_identity) for m in event.added] == [(2, b"carol")]
    assert (event.removed, event.updated, event.new_extensions, event.psks, event.reinit) == ((), (), None, (), None)
    assert [(item.sender, item.by_ref) for item in event.proposals] == [(NewMember(), False)]
    assert event.aad == b"from the lobby"
    assert event.committer_leaf.source is LeafNodeSource.COMMIT
    assert event.group_after is not None
    assert event.group_after.epoch_authenticator == joined.group.epoch_authenticator
    assert state_of(crew["bob"]) == before


def test_who_lets_himself_in_brings_grease_unless_told_otherwise() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    for salted in (True, False):
        options = {} if salted else {"grease": False}
        joined = crew.external_commit("carol", by="alice", extensions=(Extension(1, b"a device"),), **options)
        event = crew["bob"].process(joined.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
        assert isinstance(event, StagedCommit)
        assert event.aad == b""
        assert Extension(1, b"a device") in event.committer_leaf.extensions
        listed = event.committer_leaf.capabilities
        for types in (listed.extensions, listed.proposals, listed.credentials):
            assert any(value in GREASE_VALUES for value in types) == salted


def test_nobody_gets_in_unless_the_application_asks_for_it() -> None:
    crew = Crew(2)
    joined = crew.external_commit("carol", by="alice")
    for policy in (Policy(), Policy(public_handshakes=True, outside_proposals=True)):
        error = refuses(crew, "bob", joined.commit, "12.4.3.2/external-commits", policy=policy, error=OutsiderRefused)
        assert error.code == "outsider-refused"


def test_strangers_are_turned_away_by_the_members() -> None:
    crew = Crew(2)
    mallory = crew.suite.generate_signature_key_pair(crew.entropy)
    joined = join_externally(
        crew["alice"].group_info(),
        b"alice",
        mallory.private,
        authenticate=lambda old, new: None,
        now_s=NOW_S,
        entropy=crew.entropy,
    )
    refuses(crew, "bob", joined.commit, policy=OPEN, error=NotTheirKey)


def test_the_joiner_judges_the_members() -> None:
    crew = Crew(2)
    info = crew["alice"].group_info()
    del crew.keys["bob"]
    with pytest.raises(NotTheirKey):
        join_externally(
            info,
            b"carol",
            crew.key("carol").private,
            authenticate=crew.authenticate,
            now_s=NOW_S,
            entropy=crew.entropy,
        )


def test_who_lost_track_comes_back_in_one_step() -> None:
    """A resync: the old leaf goes by the same commit."""
    crew = Crew(4, DEFAULT_SUITE)
    lost = crew["bob"]
    del crew.groups["bob"]
    crew.commit("alice")
    joined = crew.external_commit("bob", by="carol", remove=lost.own_leaf)
    event = crew["alice"].process(joined.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert isinstance(event, StagedCommit)
    assert [(m.leaf_index, m.leaf_node.credential_identity) for m in event.removed] == [(1, b"bob")]
    assert [(m.leaf_index, m.leaf_node.credential_identity) for m in event.added] == [(1, b"bob")]
    crew.join_externally("bob", by="carol", remove=lost.own_leaf)
    crew.say("bob", b"back again")
    assert len(crew["alice"].members()) == 4


def test_the_old_self_of_who_comes_back_is_out() -> None:
    crew = Crew(3)
    joined = crew.external_commit("bob", by="alice", remove=crew.index("bob"))
    event = crew["bob"].process(joined.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert isinstance(event, StagedCommit)
    assert event.group_after is None


def test_the_last_one_comes_back_to_where_the_tree_shrinks() -> None:
    crew = Crew(5)
    crew.join_externally("erin", by="alice", remove=crew.index("erin"))
    assert crew.index("erin") == 4
    crew.say("erin", b"here")
    crew.join_externally("alice", by="erin", remove=crew.index("alice"))
    assert crew.index("alice") == 0
    crew.say("alice", b"there")


def test_nobody_puts_another_out_by_coming_in() -> None:
    """Hazard B7."""
    crew = Crew(3)
    stolen = join_externally(
        crew["alice"].group_info(),
        b"dave",
        crew.key("dave").private,
        remove=crew.index("carol"),
        authenticate=lambda old, new: None,
        now_s=NOW_S,
        entropy=crew.entropy,
    )
    refuses(crew, "bob", stolen.commit, policy=OPEN, error=NotTheirKey)
    with pytest.raises(NotTheirKey):
        crew.external_commit("dave", by="alice", remove=crew.index("carol"))


def test_a_member_does_not_come_in_a_second_time() -> None:
    crew = Crew(3)
    with breaks("7.3/signature-key-unique"):
        crew.external_commit("bob", by="alice")


def test_a_room_lets_in_who_knows_its_secret() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    psk = PreSharedKeyID(ExternalPSK(b"room"), crew.entropy(crew.suite.hash_size))
    crew.join_externally("carol", by="alice", psks=[psk], policy=knows(b"swordfish"))
    crew.say("carol", b"hello")
    joined = crew.external_commit("dave", by="alice", psks=[psk], policy=knows(b"swordfish"))
    event = crew["bob"].process(joined.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=knows(b"swordfish"))
    assert isinstance(event, StagedCommit)
    assert event.psks == (psk,)


def test_who_guesses_the_secret_of_a_room_stays_outside() -> None:
    crew = Crew(2)
    psk = PreSharedKeyID(ExternalPSK(b"room"), crew.entropy(crew.suite.hash_size))
    guessed = crew.external_commit("carol", by="alice", psks=[psk], policy=knows(b"guess"))
    refuses(crew, "bob", guessed.commit, "6.1/confirmation-tag", policy=knows(b"swordfish"))
    refuses(crew, "bob", guessed.commit, policy=OPEN, error=PSKUnavailable)
    with pytest.raises(PSKUnavailable):
        crew.external_commit("carol", by="alice", psks=[psk])


def test_a_group_info_serves_one_epoch() -> None:
    crew = Crew(2)
    first, second = crew.external_commit("carol", by="alice"), crew.external_commit("dave", by="bob")
    event = crew["bob"].process(first.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    crew.groups["bob"] = event.group_after
    error = refuses(crew, "bob", second.commit, "6/epoch", policy=OPEN)
    assert isinstance(error, WrongEpoch)


def test_what_waits_when_somebody_lets_himself_in_is_gone() -> None:
    crew = Crew(3)
    crew.propose("carol", Remove(LeafIndex(2)))
    crew.join_externally("dave", by="alice")
    assert all(group.pending_proposals == () for group in crew.groups.values())
    crew.say("carol", b"still here")


def test_messages_of_the_epoch_before_are_still_read() -> None:
    crew = Crew(2)
    late = crew.seal("alice", b"before carol")
    crew.join_externally("carol", by="alice")
    assert crew.open("bob", late) == b"before carol"
    with pytest.raises(WrongEpoch):
        crew.open("carol", late)


def test_the_tree_may_come_apart_from_the_group_info() -> None:
    crew = Crew(3)
    info, tree = crew["alice"].group_info(ratchet_tree=False), crew["bob"].ratchet_tree_bytes()

    def come_in(ratchet_tree: bytes | None) -> bytes:
        return join_externally(
            info,
            b"dave",
            crew.key("dave").private,
            ratchet_tree=ratchet_tree,
            authenticate=crew.authenticate,
            now_s=NOW_S,
            entropy=crew.entropy,
        ).commit

    event = crew["bob"].process(come_in(tree), authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
    assert isinstance(event, StagedCommit)
    with breaks("12.4.3.3/no-tree"):
        come_in(None)
    crew.commit("bob")
    with breaks("12.4.3.1/tree-hash"):
        come_in(crew["bob"].ratchet_tree_bytes())


def test_a_group_that_we_are_in_is_not_joined_again() -> None:
    crew = Crew(2)
    with breaks("12.4.3.1/group-id-unique"):
        crew.external_commit("carol", by="alice", known_group=lambda group_id: group_id == b"crew")
    assert crew.external_commit("carol", by="alice", known_group=lambda group_id: group_id == b"other")
    assert crew.external_commit("bob", by="alice", known_group=lambda group_id: True, remove=crew.index("bob"))


def test_what_the_group_requires_the_joiner_has() -> None:
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    crew = Crew(2, extensions=(required,), extension_types=(0xF7A0,))
    crew.join_externally("carol", by="alice")
    with breaks("13.4/unsupported-group-extension"):
        crew.external_commit("dave", by="alice", extension_types=())


def test_the_joiner_shows_what_it_likes_in_its_leaf() -> None:
    crew = Crew(1, extension_types=(0xF7A0,))
    shown = Extension(0xF7A0, b"nickname")
    crew.join_externally("bob", by="alice", extensions=(shown,))
    leaf = crew["alice"].member(crew.index("bob"))
    assert leaf is not None
    assert shown in leaf.extensions
    assert leaf.lifetime is None


def test_an_external_commit_shows_no_keys_and_has_no_membership_tag() -> None:
    crew = Crew(2)
    joined = crew.external_commit("carol", by="alice")
    message = decode_message(joined.commit)
    assert isinstance(message, PublicMessage)
    assert message.membership_tag is None
    assert joined.group.epoch_authenticator not in joined.commit
    assert crew.key("carol").private.hex() not in repr(joined)


def test_what_was_joined_survives_a_restart() -> None:
    crew = Crew(3, DEFAULT_SUITE)
    joined = crew.external_commit("dave", by="alice")
    for name, group in list(crew.groups.items()):
        restarted = load(save(group))
        event = restarted.process(joined.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
        assert isinstance(event, StagedCommit)
        assert event.group_after is not None
        crew.groups[name] = load(save(event.group_after))
    crew.groups["dave"] = load(save(joined.group))
    assert crew["dave"] == joined.group
    crew.check_agreement()
    crew.say("dave", b"after the restart")
    crew.say("bob", b"as if nothing had been")


def test_a_member_whose_commit_lost_against_a_joiner_tries_again() -> None:
    crew = Crew(2)
    lost = crew.create_commit("alice")
    crew.join_externally("carol", by="bob")
    refuses(crew, "bob", lost.commit, "6/epoch")
    crew.commit("alice")
    crew.say("alice", b"second attempt")


def test_only_group_infos_with_a_key_let_people_in() -> None:
    crew = Crew(2)
    with breaks("12.4.3.2/external-pub"):
        join_externally(
            crew["alice"].group_info(external_pub=False),
            b"carol",
            crew.key("carol").private,
            authenticate=crew.authenticate,
            now_s=NOW_S,
            entropy=crew.entropy,
        )
    with pytest.raises(DecodeError):
        join_externally(
            crew.seal("alice", b"no group info"),
            b"carol",
            crew.key("carol").private,
            authenticate=crew.authenticate,
            now_s=NOW_S,
            entropy=crew.entropy,
        )


def test_the_old_copy_of_who_came_back_reads_nothing_new() -> None:
    crew = Crew(2)
    copy = crew["bob"]
    crew.join_externally("bob", by="alice", remove=crew.index("bob"))
    with pytest.raises(WrongEpoch):
        copy.process(crew.seal("alice", b"to the new one"), authenticate=crew.authenticate)


def test_proposals_are_still_received_after_a_refused_stranger() -> None:
    crew = Crew(3)
    joined = crew.external_commit("dave", by="alice")
    refuses(crew, "bob", joined.commit)
    _, message = crew["carol"].propose(Remove(LeafIndex(2)), entropy=crew.entropy)
    assert isinstance(crew["bob"].process(message, authenticate=crew.authenticate), ProposalReceived)


def test_a_room_may_take_people_in_and_let_nobody_replace_himself() -> None:
    """What RFC 9420 §12.4.3.2 offers against stolen signature keys: no resync, or only with a PSK of the group."""
    crew = Crew(3)

    def nobody_goes(event: ProposalReceived | StagedCommit) -> None:
        if isinstance(event, StagedCommit) and event.external and event.removed and not event.psks:
            raise NotTheirKey

    before = state_of(crew["alice"])
    stolen = crew.external_commit("carol", by="alice", remove=crew.index("carol"))
    with pytest.raises(NotTheirKey):
        crew["alice"].process(stolen.commit, authenticate=crew.authenticate, authorize=nobody_goes, policy=OPEN)
    assert state_of(crew["alice"]) == before
    new = crew.external_commit("dave", by="alice")
    assert crew["alice"].process(new.commit, authenticate=crew.authenticate, authorize=nobody_goes, policy=OPEN)

    lost = crew["carol"]
    former = lost.resumption_psk(lost.epoch)
    assert former is not None
    key = ResumptionPSK(ResumptionPSKUsage.APPLICATION, lost.group_id, lost.epoch)
    psk = PreSharedKeyID(key, crew.entropy(crew.suite.hash_size))
    crew.commit("bob")
    del crew.groups["carol"]
    remembers = Policy(find_psk=lambda psk_id: former.reveal() if psk_id == psk else None)
    joined = crew.external_commit("carol", by="alice", remove=lost.own_leaf, psks=[psk], policy=remembers)
    event = crew["bob"].process(joined.commit, authenticate=crew.authenticate, authorize=nobody_goes, policy=OPEN)
    assert isinstance(event, StagedCommit)
    assert event.psks == (psk,)
    assert event.group_after is not None
    assert event.group_after.epoch_authenticator == joined.group.epoch_authenticator


def test_the_psks_of_earlier_epochs_are_still_known_after_somebody_came_in() -> None:
    crew = Crew(2)
    first = crew["alice"].resumption_psk(1)
    crew.join_externally("carol", by="alice")
    assert crew["bob"].resumption_psk(1) == first
    assert crew["carol"].resumption_psk(1) is None
    assert crew["carol"].resumption_psk(2) == crew["bob"].resumption_psk(2)


@pytest.mark.parametrize("seed", range(6))
def test_people_come_by_every_door_and_go_and_all_stay_of_one_mind(seed: int) -> None:
    """Trees of every shape: after each step all members agree and somebody is heard by everybody."""
    crew, dice = Crew(1, seed=seed), random.Random(seed)
    for _ in range(40):
        members = sorted(crew.groups)
        outside = sorted(set(NAMES) - set(members))
        by = dice.choice(members)
        step = dice.choice(["let in", "come in", "come back", "put out", "renew"])
        match step:
            case "let in" if outside:
                crew.add(by, *dice.sample(outside, dice.randint(1, min(2, len(outside)))))
            case "come in" if outside:
                crew.join_externally(dice.choice(outside), by=by)
            case "come back":
                name = dice.choice(members)
                crew.join_externally(name, by=by, remove=crew.index(name))
            case "put out" if len(members) > 1:
                crew.remove(by, dice.choice([name for name in members if name != by]))
            case _:
                crew.commit(by, force_path=dice.random() < 0.7)
        crew.say(dice.choice(sorted(crew.groups)), step.encode())
