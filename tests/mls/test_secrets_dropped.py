"""Every secret is dropped when the RFC says so: what is held after a step is held on purpose, by name and number.

Source: RFC 9420 §8.4, §9.2, §12.4, §16.6
"""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest

from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE
from tacit.entropy import Entropy
from tacit.limits import MAX_PAST_EPOCHS, PAST_EPOCH_S
from tacit.mls import (
    Add,
    Authenticate,
    ExternalPSK,
    Group,
    LeafNode,
    PendingCommit,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    StagedCommit,
    join,
)
from tacit.mls.tree_math import node_of
from tests.mls.crew import NOW_S, Crew
from tests.mls.ledger import Ledger

pytestmark = pytest.mark.no_cover

KEPT_FOR_THE_EPOCH = Counter(
    ["init", "sender data", "exporter", "external", "membership", "resumption", "authentication"]
)
"""What the key schedule leaves behind. Source: RFC 9420 §8, Table 4"""

UNTOUCHED = KEPT_FOR_THE_EPOCH + Counter(["encryption"])
"""The same before anybody has sent anything."""

PROVABLE = Counter(["resumption"])
"""What a member keeps of an epoch to show later that it was there. Source: RFC 9420 §8.6"""

COMMIT_OPENED = Counter({"tree": 2, "application": 1, "secret": 1})
"""What opening, or sending, a commit leaves in a tree of four leaves of the message keys of the epoch that it ends."""

OF_ITS_OWN = 92
"""Seed of the crew that the whole process is searched for: others that are left by other tests have other secrets."""

suites = pytest.mark.parametrize("suite_id", [X25519_SUITE, DEFAULT_SUITE])


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def take(crew: Crew, name: str, message: bytes, policy: Policy | None = None) -> None:
    """Let somebody process a message and keep what comes of it."""
    event = crew[name].process(message, authenticate=crew.authenticate, now_s=NOW_S, policy=policy or Policy())
    after = event.group_after if isinstance(event, StagedCommit) else event.group
    assert after is not None
    crew.groups[name] = after


def commit(crew: Crew, by: str, ledger: Ledger, policy: Policy | None = None, **how: Any) -> PendingCommit:
    """Somebody commits; what Bob derives in taking it is noted."""
    crew.groups[by], pending = crew[by].create_commit(
        entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=policy or Policy(), **how
    )
    crew.groups[by] = crew[by].merge(pending)
    for name in sorted(crew.groups.keys() - {by, "bob"}):
        take(crew, name, pending.commit, policy)
    with ledger.recording():
        take(crew, "bob", pending.commit, policy)
    return pending


def open_noted(crew: Crew, message: bytes, ledger: Ledger) -> None:
    """Bob opens a message; what he derives for that is noted."""
    with ledger.recording():
        crew.open("bob", message)


def dropped(ledger: Ledger, *names: str) -> bool:
    """Whether there were such secrets at all, which is what makes their absence mean something."""
    return all(ledger.count(name) for name in names)


@suites
def test_a_joiner_keeps_the_epoch_and_its_keys_and_nothing_of_the_welcome(suite_id: int, ledger: Ledger) -> None:
    crew = Crew(3, suite_id)
    bundle = crew.bundle("dave")
    pending = crew.commit("alice", [Add(bundle.key_package)])
    assert pending.welcome is not None
    ledger.note("init key", bundle.init_private.reveal())
    ledger.note("leaf key", bundle.encryption_private.reveal())
    with ledger.recording():
        joined = join(pending.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False)
    root_key = Counter(["private key"])
    assert ledger.held(joined.group) == UNTOUCHED + Counter(["leaf key"]) + root_key
    assert dropped(ledger, "epoch", "welcome", "key", "nonce", "confirm", "node", "extracted", "init key")


@suites
def test_a_commit_leaves_what_the_epoch_needs_and_one_private_key(suite_id: int, ledger: Ledger) -> None:
    crew = Crew(4, suite_id)
    commit(crew, "carol", ledger)
    assert ledger.held(crew["bob"]) == UNTOUCHED + Counter(["private key"]) + COMMIT_OPENED
    assert dropped(ledger, "joiner", "epoch", "confirm", "path", "node", "extracted")


