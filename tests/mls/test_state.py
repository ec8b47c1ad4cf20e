from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.codec import Writer
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import DecodeError
from tacit.limits import MAX_TREE_NODES, PAST_EPOCH_S
from tacit.mls import (
    Add,
    BadState,
    Group,
    KeyPackageBundle,
    LeafIndex,
    PendingCommit,
    Remove,
    SavedGroup,
    StagedCommit,
    join,
    load,
    load_rows,
    save,
    save_changes,
)
from tacit.mls.epochs import PastEpoch
from tacit.mls.members import Members
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.secret_tree import SecretTree
from tacit.mls.stored_rows import RowKind, row_key
from tacit.mls.tree_math import NodeIndex, node_of
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
    assert after.epoch_blob == before.epoch_blob
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
    for epoch_blob in (b"", saved.epoch_blob[:-1], saved.epoch_blob + b"\0", b"\1" + saved.epoch_blob[1:]):
        with pytest.raises(BadState, match=r"^malformed$"):
            load(replace(saved, epoch_blob=epoch_blob))
    for ratchet_blob in (b"", saved.ratchet_blob[:-1], saved.ratchet_blob + b"\0", b"\1" + saved.ratchet_blob[1:]):
        with pytest.raises(BadState):
            load(replace(saved, ratchet_blob=ratchet_blob))


def test_changes_lead_from_what_was_stored_to_what_is(crew: Crew) -> None:
    """Rows are never written as a whole again, through messages, commits, removals, joins and the end of old epochs."""
    groups: dict[str, Group] = dict(crew.groups)
    stored = {name: dict(save_changes(None, group).put) for name, group in groups.items()}

    def follow() -> None:
        for name, group in crew.groups.items():
            changes = save_changes(groups.get(name), group)
            rows = stored.setdefault(name, {})
            assert set(changes.drop) <= rows.keys()
            assert rows.keys().isdisjoint(changes.put.keys() & set(changes.drop))
            for key in changes.drop:
                del rows[key]
            rows |= changes.put
            assert rows == save_changes(None, group).put
            assert load_rows(rows) == group
            assert load_rows(rows).state.past == group.state.past
            groups[name] = group

    follow()
    for step in (
        lambda: crew.commit("bob"),
        lambda: crew.say("carol", b"hello"),
        lambda: crew.seal("carol", b"never arrives"),
        lambda: crew.say("carol", b"hello"),
        lambda: crew.propose("carol", Remove(LeafIndex(1))),
        lambda: crew.commit("alice"),
        lambda: crew.add("alice", "erin"),
        lambda: crew.say("erin", b"hello"),
        lambda: crew.add("erin", "frank"),
        lambda: crew.add("erin", "grace"),
        lambda: crew.remove("grace", "alice"),
        lambda: crew.remove("erin", "grace"),
        lambda: crew.remove("erin", "frank"),
    ):
        step()
        follow()


def test_a_message_changes_one_row_and_a_commit_those_on_its_path() -> None:
    crew = Crew(8, DEFAULT_SUITE)
    crew.commit("alice")
    crew.say("alice", b"hello")
    before = crew["alice"]
    crew.seal("alice", b"hello")
    sent = save_changes(before, crew["alice"])
    assert len(sent.put) == 1
    assert not sent.drop
    assert sent.size_bytes < 200
    assert save_changes(before, before).size_bytes == 0
    before = crew["bob"]
    crew.commit("carol")
    assert {key for key in save_changes(before, crew["bob"]).put if key[0] == RowKind.NODE} == {
        row_key(RowKind.NODE, number) for number in (node_of(crew["carol"].own_leaf), 5, 3, 7)
    }


def test_what_did_not_change_is_not_written_again() -> None:
    """Neither the ratchets of those who are silent nor the private keys of nodes that a commit leaves alone."""
    crew = Crew(4)
    for name in crew.groups:
        crew.say(name, b"hello")
    before = crew["carol"]
    crew.say("alice", b"hello")
    heard = save_changes(before, crew["carol"])
    assert list(heard.put) == [row_key(RowKind.RATCHETS, before.epoch, crew.index("alice"))]
    message = crew.seal("alice", b"late")
    crew.propose("bob", Remove(crew.index("dave")))
    before = crew["carol"]
    crew.open("carol", message)
    heard = save_changes(before, crew["carol"])
    assert list(heard.put) == [row_key(RowKind.RATCHETS, before.epoch, crew.index("alice"))]
    crew.commit("dave")
    crew.commit("dave")
    before = crew["carol"]
    crew.commit("alice")
    assert before.state.private_keys.keys() == {4, 5, 3}
    assert len(before.state.past) >= 2
    written = save_changes(before, crew["carol"]).put
    assert {key for key in written if key[0] in (RowKind.PRIVATE_KEY, RowKind.PAST_EPOCH)} == {
        row_key(RowKind.PRIVATE_KEY, 3),
        row_key(RowKind.PAST_EPOCH, before.epoch),
    }


def test_changes_do_not_show_what_is_in_them(crew: Crew) -> None:
    changes = save_changes(None, crew["bob"])
    assert repr(changes) == f"StateChanges(drop={changes.drop!r})"
    assert repr(save(crew["bob"])) == "<SavedGroup>"


