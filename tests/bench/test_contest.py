"""Contests are fair: everyone in turns, everyone's best counts."""

from __future__ import annotations

import os

import pytest

from bench.contest import best_of, one_core, sample_of
from bench.mls.bare import OPENSSL, SODIUM, Library, bare_messages, signed_content
from bench.mls.groups import GROUP_ID, NOW_S, anyone, follow, steady_group
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE, suite
from tacit.mls.checks.trees import check_joined_tree


def test_columns_take_turns_and_keep_their_best() -> None:
    turns: list[str] = []

    def column(name: str, seconds: list[float]) -> float:
        turns.append(name)
        return seconds.pop(0)

    slow, fast = [3.0, 2.0, 4.0], [1.0, 9.0, 1.5]
    best = best_of({"slow": lambda: column("slow", slow), "fast": lambda: column("fast", fast)}, 3)
    assert best == {"slow": 2.0, "fast": 1.0}
    assert turns == ["slow", "fast"] * 3


def test_a_sample_is_the_median_of_its_calls() -> None:
    calls: list[int] = []
    assert 0 < sample_of(lambda: calls.append(1), 5)() < 0.1
    assert len(calls) == 5


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system binds no process to a core")
def test_one_core_is_used_and_all_are_given_back() -> None:
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("number", [DEFAULT_SUITE, X25519_SUITE])
@pytest.mark.parametrize("size", [2, 5, 16])
def test_a_steady_group_passes_every_check_of_a_joiner_and_goes_on(number: int, size: int) -> None:
    group = steady_group(number, size)
    tree = group.first.state.tree
    check_joined_tree(suite(number), tree, GROUP_ID, (), size)
    assert all(not parent.unmerged_leaves for _, parent in tree.parents())
    sent, pending = group.last.create_commit([], now_s=NOW_S, entropy=os.urandom, authenticate=anyone)
    assert follow(group.first, pending.commit).epoch_authenticator == sent.merge(pending).epoch_authenticator


@pytest.mark.parametrize("library", [OPENSSL, SODIUM], ids=["openssl", "libsodium"])
def test_the_bare_cost_is_of_operations_that_succeed(library: Library) -> None:
    bare = bare_messages(DEFAULT_SUITE, 1024, library)
    bare.seal()
    bare.open()
    group = steady_group(X25519_SUITE, 3).first
    for member in group.members():
        content = signed_content(member.leaf_node, GROUP_ID, member.leaf_index)
        group.suite.verify(member.leaf_node.signature_key, content, member.leaf_node.signature)
