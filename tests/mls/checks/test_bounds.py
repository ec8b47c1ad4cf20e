"""Each bound to the last unit: what just fits is taken, and one more is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tacit.limits import (
    KEY_PACKAGE_MAX_RANGE_S,
    LARGEST_GROUP_MEMBERS,
    MAX_EPOCH,
    MAX_GROUP_EXTENSIONS_BYTES,
    MAX_GROUP_MEMBERS,
    MAX_LEAF_BYTES,
    MAX_OUTSIDE_PROPOSAL_BYTES,
    MAX_OUTSIDE_PROPOSALS,
    MAX_PENDING_PROPOSAL_BYTES,
    MAX_PENDING_PROPOSALS,
    MAX_TREE_NODES,
)
from tacit.mls import (
    Add,
    Extension,
    ExternalPSK,
    GroupContextExtensions,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    Remove,
)
from tacit.mls.checks.commits import check_epoch_number
from tacit.mls.checks.extensions import check_group_extensions_size
from tacit.mls.checks.leaf_nodes import check_lifetime, check_lifetime_range
from tacit.mls.checks.proposals import check_room_for_outsider, check_room_for_proposal
from tacit.mls.checks.trees import check_member_count, check_tree_size
from tacit.mls.framing import encode_body
from tacit.mls.key_packages import KeyPackage
from tacit.mls.leaf_nodes import LeafNode, Lifetime
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses


@pytest.mark.parametrize(
    ("rule", "check", "most"),
    [
        ("limits/epoch", check_epoch_number, MAX_EPOCH),
        (
            "limits/group-members",
            lambda count: check_member_count(count, MAX_GROUP_MEMBERS),
            MAX_GROUP_MEMBERS,
        ),
        (
            "limits/group-members",
            lambda count: check_member_count(count, LARGEST_GROUP_MEMBERS),
            LARGEST_GROUP_MEMBERS,
        ),
        ("12.4.3.3/size", lambda size: check_tree_size([None] * size), MAX_TREE_NODES),
        (
            "limits/group-extensions-size",
            lambda size: check_group_extensions_size((Extension(1, bytes(7)), Extension(2, bytes(size - 7)))),
            MAX_GROUP_EXTENSIONS_BYTES,
        ),
        (
            "limits/pending-proposals",
            lambda count: check_room_for_proposal([Remove(LeafIndex(1))] * (count - 1), Remove(LeafIndex(2))),
            MAX_PENDING_PROPOSALS,
        ),
        (
            "limits/outside-proposals",
            lambda count: check_room_for_outsider([Remove(LeafIndex(1))] * (count - 1), Remove(LeafIndex(2))),
            MAX_OUTSIDE_PROPOSALS,
        ),
    ],
)
def test_what_just_fits_is_taken(rule: str, check: Callable[[int], object], most: int) -> None:
    check(most)
    with breaks(rule):
        check(most + 1)


def of_encoded_size(size: int) -> PreSharedKey:
    """A proposal whose encoding has that many bytes."""
    proposal = PreSharedKey(PreSharedKeyID(ExternalPSK(bytes(size)), bytes(32)))
    surplus = len(encode_body(proposal)) - size
    return PreSharedKey(PreSharedKeyID(ExternalPSK(bytes(size - surplus)), bytes(32)))


@pytest.mark.parametrize(
    ("rule", "check", "most"),
    [
        ("limits/pending-proposal-bytes", check_room_for_proposal, MAX_PENDING_PROPOSAL_BYTES),
        ("limits/outside-proposal-bytes", check_room_for_outsider, MAX_OUTSIDE_PROPOSAL_BYTES),
    ],
)
def test_the_last_byte_of_waiting_proposals_is_taken(
    rule: str, check: Callable[[list[Proposal], Proposal], None], most: int
) -> None:
    half = of_encoded_size(most // 2)
    assert len(encode_body(half)) * 2 == most
    check([half], half)
    with breaks(rule):
        check([half], of_encoded_size(most // 2 + 1))


def of_leaf_size(crew: Crew, package: KeyPackage, size: int) -> KeyPackage:
    """The key package with a leaf of exactly that many bytes."""
    private = crew.key("dave").private
    listed = replace(package.leaf_node.capabilities, extensions=(6, 0xF123))

    def forged(filling: int) -> KeyPackage:
        extensions = (Extension(0xF123, bytes(filling)),)
        return forge_key_package_leaf(package, crew.suite, private, capabilities=listed, extensions=extensions)

    surplus = len(forged(size // 2).leaf_node.encoded) - size // 2
    return forged(size - surplus)


def test_the_largest_leaf_comes_in(crew: Crew, mirror: Mirror) -> None:
    package = crew.bundle("dave").key_package
    largest = of_leaf_size(crew, package, MAX_LEAF_BYTES)
    assert len(largest.leaf_node.encoded) == MAX_LEAF_BYTES
    assert crew["bob"].process(mirror.private(Add(largest)), authenticate=crew.authenticate)
    refuses(crew, "bob", mirror.private(Add(of_leaf_size(crew, package, MAX_LEAF_BYTES + 1))), "limits/leaf-size")


def aged(leaf: LeafNode, not_before: int, not_after: int) -> LeafNode:
    return replace(leaf, lifetime=Lifetime(not_before, not_after))


def test_a_lifetime_ends_with_its_last_second(crew: Crew) -> None:
    leaf = crew.bundle("dave").key_package.leaf_node
    for moment in (100, 150, 200):
        check_lifetime(aged(leaf, 100, 200), moment)
    for moment in (99, 99.9, 200.1, 201):
        with breaks("7.3/lifetime"):
            check_lifetime(aged(leaf, 100, 200), moment)
    check_lifetime_range(aged(leaf, NOW_S, NOW_S + KEY_PACKAGE_MAX_RANGE_S), KEY_PACKAGE_MAX_RANGE_S)
    check_lifetime_range(aged(leaf, NOW_S, NOW_S), KEY_PACKAGE_MAX_RANGE_S)
    for not_after in (NOW_S - 1, NOW_S + KEY_PACKAGE_MAX_RANGE_S + 1):
        with breaks("7.2/lifetime-range"):
            check_lifetime_range(aged(leaf, NOW_S, not_after), KEY_PACKAGE_MAX_RANGE_S)


def test_the_largest_extensions_are_taken_up_by_the_group() -> None:
    crew = Crew(2, extension_types=(0xF7A0,))
    largest = GroupContextExtensions((Extension(0xF7A0, bytes(MAX_GROUP_EXTENSIONS_BYTES)),))
    crew.commit("alice", [largest])
    assert crew["bob"].extensions == largest.extensions
    crew.say("bob", b"signed over all of them")