@pytest.mark.parametrize("kind", list(RowKind))
def test_rows_that_are_damaged_are_refused_or_are_of_no_weight(crew: Crew, kind: RowKind) -> None:
    """Whoever can change rows at rest has broken more than this; what is asked here is that nothing else is raised."""
    rows = dict(save_changes(None, crew["carol"]).put)
    of_kind = [key for key in rows if key[0] == kind]
    assert of_kind
    for key in of_kind:
        for broken in (rows | {key: b""}, rows | {key: rows[key] + b"\0"}, rows | {key + b"\0": b""}):
            if broken[key] != rows[key] and kind in (RowKind.SECRET, RowKind.PRIVATE_KEY):
                continue  # any bytes make a secret
            with pytest.raises(BadState):
                load_rows(broken)


def test_a_row_that_is_lost_is_noticed_when_the_group_is_loaded(crew: Crew) -> None:
    """And not first by a message that nobody can read any more; only the last proposal in line leaves no gap."""
    for name in crew.groups:
        rows = save_changes(None, crew[name]).put
        last = max(key for key in rows if key[0] == RowKind.PROPOSAL)
        for lost in rows.keys() - {last}:
            with pytest.raises(BadState):
                load_rows({key: value for key, value in rows.items() if key != lost})


def test_a_private_key_of_a_node_that_is_not_shared_is_refused(crew: Crew) -> None:
    """Such a key would be a secret that came from nowhere, or one that should be gone."""
    rows = dict(save_changes(None, crew["carol"]).put)
    with pytest.raises(BadState):
        load_rows(rows | {row_key(RowKind.PRIVATE_KEY, 0): b"of alice's leaf"})


def test_a_key_that_was_set_before_we_came_may_be_known_or_not() -> None:
    """Who invites us can tell us more than he must; a group that we are in must be one that we can load."""
    crew = Crew(3)
    crew.commit("alice")
    bundle = crew.bundle("dave")
    pending = crew.commit("alice", [Add(bundle.key_package)], force_path=False)
    assert pending.welcome is not None
    dave = join(pending.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False).group
    root = NodeIndex(3)
    above = dave.state.tree.parent(root)
    assert above is not None
    assert above.unmerged_leaves == (dave.own_leaf,)
    rows = dict(save_changes(None, dave).put)
    assert root not in load_rows(rows).state.private_keys
    assert root in load_rows(rows | {row_key(RowKind.PRIVATE_KEY, root): b"known"}).state.private_keys


def test_a_group_in_which_our_own_leaf_is_blank_is_refused(crew: Crew) -> None:
    rows = dict(save_changes(None, crew["carol"]).put)
    head, at = rows[row_key(RowKind.EPOCH)], 1 + len(crew["carol"].context.encoded) + 4
    with pytest.raises(BadState):
        load_rows(rows | {row_key(RowKind.EPOCH): head[:at] + (3).to_bytes(4, "big") + head[at + 4 :]})


