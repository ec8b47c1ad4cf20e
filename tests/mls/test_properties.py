"""A group of two to six members that lives a random life, and what must hold at every moment of it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tacit.errors import InvalidMessage
from tacit.limits import MAX_PAST_EPOCHS
from tacit.mls import (
    Add,
    Group,
    LeafIndex,
    PendingCommit,
    Proposal,
    Remove,
    StagedCommit,
    WrongEpoch,
    join,
    load,
    save,
)
from tacit.mls.secret_tree import RatchetKind
from tests.mls.crew import NAMES, NOW_S, Crew

pytestmark = pytest.mark.no_cover

MAX_MEMBERS = 6


class GroupLife(RuleBasedStateMachine):
    """Commits reach everyone in one order; messages reach everyone late, in any order, and some never."""

    @initialize(size=st.integers(2, 4), seed=st.integers(0, 2**16))
    def begin(self, size: int, seed: int) -> None:
        self.crew = Crew(size, seed=seed)
        self.used: set[tuple[bytes, bytes]] = set()
        self.mail: dict[str, list[tuple[int, bytes, bytes]]] = {name: [] for name in self.crew.groups}
        self.removed: list[Group] = []
        self.said = 0

    @rule(data=st.data())
    def say(self, data: st.DataObject) -> None:
        """Somebody says something; it lies in everybody else's mail. Who was removed cannot read it."""
        name = self._somebody(data)
        if self.crew[name].pending_proposals:
            return
        self.said += 1
        text = f"message {self.said}".encode()
        epoch = self.crew[name].epoch
        self._note_key(name, RatchetKind.APPLICATION)
        message = self.crew.seal(name, text)
        for other, letters in self.mail.items():
            if other != name:
                letters.append((epoch, message, text))
        for group in self.removed:
            with pytest.raises(InvalidMessage):
                group.process(message, authenticate=self.crew.authenticate)

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """Somebody reads one letter of those that lie there, whichever comes first."""
        name = self._somebody(data)
        letters = self.mail[name]
        if not letters:
            return
        epoch, message, text = letters.pop(data.draw(st.integers(0, len(letters) - 1)))
        if self.crew[name].epoch - epoch > MAX_PAST_EPOCHS:
            with pytest.raises(WrongEpoch):
                self.crew.open(name, message)
            return
        assert self.crew.open(name, message) == text
        with pytest.raises(InvalidMessage):
            self.crew.open(name, message)

    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        """Somebody commits fresh keys, and all that was proposed."""
        self._commit(self._somebody(data), [])

    @precondition(lambda self: len(self.crew.groups) < MAX_MEMBERS)
    @rule(data=st.data(), with_path=st.booleans())
    def add(self, data: st.DataObject, with_path: bool) -> None:
        """Somebody comes in."""
        by = self._somebody(data)
        newcomer = next(name for name in NAMES if name not in self.crew.groups)
        bundle = self.crew.bundle(newcomer)
        pending = self._commit(by, [Add(bundle.key_package)], force_path=with_path)
        assert pending.welcome is not None
        joined = join(
            pending.welcome, [bundle], authenticate=self.crew.authenticate, known_group=lambda group_id: False
        )
        self.crew.groups[newcomer] = joined.group
        self.mail[newcomer] = []

    @precondition(lambda self: len(self.crew.groups) > 2)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Somebody is put out, and keeps what he had."""
        by = self._somebody(data)
        others = sorted(name for name in self.crew.groups if name != by)
        self._commit(by, [Remove(self.crew.index(data.draw(st.sampled_from(others))))])

    @rule(data=st.data(), leave=st.booleans())
    def propose(self, data: st.DataObject, leave: bool) -> None:
        """Somebody asks for fresh keys, or to leave."""
        name = self._somebody(data)
        self._note_key(name, RatchetKind.HANDSHAKE)
        if leave and len(self.crew.groups) > 2:
            self.crew.propose(name, Remove(self.crew.index(name)))
        else:
            self.crew.propose_update(name)

    @rule(data=st.data())
    def reload(self, data: st.DataObject) -> None:
        """Somebody's program stops and starts."""
        name = self._somebody(data)
        saved = save(self.crew[name])
        self.crew.groups[name] = load(saved)
        assert save(self.crew.groups[name]) == saved

    @invariant()
    def all_agree(self) -> None:
        """One epoch has one authenticator and one tree."""
        self.crew.check_agreement()
        trees = {group.state.tree.nodes for group in self.crew.groups.values()}
        assert len(trees) == 1

    @invariant()
    def everybody_stands_where_they_think(self) -> None:
        for name, group in self.crew.groups.items():
            leaf = group.member(group.own_leaf)
            assert leaf is not None
            assert leaf.credential_identity == name.encode()

    @invariant()
    def private_keys_belong_to_the_tree(self) -> None:
        """Nobody keeps a key of a node that is not above them, or that is outdated."""
        for group in self.crew.groups.values():
            for node, private in group.state.private_keys.items():
                value = group.state.tree.nodes[node]
                assert value is not None
                sealed = group.suite.hpke_seal(value.encryption_key, b"", b"proof")
                assert group.suite.hpke_open(private.reveal(), sealed[0], b"", sealed[1]) == b"proof"

    def _somebody(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.crew.groups)))

    def _note_key(self, name: str, kind: RatchetKind) -> None:
        """No key and nonce are ever used for two messages."""
        group = self.crew[name]
        key, _ = group.secret_tree.next_key(group.suite, group.own_leaf, kind)
        assert (key.key, key.nonce) not in self.used
        self.used.add((key.key, key.nonce))

    def _commit(self, by: str, proposals: list[Proposal], *, force_path: bool = True) -> PendingCommit:
        self._note_key(by, RatchetKind.HANDSHAKE)
        pending = self.crew.create_commit(by, proposals, force_path=force_path)
        for name, group in list(self.crew.groups.items()):
            if name == by:
                continue
            event = group.process(pending.commit, authenticate=self.crew.authenticate, now_s=NOW_S)
            assert isinstance(event, StagedCommit)
            if event.group_after is None:
                self.removed.append(self.crew.groups.pop(name))
                del self.mail[name]
            else:
                self.crew.groups[name] = event.group_after
        self.crew.groups[by] = self.crew.groups[by].merge(pending)
        return pending


TestGroupLife = GroupLife.TestCase
TestGroupLife.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_leaf_is_where_it_was_put() -> None:
    crew = Crew(5)
    crew.remove("alice", "bob")
    crew.remove("alice", "dave")
    crew.add("alice", "frank")
    assert [(m.leaf_index, m.leaf_node.credential_identity) for m in crew["erin"].members()] == [
        (LeafIndex(0), b"alice"),
        (LeafIndex(1), b"frank"),
        (LeafIndex(2), b"carol"),
        (LeafIndex(4), b"erin"),
    ]
