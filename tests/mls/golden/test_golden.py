"""What a release stored is loaded, and the conversation goes on as if nothing had happened."""

from __future__ import annotations

import random

import pytest

from tacit.mls import (
    Add,
    ApplicationData,
    GenerationConsumed,
    Group,
    KeyPackageBundle,
    LeafNode,
    PendingCommit,
    Policy,
    SavedGroup,
    StagedCommit,
    join,
    load,
    save,
)
from tacit.mls.stored_rows import VERSION
from tests.mls.crew import NotTheirKey
from tests.mls.golden.form import HERE, NEXT, NOW_S, PAST, SKIPPED, Golden, dump, parse, path_of
from tests.mls.golden.make import SUITES, make

FILES = sorted(HERE.glob("state-v*.json"))
GOLDEN = [parse(path.read_text("utf-8")) for path in FILES]


class Circle:
    """Alice and Bob as they come out of a file, and who else they know."""

    def __init__(self, golden: Golden) -> None:
        self.golden = golden
        self.alice = load(SavedGroup(golden.alice_epoch, golden.alice_ratchets))
        self.bob = load(SavedGroup(golden.bob_epoch, golden.bob_ratchets))
        self.erin = KeyPackageBundle.decode(golden.erin_bundle)
        self.entropy = random.Random(1).randbytes
        self.policy = Policy(find_psk=lambda psk_id: golden.psk)
        leaves = [member.leaf_node for member in self.bob.members()] + [self.erin.key_package.leaf_node]
        self.keys = {leaf.credential_identity: leaf.signature_key for leaf in leaves}

    def authenticate(self, old: LeafNode | None, new: LeafNode) -> None:
        """Nobody has changed the signature key."""
        if self.keys.get(new.credential_identity) != new.signature_key:
            raise NotTheirKey

    def read(self, group: Group, message: bytes) -> tuple[Group, bytes]:
        """What somebody reads."""
        event = group.process(message, authenticate=self.authenticate, now_s=NOW_S, policy=self.policy)
        assert isinstance(event, ApplicationData)
        return event.group, event.data

    def follow(self, group: Group, message: bytes) -> Group:
        """Where a commit leads somebody."""
        event = group.process(message, authenticate=self.authenticate, now_s=NOW_S, policy=self.policy)
        assert isinstance(event, StagedCommit)
        assert event.group_after is not None
        return event.group_after

    def commit(self, group: Group, add: KeyPackageBundle | None = None) -> PendingCommit:
        """A commit of what waits, and of somebody new."""
        _, pending = group.create_commit(
            [] if add is None else [Add(add.key_package)],
            entropy=self.entropy,
            now_s=NOW_S,
            authenticate=self.authenticate,
            policy=self.policy,
        )
        return pending


@pytest.fixture(params=GOLDEN, ids=[path.stem for path in FILES])
def circle(request: pytest.FixtureRequest) -> Circle:
    return Circle(request.param)


def test_there_is_a_file_of_the_present_form_for_each_suite() -> None:
    assert {path_of(VERSION, suite_id) for suite_id in SUITES} <= set(FILES)
    for path, golden in zip(FILES, GOLDEN, strict=True):
        assert path == path_of(golden.format, golden.suite)
        assert dump(golden) == path.read_text("utf-8")


def test_the_script_still_writes_the_present_form() -> None:
    """It fails when the stored form has changed and its version has not, or when the files are to be made again."""
    for suite_id in SUITES:
        fresh, kept = make(suite_id), parse(path_of(VERSION, suite_id).read_text("utf-8"))
        assert fresh.format == kept.format == VERSION
        assert fresh.members == kept.members
        assert fresh.resumption_psks.keys() == kept.resumption_psks.keys()
        for stored in ("alice_epoch", "alice_ratchets", "bob_epoch", "bob_ratchets", "bob_pending", "erin_bundle"):
            assert len(getattr(fresh, stored)) == len(getattr(kept, stored)), stored


def test_every_part_names_its_version(circle: Circle) -> None:
    golden = circle.golden
    stored = (golden.alice_epoch, golden.alice_ratchets, golden.bob_epoch, golden.bob_ratchets)
    assert {part[0] for part in (*stored, golden.bob_pending, golden.bob_pending_alone)} == {golden.format}


def test_the_group_is_the_one_that_was_stored(circle: Circle) -> None:
    golden, bob = circle.golden, circle.bob
    assert (bob.suite.id, bob.epoch) == (golden.suite, golden.epoch)
    assert [member.leaf_node.credential_identity.decode() for member in bob.members()] == golden.members
    assert bob.epoch_authenticator == circle.alice.epoch_authenticator == golden.authenticator
    assert bob.state.tree.tree_hash == bob.context.tree_hash
    assert len(bob.pending_proposals) == 2
    assert len(bob.past_keys) == 2
    known = {str(epoch): bob.resumption_psk(epoch) for epoch in range(bob.epoch)}
    assert {epoch: psk.reveal() for epoch, psk in known.items() if psk is not None} == golden.resumption_psks


def test_what_is_stored_again_is_loaded_again(circle: Circle) -> None:
    for group in (circle.alice, circle.bob):
        assert load(save(group)) == group
    pending = PendingCommit.decode(circle.golden.bob_pending, circle.bob)
    assert pending == PendingCommit.decode(circle.golden.bob_pending_alone)
    assert PendingCommit.decode(pending.encode()) == pending


def test_letters_that_were_overtaken_or_late_are_read_and_only_once(circle: Circle) -> None:
    golden, bob = circle.golden, circle.bob
    for letter, text in ((golden.next_letter, NEXT), (golden.skipped_letter, SKIPPED), (golden.past_letter, PAST)):
        bob, data = circle.read(bob, letter)
        assert data == text
        with pytest.raises(GenerationConsumed):
            circle.read(bob, letter)


def test_a_commit_of_what_was_proposed_before_is_followed(circle: Circle) -> None:
    """Bob finds the private key of the leaf that he proposed among what was stored."""
    bob = circle.follow(circle.bob, circle.golden.alice_commit)
    assert bob.epoch_authenticator == circle.golden.next_authenticator


def test_an_own_commit_that_waited_is_merged_and_all_talk_with_somebody_new(circle: Circle) -> None:
    pending = PendingCommit.decode(circle.golden.bob_pending, circle.bob)
    bob, alice = circle.bob.merge(pending), circle.follow(circle.alice, pending.commit)
    assert alice.epoch_authenticator == bob.epoch_authenticator

    adding = circle.commit(alice, circle.erin)
    alice, bob = alice.merge(adding), circle.follow(bob, adding.commit)
    assert adding.welcome is not None
    erin = join(
        adding.welcome, [circle.erin], authenticate=circle.authenticate, known_group=lambda group_id: False
    ).group
    erin, message = erin.seal(b"hello, old friends", entropy=circle.entropy)
    for group in (alice, bob):
        assert circle.read(group, message)[1] == b"hello, old friends"
    healing = circle.commit(bob)
    assert circle.follow(erin, healing.commit).epoch_authenticator == bob.merge(healing).epoch_authenticator