def test_rows_that_do_not_belong_together_are_refused(crew: Crew) -> None:
    rows = dict(save_changes(None, crew["carol"]).put)
    number = crew["carol"].epoch
    leaf = rows[row_key(RowKind.NODE, 0)]
    past = next(key for key in rows if key[0] == RowKind.PAST_EPOCH)
    far = Writer()
    far.fixed(rows[past][: len(crew["carol"].state.past[0].group_context.encoded) + 4])
    far.u32(1)
    far.u32(MAX_TREE_NODES // 2)
    far.opaque(b"")
    head = row_key(RowKind.EPOCH)
    context = len(crew["carol"].context.encoded)
    broken: list[dict[bytes, bytes]] = [
        {key: value for key, value in rows.items() if key != head},
        {key: value for key, value in rows.items() if key != row_key(RowKind.NODE, 0)},
        {key: value for key, value in rows.items() if key[0] not in (RowKind.SECRET, RowKind.RATCHETS)},
        rows | {row_key(RowKind.NODE, 1): leaf},
        rows | {row_key(RowKind.NODE, 1 << 20): leaf},
        rows | {row_key(RowKind.NODE, len(crew["carol"].state.tree.nodes)): leaf},
        rows | {row_key(RowKind.RATCHETS, number + 1, 0): b""},
        rows | {row_key(RowKind.SECRET, number + 1, 0): b""},
        rows | {past: far.finish()},
        rows | {b"": b""},
        rows | {b"\x63": b""},
        *(rows | {head: _with_node_count(rows[head], context, count)} for count in (0, 2, 4, 6, 1 << 30)),
    ]
    for one in broken:
        with pytest.raises(BadState):
            load_rows(one)


def test_a_tree_of_no_size_that_a_tree_has_is_malformed(crew: Crew) -> None:
    """Refused before anything is made of it, so not first for what it comes down to."""
    rows = dict(save_changes(None, crew["carol"]).put)
    head, context = row_key(RowKind.EPOCH), len(crew["carol"].context.encoded)
    bare = {key: value for key, value in rows.items() if key[0] != RowKind.NODE}
    for count in (0, 2, 5, 8, MAX_TREE_NODES + 1, 2 * MAX_TREE_NODES + 1):
        for some in (rows, bare):
            with pytest.raises(BadState, match=r"^malformed$"):
                load_rows(some | {head: _with_node_count(rows[head], context, count)})


def test_the_smallest_and_the_largest_group_can_be_stored() -> None:
    alone = Crew(1)["alice"]
    assert load(save(alone)) == alone
    crew = Crew(2)
    nodes = list(crew["alice"].state.tree.nodes)
    blanks = [None] * (MAX_TREE_NODES - 3)
    tree = RatchetTree(crew.suite, (nodes[0], *blanks, nodes[2]))
    context = replace(crew["alice"].context, tree_hash=tree.tree_hash)
    keys = {NodeIndex(0): crew["alice"].state.private_keys[NodeIndex(0)]}
    before = PastEpoch(replace(context, epoch=0), crew["alice"].own_leaf, Members((nodes[0], *blanks, nodes[0])))
    epoch = replace(crew["alice"].state, context=context, tree=tree, private_keys=keys, past=(before,))
    largest = Group(epoch, SecretTree.from_encryption_secret(tree.leaf_count, bytes(32)))
    assert load(save(largest)) == largest
    assert dict(load(save(largest)).state.past[0].leaves) == dict(before.leaves)


def _with_node_count(head: bytes, context: int, count: int) -> bytes:
    at = 1 + context
    return head[:at] + count.to_bytes(4, "big") + head[at + 4 :]


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


def test_a_pending_commit_is_stored_as_what_sets_it_apart_from_its_group() -> None:
    crew = Crew(6, DEFAULT_SUITE)
    crew.commit("alice")
    pending = crew.create_commit("bob", [Remove(LeafIndex(5))])
    group = crew["bob"]
    small = pending.encode(group)
    assert len(small) < len(pending.encode()) - 4_000
    again = PendingCommit.decode(small, load(save(group)))
    assert again == pending
    assert load(save(group)).merge(again) == group.merge(pending)
    assert again.next.epoch.tree.nodes == pending.next.epoch.tree.nodes
    assert again.next.epoch.private_keys == pending.next.epoch.private_keys
    for data, since in ((small, None), (pending.encode(), group)):
        with pytest.raises(BadState):
            PendingCommit.decode(data, since)
    crew.commit("bob")
    with pytest.raises(BadState):
        PendingCommit.decode(small, crew["bob"])


def test_a_pending_commit_without_a_path_keeps_the_keys_of_its_group() -> None:
    crew = Crew(3)
    crew.commit("bob")
    pending = crew.create_commit("bob", [Add(crew.bundle("dave").key_package)], force_path=False)
    again = PendingCommit.decode(pending.encode(crew["bob"]), load(save(crew["bob"])))
    assert again == pending
    assert again.next.epoch.private_keys == crew["bob"].state.private_keys


def test_a_key_that_a_pending_commit_gives_up_need_not_be_there() -> None:
    crew = Crew(1)
    pending = crew.create_commit("alice")
    stored = pending.encode(crew["alice"])
    assert stored.endswith(bytes(4))
    w = Writer()
    w.u32(1)
    w.opaque(row_key(RowKind.PRIVATE_KEY, 6))
    assert PendingCommit.decode(stored[:-4] + w.finish(), crew["alice"]) == pending


def test_a_pending_commit_that_halves_the_tree_gives_up_the_keys_of_the_lost_half() -> None:
    crew = Crew(5)
    crew.commit("alice")
    group = crew["bob"]
    assert NodeIndex(7) in group.state.private_keys
    pending = crew.create_commit("bob", [Remove(LeafIndex(4))])
    again = PendingCommit.decode(pending.encode(group), group)
    assert again == pending
    assert again.next.epoch.private_keys.keys() == {NodeIndex(2), NodeIndex(1), NodeIndex(3)}


def test_a_group_in_which_nothing_has_expired_is_the_same_group(crew: Crew) -> None:
    group = crew["carol"]
    assert group.past_keys
    assert group.without_expired(NOW_S + PAST_EPOCH_S) is group


def test_keys_of_past_epochs_that_expire_are_dropped_from_what_is_stored(crew: Crew) -> None:
    before = crew["carol"]
    after = before.without_expired(NOW_S + PAST_EPOCH_S + 1)
    changes = save_changes(before, after)
    assert not changes.put
    assert {key[0] for key in changes.drop} == {RowKind.PAST_KEYS, RowKind.SECRET, RowKind.RATCHETS}


def test_a_pending_commit_that_was_cut_is_refused() -> None:
    crew = Crew(2)
    data = crew.create_commit("alice").encode()
    for broken in (b"", data[:-1], data + b"\0", b"\1" + data[1:]):
        with pytest.raises(BadState):
            PendingCommit.decode(broken)


def test_a_bundle_that_was_cut_is_refused() -> None:
    data = Crew(1).bundle("bob").encode()
    for broken in (b"", data[:-1], data + b"\0", b"\2" + data[1:]):
        with pytest.raises(DecodeError):
            KeyPackageBundle.decode(broken)
