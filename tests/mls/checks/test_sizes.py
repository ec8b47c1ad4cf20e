"""What a member can make everybody else receive, keep or compute, and that it stays small."""

from __future__ import annotations

import pytest

from tacit.codec import encode
from tacit.crypto.suites import SUPPORTED_SUITES, suite
from tacit.limits import MAX_COMMIT_BYTES, MAX_FORWARD_GENERATIONS, MAX_GROUP_MEMBERS, MAX_LEAF_BYTES
from tacit.mls import GenerationTooFar, Remove, save
from tacit.mls.commits import HPKECiphertext
from tacit.mls.labels import UPDATE_PATH_NODE, encrypt_with_label
from tacit.mls.tree_math import LeafIndex
from tests.effort import effort_s
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import refuses


@pytest.mark.parametrize("suite_id", sorted(SUPPORTED_SUITES))
def test_b23_the_commit_after_many_removals_can_be_sent(suite_id: int) -> None:
    """In a tree without parents every member gets a ciphertext of its own; those of the largest group fit a commit."""
    crew = Crew(1, suite_id)
    secret = bytes(crew.suite.hash_size)
    key = suite(suite_id).generate_key_pair(crew.entropy).public
    sealed = HPKECiphertext(*encrypt_with_label(crew.suite, key, UPDATE_PATH_NODE, b"context", secret))
    path = (MAX_GROUP_MEMBERS - 1) * len(encode(sealed)) + 10 * (len(key) + 8)
    removes = MAX_GROUP_MEMBERS * 7
    assert path + removes + 2 * MAX_LEAF_BYTES < MAX_COMMIT_BYTES


def test_b23_removing_half_of_a_group_makes_the_next_commit_larger_and_the_one_after_it_small_again() -> None:
    crew = Crew(8)
    for name in list(crew.groups):
        crew.commit(name)
    small = len(crew.commit("alice").commit)
    crew.commit("alice", [Remove(LeafIndex(n)) for n in (1, 3, 5)])
    for name in ("carol", "erin", "grace"):
        crew.commit(name)
    assert len(crew.commit("alice").commit) <= small


def test_b24_a_flood_of_epochs_leaves_no_more_behind_than_a_few() -> None:
    """Keys of past epochs are counted, and whatever of them is kept does not grow with how many there were."""
    crew = Crew(4)
    sizes = []
    for n in range(40):
        crew.commit("alice" if n % 2 else "bob")
        saved = save(crew["carol"])
        sizes.append(len(saved.epoch_blob) + len(saved.ratchet_blob))
    assert max(sizes[20:]) <= max(sizes[:20]) + 64
    crew.say("dave", b"still heard")


@pytest.mark.parametrize("generation", [0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, MAX_FORWARD_GENERATIONS + 1])
def test_b11_a_generation_beyond_reach_costs_no_more_than_a_look(generation: int) -> None:
    """Refused before anything is derived: two thousand such messages take less time than twenty ratchets would."""
    crew = Crew(3)
    message = Mirror(crew["alice"], crew.entropy).private(b"x", generation=generation)
    group = crew["bob"]
    error = refuses(crew, "bob", message, "15.3/generation-window")
    assert isinstance(error, GenerationTooFar)
    tree = group.secret_tree

    def look() -> None:
        for _ in range(2_000):
            with pytest.raises(GenerationTooFar):
                tree.key_at(crew.suite, LeafIndex(0), 2, generation)  # type: ignore[arg-type]

    assert effort_s(look) < 0.5
    assert group.secret_tree is tree
    assert dict(tree.senders) == {}
