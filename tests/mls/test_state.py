from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.codec import Writer
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import DecodeError
from tacit.mls import (
    Add,
    BadState,
    KeyPackageBundle,
    LeafIndex,
    PendingCommit,
    Remove,
    SavedGroup,
    StagedCommit,
    join,
    load,
    save,
)
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import encode_ratchet_tree
from tests.mls.crew import NOW_S, Crew
from tests.mls.refusal import state_of


@pytest.fixture
def crew() -> Crew:
    """A group with everything in it that is stored: past epochs, skipped keys, proposals, an own update."""
    crew = Crew(4)
    crew.seal("alice", b"never arrives")
    crew.say("alice", b"hello")
    crew.remove("bob", "dave")
    crew.say("bob", b"hello")
    crew.commit("carol")
    crew.seal("alice", b"never arrives")
    crew.say("alice", b"hello")
    crew.propose_update("carol")
    crew.propose("alice", Remove(LeafIndex(1)))
    return crew


def test_what_was_saved_is_what_is_loaded(crew: Crew) -> None:
    for group in crew.groups.values():
        loaded = load(save(group))
        assert loaded == group
        assert state_of(loaded) == state_of(group)
        assert loaded.state.past == group.state.past
        assert loaded.state.tree.nodes == group.state.tree.nodes
        assert loaded.state.tree.tree_hash == group.context.tree_hash


def test_a_loaded_group_goes_on_as_the_other_would_have(crew: Crew) -> None:
    crew.groups = {name: load(save(group)) for name, group in crew.groups.items()}
    crew.commit("alice")
    assert sorted(crew.groups) == ["alice", "carol"]
    crew.groups = {name: load(save(group)) for name, group in crew.groups.items()}
    crew.say("carol", b"with the key of my own proposal")
    crew.commit("carol")


def test_messages_change_the_small_part_only() -> None:
    crew = Crew(6, DEFAULT_SUITE)
    before = save(crew["bob"])
    crew.say("alice", b"hello")
    after = save(crew["bob"])
    assert after.epoch_blob is before.epoch_blob
    assert after.ratchet_blob != before.ratchet_blob
    assert len(after.ratchet_blob) < 1500 < len(after.epoch_blob)
    crew.commit("carol")
    assert save(crew["bob"]).epoch_blob != after.epoch_blob


def test_a_consumed_key_is_gone_from_what_is_saved() -> None:
    """Hazard F8, and the promise that a copy of the store opens nothing that was read before."""
    crew = Crew(2)
    message = crew.seal("alice", b"read once")
    copied_before = save(crew["bob"])
    crew.open("bob", message)
    copied_after = save(crew["bob"])
    readable = load(copied_before).process(message, authenticate=crew.authenticate)
    assert readable.data == b"read once"  # type: ignore[union-attr]
    crew.groups["bob"] = load(copied_after)
    with pytest.raises(Exception, match="consumed"):
        crew.open("bob", message)


def test_parts_of_different_epochs_do_not_go_together(crew: Crew) -> None:
    old = save(crew["bob"])
    crew.commit("carol")
    new = save(crew["alice"])
    for mixed in (SavedGroup(old.epoch_blob, new.ratchet_blob), SavedGroup(new.epoch_blob, old.ratchet_blob)):
        with pytest.raises(BadState):
            load(mixed)


def test_a_state_that_was_cut_or_is_of_another_version_is_refused(crew: Crew) -> None:
    saved = save(crew["bob"])
    for epoch_blob in (b"", saved.epoch_blob[:-1], saved.epoch_blob + b"\0", b"\2" + saved.epoch_blob[1:]):
        with pytest.raises(BadState):
            load(replace(saved, epoch_blob=epoch_blob))
    for ratchet_blob in (b"", saved.ratchet_blob[:-1], saved.ratchet_blob + b"\0", b"\2" + saved.ratchet_blob[1:]):
        with pytest.raises(BadState):
            load(replace(saved, ratchet_blob=ratchet_blob))


def test_a_past_member_that_is_said_to_be_still_there_must_be_there(crew: Crew) -> None:
    saved = save(crew["carol"])
    state = crew["carol"].state
    gone = replace(state, tree=RatchetTree.of_one(state.suite, state.leaves[LeafIndex(0)]))
    start = saved.epoch_blob.index(encode_ratchet_tree(state.tree))
    whole = Writer()
    whole.opaque(encode_ratchet_tree(state.tree))
    other = Writer()
    other.opaque(encode_ratchet_tree(gone.tree))
    assert start
    with pytest.raises(BadState):
        load(replace(saved, epoch_blob=saved.epoch_blob.replace(whole.finish(), other.finish())))


def test_a_pending_commit_survives_a_crash_together_with_its_welcome() -> None:
    """Hazard G3."""
    crew = Crew(2)
    bundle = KeyPackageBundle.decode(crew.bundle("carol").encode())
    pending = crew.create_commit("alice", [Add(bundle.key_package)])
    again = PendingCommit.decode(pending.encode())
    assert again == pending
    crew.groups["alice"] = load(save(crew["alice"])).merge(again)
    event = crew["bob"].process(again.commit, authenticate=crew.authenticate, now_s=NOW_S)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    crew.groups["bob"] = event.group_after
    assert again.welcome is not None
    joined = join(again.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False)
    crew.groups["carol"] = joined.group
    crew.check_agreement()
    crew.say("alice", b"hello")


def test_a_pending_commit_that_was_cut_is_refused() -> None:
    crew = Crew(2)
    data = crew.create_commit("alice").encode()
    for broken in (b"", data[:-1], data + b"\0", b"\2" + data[1:]):
        with pytest.raises(BadState):
            PendingCommit.decode(broken)


def test_a_bundle_that_was_cut_is_refused() -> None:
    data = Crew(1).bundle("bob").encode()
    for broken in (b"", data[:-1], data + b"\0", b"\2" + data[1:]):
        with pytest.raises(DecodeError):
            KeyPackageBundle.decode(broken)