@suites
def test_of_an_epoch_that_is_over_only_what_opens_late_messages_is_left_and_for_two_epochs(
    suite_id: int, ledger: Ledger
) -> None:
    crew = Crew(4, suite_id)
    commit(crew, "carol", ledger)
    still_open = {1: Counter(["sender data"]) + COMMIT_OPENED, 2: Counter(["sender data"])}
    for age in range(1, MAX_PAST_EPOCHS + 1):
        commit(crew, "carol", Ledger())
        assert ledger.held(crew["bob"]) == still_open[age] + PROVABLE
    commit(crew, "carol", Ledger())
    assert ledger.held(crew["bob"]) == PROVABLE


@suites
def test_past_epochs_are_dropped_in_time(suite_id: int, ledger: Ledger) -> None:
    crew = Crew(4, suite_id)
    commit(crew, "carol", ledger)
    commit(crew, "carol", Ledger())
    kept = crew["bob"].without_expired(NOW_S + PAST_EPOCH_S)
    assert ledger.held(kept) == Counter(["sender data"]) + COMMIT_OPENED + PROVABLE
    assert ledger.held(crew["bob"].without_expired(NOW_S + PAST_EPOCH_S + 1)) == PROVABLE


@suites
def test_opening_drops_the_key_the_nonce_and_all_that_they_came_from(suite_id: int, ledger: Ledger) -> None:
    """Alice is the first of four leaves: the root and the two nodes towards her are used up at once."""
    crew = Crew(4, suite_id)
    commit(crew, "carol", ledger)
    ledger.forget_but("encryption")
    first, second = crew.seal("alice", b"first"), crew.seal("alice", b"second")
    assert ledger.held(crew["bob"]) == Counter(["encryption"])
    tree = Counter({"tree": 2, "handshake": 1})

    open_noted(crew, second, ledger)
    assert ledger.held(crew["bob"]) == tree + Counter(["secret", "key", "nonce"])
    assert (ledger.count("tree"), ledger.count("secret")) == (4, 2)
    open_noted(crew, first, ledger)
    assert ledger.held(crew["bob"]) == tree + Counter(["secret"])
    assert dropped(ledger, "encryption", "application")

    with ledger.recording():
        crew.seal("bob", b"his own")
    assert ledger.held(crew["bob"]) == Counter({"tree": 1, "handshake": 2, "secret": 2})


@suites
def test_a_late_message_uses_up_the_keys_of_the_past_epoch_too(suite_id: int, ledger: Ledger) -> None:
    """Carol's commit has used up the root; Alice's message uses up the left half, but for Bob's own leaf."""
    crew = Crew(4, suite_id)
    message = crew.seal("alice", b"late")
    commit(crew, "carol", ledger)
    ledger.forget_but("tree")
    assert ledger.held(crew["bob"]) == Counter({"tree": 2})
    open_noted(crew, message, ledger)
    assert ledger.held(crew["bob"]) == Counter({"tree": 2, "handshake": 1, "secret": 1})
    assert ledger.count("tree") == 6


@suites
def test_an_own_commit_keeps_no_path_secret_and_once_merged_no_old_key(suite_id: int, ledger: Ledger) -> None:
    crew = Crew(4, suite_id)
    old = Ledger()
    for private in crew["bob"].state.private_keys.values():
        old.note("old key", private.reveal())
    entropy = noting(crew.entropy, ledger)
    erin = crew.bundle("erin")
    with ledger.recording():
        crew.groups["bob"], pending = crew["bob"].create_commit(
            [Add(erin.key_package)], entropy=entropy, now_s=NOW_S, authenticate=crew.authenticate
        )
    own_keys = Counter({"private key": 4})
    assert ledger.held_in(pending.encode()) == UNTOUCHED + own_keys
    assert dropped(ledger, "random", "path", "node", "joiner", "welcome", "epoch", "confirm", "extracted")
    crew.groups["bob"] = crew["bob"].merge(pending)
    assert ledger.held(crew["bob"]) == UNTOUCHED + own_keys + COMMIT_OPENED
    assert old.held(crew["bob"]) == Counter()


