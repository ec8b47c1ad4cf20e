"""Whatever bytes come in, from outside or from a member inside the encryption: a value or a ``PeerError``, soon."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.codec import decode, encode
from tacit.crypto.suites import suite
from tacit.errors import PeerError
from tacit.mls import Add, GroupContextExtensions, Policy, Remove, join, read_key_package
from tacit.mls.checks.trees import check_parent_hashes, check_unmerged_leaves
from tacit.mls.commits import Commit
from tacit.mls.framing import FramedContentAuthData
from tacit.mls.messages import GroupInfo, GroupSecrets, PublicMessage, decode_message, encode_message
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.registry import ContentType, WireFormat
from tacit.mls.tree_math import LeafIndex, NodeIndex, subtree_leaves
from tests.effort import effort_s
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import state_of

pytestmark = pytest.mark.no_cover

CREW = Crew(3)
BUNDLE = CREW.bundle("dave")
GROUP = CREW["bob"]
BEFORE = state_of(GROUP)
PUBLIC = Policy(public_handshakes=True)


def a_mirror() -> Mirror:
    return Mirror(CREW["alice"], CREW.entropy)


FORGED = a_mirror().commit([Add(BUNDLE.key_package)])
WELCOME = a_mirror().welcome(FORGED)
SAMPLES = (
    a_mirror().private(b"text"),
    a_mirror().public(Remove(LeafIndex(2))),
    a_mirror().public(GroupContextExtensions(())),
    FORGED.message,
    WELCOME,
    BUNDLE.key_package_bytes,
    b"",
)

positions = st.integers(0, 1 << 16)
edits = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "drop", "repeat"]), positions, st.binary(max_size=8)),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for kind, position, extra in changes:
        at = position % (len(data) + 1)
        if kind == "flip":
            data = data[:at] + bytes(byte ^ 1 << position % 8 for byte in data[at : at + 1]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "insert":
            data = data[:at] + extra + data[at:]
        elif kind == "drop":
            data = data[:at] + data[at + len(extra) :]
        else:
            data = data[:at] + data[at : at + 64] * 2 + data[at + 64 :]
    return data


def survives(message: bytes) -> None:
    with suppress(PeerError):
        GROUP.process(message, authenticate=CREW.authenticate, policy=PUBLIC, now_s=NOW_S)
    assert state_of(GROUP) == BEFORE


@given(st.sampled_from(SAMPLES), edits)
@settings(max_examples=300)
def test_changed_messages(sample: bytes, changes: list[tuple[str, int, bytes]]) -> None:
    survives(mutated(sample, changes))


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes(data: bytes) -> None:
    """Hazard C4: what decodes encodes to the same bytes again."""
    for head in (b"", b"\0\1\0\1", b"\0\1\0\2", b"\0\1\0\3", b"\0\1\0\4", b"\0\1\0\5"):
        try:
            message = decode_message(head + data)
        except PeerError:
            continue
        assert encode_message(message) == head + data


@given(st.sampled_from(list(ContentType)), st.binary(max_size=64), edits)
@settings(max_examples=200)
def test_any_bytes_inside_the_encryption(
    content_type: ContentType, data: bytes, changes: list[tuple[str, int, bytes]]
) -> None:
    mirror = a_mirror()
    survives(mirror.private(b"x", content_type=content_type, content_bytes=lambda plain: data))
    survives(mirror.private(b"x", content_type=content_type, content_bytes=lambda plain: mutated(plain, changes)))


@given(edits)
@settings(max_examples=150)
def test_changed_commits_that_are_well_signed(changes: list[tuple[str, int, bytes]]) -> None:
    """The mirror signs whatever the changed bytes still decode to."""
    mirror = a_mirror()
    proposals = [Remove(LeafIndex(2)), Add(BUNDLE.key_package), GroupContextExtensions(())]
    honest = decode_message(a_mirror().commit(proposals, wire_format=WireFormat.PUBLIC_MESSAGE).message)
    assert isinstance(honest, PublicMessage)
    assert isinstance(honest.content.body, Commit)
    try:
        commit = decode(Commit, mutated(encode(honest.content.body), changes))
    except PeerError:
        return
    forged = mirror.content(commit)
    signature = mirror.sign(forged, WireFormat.PRIVATE_MESSAGE)
    survives(mirror.encrypt(forged, FramedContentAuthData(signature, bytes(32)), LeafIndex(0)))


@given(edits)
@settings(max_examples=150)
def test_changed_key_packages(changes: list[tuple[str, int, bytes]]) -> None:
    with suppress(PeerError):
        read_key_package(mutated(BUNDLE.key_package_bytes, changes), now_s=NOW_S, authenticate=CREW.authenticate)


@given(st.sampled_from(["outside", "secrets", "info", "tree"]), edits)
@settings(max_examples=300)
def test_changed_welcomes(where: str, changes: list[tuple[str, int, bytes]]) -> None:
    """Hazard C14: from outside, and at every layer that only the committer can reach."""
    mirror = a_mirror()
    try:
        if where == "outside":
            welcome = mutated(WELCOME, changes)
        elif where == "secrets":
            welcome = mirror.welcome(
                FORGED, secrets=lambda secrets: decode(GroupSecrets, mutated(encode(secrets), changes))
            )
        elif where == "info":
            welcome = mirror.welcome(FORGED, info=lambda info: decode(GroupInfo, mutated(encode(info), changes)))
        else:
            welcome = mirror.welcome(FORGED, ratchet_tree=mutated(encode_ratchet_tree(FORGED.epoch.tree), changes))
        join(welcome, [BUNDLE], authenticate=CREW.authenticate, known_group=lambda group_id: False)
    except PeerError:
        pass


def test_the_largest_tree_with_the_most_unmerged_leaves_is_judged_soon() -> None:
    """Hazards B15, C3: every parent filled, every leaf unmerged everywhere above; no recursion, no explosion."""
    cipher_suite = suite(1)
    leaf = GROUP.members()[0].leaf_node
    nodes: list[object] = []
    for index in range(2 * 1024 - 1):
        if index % 2 == 0:
            nodes.append(replace(leaf, encryption_key=index.to_bytes(32, "big")))
        else:
            below = tuple(LeafIndex(n) for n in subtree_leaves(NodeIndex(index)))
            nodes.append(ParentNode(index.to_bytes(32, "big"), bytes(32), below))
    tree = decode_ratchet_tree(cipher_suite, encode_ratchet_tree(RatchetTree(cipher_suite, tuple(nodes))))  # type: ignore[arg-type]

    def judge() -> None:
        check_unmerged_leaves(tree)
        with pytest.raises(PeerError):
            check_parent_hashes(tree)
        for node, _ in tree.parents():
            tree.resolution(node)

    assert effort_s(judge) < 2