@suites
def test_a_proposed_leaf_replaces_the_old_one_only_if_it_is_committed(suite_id: int) -> None:
    for included in (True, False):
        crew, ledger = Crew(4, suite_id), Ledger()
        ledger.note("old leaf key", crew["bob"].state.private_keys[node_of(crew.index("bob"))].reveal())
        ledger.note("old signature key", crew["bob"].state.signature_private.reveal())
        crew.keys["bob"] = crew.suite.generate_signature_key_pair(crew.entropy)
        with ledger.recording():
            crew.groups["bob"], message = crew["bob"].propose_update(
                signature_private=crew.keys["bob"].private, entropy=crew.entropy
            )
        ledger.noted = [
            item for item in ledger.noted if item[0] in ("old leaf key", "old signature key", "private key")
        ]
        ledger.note("signature key", crew.keys["bob"].private)
        old, new = Counter(["old leaf key", "old signature key"]), Counter(["private key", "signature key"])
        assert ledger.held(crew["bob"]) == old + new
        crew.deliver_proposal("bob", message)
        commit(crew, "carol", Ledger(), include_pending=included)
        assert ledger.held(crew["bob"]) == (new if included else old)


@suites
def test_a_pre_shared_key_leaves_nothing_behind(suite_id: int, ledger: Ledger) -> None:
    crew = Crew(3, suite_id)
    psk = crew.entropy(32)
    ledger.note("psk", psk)
    proposal = PreSharedKey(PreSharedKeyID(ExternalPSK(b"shared"), crew.entropy(crew.suite.hash_size)))
    policy = Policy(find_psk=lambda psk_id: psk)
    commit(crew, "carol", ledger, policy, proposals=[proposal])
    assert ledger.held(crew["bob"]) == UNTOUCHED + Counter(["private key"]) + COMMIT_OPENED
    assert dropped(ledger, "psk", "derived psk", "extracted")


@suites
def test_an_exported_secret_is_the_callers(suite_id: int, ledger: Ledger) -> None:
    crew = Crew(2, suite_id)
    with ledger.recording():
        crew["bob"].export("label", b"context", 32)
    assert dropped(ledger, "exported", "label")
    assert ledger.held(crew["bob"]) == Counter()


@pytest.mark.long
@suites
def test_nothing_else_in_the_process_holds_what_the_group_has_dropped(suite_id: int, ledger: Ledger) -> None:
    """Bob alone is left of the crew; what others sent him lies there as bytes."""
    letters, bob, authenticate = what_bob_is_sent(suite_id)
    gc.collect()
    for letter in letters:
        with ledger.recording():
            event = bob.process(letter, authenticate=authenticate, now_s=NOW_S)
        bob = event.group_after if isinstance(event, StagedCommit) else event.group  # type: ignore[assignment]
        del event
        assert ledger.held_anywhere() == ledger.held(bob)


def noting(entropy: Entropy, ledger: Ledger) -> Entropy:
    """The same source of randomness, with all that is long enough to be a secret noted."""

    def noted(size: int) -> bytes:
        drawn = entropy(size)
        ledger.note("random", drawn)
        return drawn

    return noted


def what_bob_is_sent(suite_id: int) -> tuple[list[bytes], Group, Authenticate]:
    """Commits, proposals and messages out of order for Bob, and Bob before them; everybody else is gone."""
    crew = Crew(4, suite_id, seed=OF_ITS_OWN)
    bob = crew.groups.pop("bob")
    letters = []
    for by in ("alice", "carol"):
        early, late = crew.seal("alice", b"early"), crew.seal("alice", b"late")
        letters += [late, early]
        crew.groups[by], proposal = crew[by].propose_update(entropy=crew.entropy)
        crew.deliver_proposal(by, proposal)
        letters += [proposal, crew.commit("dave").commit, crew.commit("alice").commit]
    public = {name: pair.public for name, pair in crew.keys.items()}

    def authenticate(old: LeafNode | None, new: LeafNode) -> None:
        assert public[new.credential_identity.decode()] == new.signature_key

    return letters, bob, authenticate
