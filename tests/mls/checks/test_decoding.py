"""Bytes that are no encoding of anything, in messages that a member has signed and encrypted as they are."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tacit.codec import Reader, Writer, decode, encode, encode_varint
from tacit.errors import DecodeError, PeerError
from tacit.limits import MAX_TREE_NODES, MAX_VECTOR_BYTES, MAX_VECTOR_ITEMS
from tacit.mls import Add, GroupContextExtensions, Policy, Remove, RequiredCapabilities
from tacit.mls.commits import Commit
from tacit.mls.framing import AuthenticatedContent, Sender
from tacit.mls.group_context import GroupContext
from tacit.mls.key_packages import KeyPackage
from tacit.mls.leaf_nodes import Capabilities, LeafNode
from tacit.mls.messages import GroupInfo, GroupSecrets, Welcome, decode_message, encode_message
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.registry import GREASE_VALUES, ContentType, ProposalType, SenderType, WireFormat
from tacit.mls.tree_math import LeafIndex, root
from tests.effort import effort_s
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import refuses, refuses_to_join

PUBLIC = Policy(public_handshakes=True)
EXTENSIONS, UPDATE, REMOVE, PSK = (
    ProposalType.GROUP_CONTEXT_EXTENSIONS,
    ProposalType.UPDATE,
    ProposalType.REMOVE,
    ProposalType.PSK,
)


@dataclass(frozen=True)
class RawProposal:
    """A proposal of a known type with any bytes behind it."""

    proposal_type: int
    raw: bytes

    def write_body(self, w: Writer) -> None:
        w.fixed(self.raw)


@dataclass(frozen=True)
class RawCommit(Commit):
    """Any bytes in the place of a commit."""

    raw: bytes = b""

    def write(self, w: Writer) -> None:
        w.fixed(self.raw)


def signed_proposal(mirror: Mirror, proposal_type: int, raw: bytes) -> bytes:
    return mirror.private(RawProposal(proposal_type, raw))  # type: ignore[arg-type]


def signed_commit(mirror: Mirror, raw: bytes) -> bytes:
    return mirror.private(RawCommit((), None, raw), tag=bytes(32))


def malformed(crew: Crew, message: bytes, why: str) -> None:
    error = refuses(crew, "bob", message, error=DecodeError, policy=PUBLIC)
    assert why in str(error)


IN_A_PROPOSAL: dict[str, tuple[str, int, bytes, str]] = {
    "prefix 11": ("2.1.2/prefix-11", EXTENSIONS, b"\xc0\0\0\0\0\0\0\0", "prefix 11"),
    "prefix 11 and large": ("2.1.2/prefix-11", EXTENSIONS, b"\xff" * 8, "prefix 11"),
    "0 in two bytes": ("2.1.2/shortest-length", EXTENSIONS, b"\x40\x00", "longer than needed"),
    "63 in two bytes": ("2.1.2/shortest-length", EXTENSIONS, b"\x40\x3f" + bytes(63), "longer than needed"),
    "0 in four bytes": ("2.1.2/shortest-length", EXTENSIONS, b"\x80\0\0\0", "longer than needed"),
    "16383 in four bytes": (
        "2.1.2/shortest-length",
        EXTENSIONS,
        b"\x80\0\x3f\xff" + bytes(16383),
        "longer than needed",
    ),
    "length past the end": ("2.1.2/length-within", EXTENSIONS, b"\x7f\xff" + bytes(16), "cut short"),
    "psk id past the end": ("2.1.2/length-within", PSK, b"\1\x7f\xff", "cut short"),
    "2^30 - 1 with three bytes left": ("limits/vector", EXTENSIONS, b"\xbf\xff\xff\xff\0\0\0", "too large"),
    "one byte over the bound": (
        "limits/vector",
        EXTENSIONS,
        encode_varint(MAX_VECTOR_BYTES + 1) + bytes(16),
        "too large",
    ),
    "extension runs out of its list": ("2.1.2/elements-fill-vector", EXTENSIONS, b"\3\0\1\5" + bytes(8), "cut short"),
    "half an extension": ("2.1.2/elements-fill-vector", EXTENSIONS, b"\1\0" + bytes(8), "cut short"),
    "psk of no kind": ("2.1/enum", PSK, b"\0\0\0", "PSKType"),
    "psk of an unknown kind": ("2.1/enum", PSK, b"\3\0\0", "PSKType"),
    "resumption psk for nothing": ("2.1/enum", PSK, b"\2\0\0" + bytes(9), "ResumptionPSKUsage"),
    "resumption psk for something else": ("2.1/enum", PSK, b"\2\4\0" + bytes(9), "ResumptionPSKUsage"),
}


@pytest.mark.parametrize("name", IN_A_PROPOSAL)
def test_a_malformed_proposal_is_refused(crew: Crew, mirror: Mirror, name: str) -> None:
    """Hazard C1."""
    _, proposal_type, raw, why = IN_A_PROPOSAL[name]
    malformed(crew, signed_proposal(mirror, proposal_type, raw), why)


IN_A_COMMIT: dict[str, tuple[str, bytes, str]] = {
    "presence 2": ("2.1.1/presence", b"\0\2", "presence byte"),
    "presence 255": ("2.1.1/presence", b"\0\xff", "presence byte"),
    "neither proposal nor reference": ("2.1/enum", b"\1\0\0", "ProposalOrRefType"),
    "unknown kind of reference": ("2.1/enum", b"\1\3\0", "ProposalOrRefType"),
    "proposal runs out of its list": ("2.1.2/elements-fill-vector", b"\4\1\0\3\0\0\0\2\0", "cut short"),
    "references past the end": ("2.1.2/length-within", b"\x7f\xff\2\0", "cut short"),
}


@pytest.mark.parametrize("name", IN_A_COMMIT)
def test_a_malformed_commit_is_refused(crew: Crew, mirror: Mirror, name: str) -> None:
    """Hazard C1."""
    _, raw, why = IN_A_COMMIT[name]
    malformed(crew, signed_commit(mirror, raw), why)


def test_types_of_a_leaf_are_known(crew: Crew, mirror: Mirror) -> None:
    """Hazard C1 and Rule 2.1/enum: what the source says decides which fields follow, and so does the credential."""
    leaf = encode(mirror.update_leaf())
    r = Reader(leaf)
    r.opaque()
    r.opaque()
    credential = r.position
    r.u16()
    r.opaque()
    for _ in range(5):
        r.opaque()
    source = r.position
    assert leaf[source] == 2
    for value in (0, 4, 255):
        broken = leaf[:source] + bytes([value]) + leaf[source + 1 :]
        malformed(crew, signed_proposal(mirror, UPDATE, broken), "LeafNodeSource")
    for number in (0, 3, 0xFFFF, *GREASE_VALUES):
        broken = leaf[:credential] + number.to_bytes(2, "big") + leaf[credential + 2 :]
        malformed(crew, signed_proposal(mirror, UPDATE, broken), "CredentialType")


def test_types_of_a_frame_are_known(crew: Crew, mirror: Mirror) -> None:
    """Hazard C1 and Rule 2.1/enum: content types, wire formats and kinds of sender."""
    private = mirror.private(b"x")
    place = private.index(crew["bob"].group_id) + len(crew["bob"].group_id) + 8
    assert private[place] == ContentType.APPLICATION
    for value, wire_format in ((0, 0), (4, 6), (255, 255)):
        malformed(crew, private[:place] + bytes([value]) + private[place + 1 :], "ContentType")
        malformed(crew, private[:3] + bytes([wire_format]) + private[4:], "WireFormat")
    public = mirror.public(Remove(LeafIndex(2)))
    place = public.index(crew["bob"].group_id) + len(crew["bob"].group_id) + 8
    assert public[place] == SenderType.MEMBER
    for value in (0, 5, 255):
        malformed(crew, public[:place] + bytes([value]) + public[place + 1 :], "SenderType")


@pytest.mark.parametrize("version", [0, 2, 0x0A0A, 0xFFFF])
def test_messages_of_other_versions_are_refused(crew: Crew, mirror: Mirror, version: int) -> None:
    """Rule 6/version: also a key package that says another version than the message around it."""
    head = version.to_bytes(2, "big")
    bundle = crew.bundle("dave")
    for message in (mirror.private(b"x"), mirror.public(Remove(LeafIndex(2))), bundle.key_package_bytes):
        malformed(crew, head + message[2:], "version")
    malformed(crew, bundle.key_package_bytes[:4] + head + bundle.key_package_bytes[6:], "version")


def test_groups_of_other_versions_are_not_joined(crew: Crew, mirror: Mirror) -> None:
    """Rule 6/version: the group context says the version again, and a group info is signed and encrypted as it is."""
    bundle = crew.bundle("dave")
    forged = mirror.commit([Add(bundle.key_package)])

    class Renumbered(GroupContext):
        """A group context that says version 2 of itself."""

        @property
        def encoded(self) -> bytes:  # type: ignore[override]
            return b"\0\2" + super().encoded[2:]

    def renumber(info: GroupInfo) -> GroupInfo:
        fields = {field.name: getattr(info.group_context, field.name) for field in dataclasses.fields(GroupContext)}
        return replace(info, group_context=Renumbered(**fields))

    assert "version" in str(refuses_to_join(crew, mirror.welcome(forged, info=renumber), bundle, error=DecodeError))


def test_nothing_follows_a_message_or_a_struct_in_it(crew: Crew, mirror: Mirror) -> None:
    """Hazard B10 and Rule 2.1/trailing-bytes: behind the message, in the sender data and in the group secrets."""
    malformed(crew, mirror.private(b"x") + b"\0", "trailing")
    malformed(crew, mirror.public(Remove(LeafIndex(2))) + b"\0", "trailing")
    malformed(crew, mirror.private(b"x", encrypted_sender_data=lambda data: data + b"\0"), "trailing")
    bundle = crew.bundle("dave")
    forged = mirror.commit([Add(bundle.key_package)])
    refuses_to_join(crew, mirror.welcome(forged) + b"\0", bundle, error=DecodeError)
    tree = encode_ratchet_tree(forged.epoch.tree) + b"\0"
    refuses_to_join(crew, mirror.welcome(forged, ratchet_tree=tree), bundle, error=DecodeError)
    with pytest.raises(DecodeError, match="trailing"):
        decode(RequiredCapabilities, RequiredCapabilities().as_extension().extension_data + b"\0")


def test_confirmation_tags_stand_in_commits_and_nowhere_else(crew: Crew, mirror: Mirror) -> None:
    """Rule 6.1/confirmation-tag-place."""
    commit = decode_message(mirror.commit(wire_format=WireFormat.PUBLIC_MESSAGE).message)
    assert not isinstance(commit, KeyPackage | GroupInfo | Welcome)
    body = commit.content.body  # type: ignore[union-attr]
    malformed(crew, mirror.private(body), "length prefix")
    with pytest.raises(DecodeError):
        crew["bob"].process(mirror.public(body), authenticate=crew.authenticate, policy=PUBLIC)
    malformed(crew, mirror.public(Remove(LeafIndex(2)), tag=bytes(32)), "trailing")
    refuses(crew, "bob", mirror.private(Remove(LeafIndex(2)), tag=bytes(32)), "6.3.1/padding")


def test_membership_tags_come_with_members_and_with_nobody_else(crew: Crew, mirror: Mirror) -> None:
    """Rule 6.2/membership-tag-place."""
    with_tag = mirror.public(Remove(LeafIndex(2)))
    message = decode_message(with_tag)
    without = encode_message(replace(message, membership_tag=None))  # type: ignore[type-var]
    malformed(crew, without, "length prefix missing")
    for sender in (Sender(SenderType.EXTERNAL, 0), Sender(SenderType.NEW_MEMBER_PROPOSAL)):
        outside = mirror.public(Remove(LeafIndex(2)), sender=sender)
        malformed(crew, outside + encode_varint(32) + bytes(32), "trailing")


def test_vectors_of_a_million_tiny_elements_are_refused_soon(crew: Crew, mirror: Mirror) -> None:
    """Hazard C2 and Rule limits/vector: proposals, extensions, capabilities, unmerged leaves."""

    def vector(element: bytes, count: int) -> bytes:
        return encode_varint(len(element) * count) + element * count

    references = vector(b"\2\0", 100_000) + b"\0"
    extensions = vector(b"\0\1\0", 100_000)
    parent = b"\0" + b"\0" + vector(bytes(4), 1_000_000)
    commit, proposal = signed_commit(mirror, references), signed_proposal(mirror, EXTENSIONS, extensions)

    def read() -> None:
        malformed(crew, commit, "too many elements")
        malformed(crew, proposal, "too many elements")
        with pytest.raises(DecodeError, match="too many elements"):
            decode(ParentNode, parent)
        with pytest.raises(DecodeError, match="vector too large"):
            decode(ParentNode, b"\0\0" + encode_varint(4 << 24))
        with pytest.raises(DecodeError, match="too many elements"):
            decode(Capabilities, vector(b"\0\1", MAX_VECTOR_ITEMS + 1) + bytes(4))
        assert len(decode(Capabilities, vector(b"\0\1", MAX_VECTOR_ITEMS) + bytes(4)).versions) == MAX_VECTOR_ITEMS
        with pytest.raises(DecodeError, match="too many elements"):
            decode_ratchet_tree(crew.suite, vector(b"\0", MAX_VECTOR_ITEMS + 1))

    assert effort_s(read) < 1


def test_the_deepest_tree_needs_no_deep_stack(crew: Crew, mirror: Mirror) -> None:
    """Hazard C3 and Rule 2.1/no-recursion: the largest tree is decoded, resolved and hashed in a shallow stack."""
    del mirror
    leaf = crew["bob"].members()[0].leaf_node
    data = encode_ratchet_tree(RatchetTree(crew.suite, (*[None] * (MAX_TREE_NODES - 2), leaf)))
    depth, before = len(list(_frames())), sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 40)
    try:
        tree = decode_ratchet_tree(crew.suite, data)
        assert tree.resolution(root(tree.leaf_count)) == [MAX_TREE_NODES - 2]
        assert len(tree.tree_hash) == 32
        assert len(tree.filtered_direct_path(LeafIndex(tree.leaf_count - 1))) == 0
    finally:
        sys.setrecursionlimit(before)


def _frames() -> list[object]:
    found: list[object] = []
    frame = sys._getframe()
    while frame is not None:
        found.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return found


def samples(crew: Crew, mirror: Mirror) -> dict[str, bytes]:
    bundle = crew.bundle("dave")
    forged = mirror.commit([Add(bundle.key_package), Remove(LeafIndex(2)), GroupContextExtensions(())])
    return {
        "private": mirror.private(b"text"),
        "proposal": mirror.public(Add(bundle.key_package)),
        "commit": mirror.commit([Remove(LeafIndex(2))], wire_format=WireFormat.PUBLIC_MESSAGE).message,
        "welcome": mirror.welcome(forged),
        "key package": bundle.key_package_bytes,
    }


def test_what_is_cut_anywhere_is_malformed_and_nothing_else(crew: Crew, mirror: Mirror) -> None:
    """Hazards C1 and C4, and Rule 2.1/one-error: every prefix of every kind of message, and the whole."""
    for data in samples(crew, mirror).values():
        assert encode_message(decode_message(data)) == data
        for end in range(len(data)):
            with pytest.raises(DecodeError):
                decode_message(data[:end])


@pytest.mark.no_cover
def test_short_inputs_are_malformed_or_values_with_exactly_these_bytes() -> None:
    """Hazards C1 and C4, and Rule 2.1/one-error: every input of up to two bytes to every struct."""
    structs: tuple[type, ...] = (
        AuthenticatedContent,
        Commit,
        GroupInfo,
        GroupSecrets,
        KeyPackage,
        LeafNode,
        ParentNode,
        RequiredCapabilities,
        Welcome,
    )
    inputs = [b"", *(bytes([a]) for a in range(256)), *(bytes([a, b]) for a in range(0, 256, 3) for b in range(256))]
    for kind in structs:
        for data in inputs:
            try:
                value = decode(kind, data)
            except DecodeError:
                continue
            assert encode(value) == data


def test_any_byte_anywhere_in_signed_content_is_survived(crew: Crew, mirror: Mirror) -> None:
    """Hazard C4 and Rule 2.1/one-error: every byte of a commit changed, and signed and encrypted as it is then."""
    commit = decode_message(mirror.commit([Remove(LeafIndex(2))], wire_format=WireFormat.PUBLIC_MESSAGE).message)
    body = encode(commit.content.body)  # type: ignore[union-attr, arg-type]
    for place in range(0, len(body), 7):
        changed = body[:place] + bytes([body[place] ^ 0x81]) + body[place + 1 :]
        refuses(crew, "bob", signed_commit(mirror, changed), error=PeerError)


@pytest.mark.parametrize("proposal_type", [0, 8, 0x0A0A, 0xF123, 0xFFFF])
def test_proposals_of_unknown_types_stay_as_they_are(crew: Crew, mirror: Mirror, proposal_type: int) -> None:
    """Rule 12.1/unknown-proposal: decoded as opaque bytes, encoded to the same again, and refused for its type."""
    data = proposal_type.to_bytes(2, "big") + b"\5\xff\0xyz"
    proposal = read_proposal(Reader(data))
    w = Writer()
    write_proposal(w, proposal)
    assert w.finish() == data
    refuses(crew, "bob", mirror.private(proposal), "12.2/proposal-type")


NODE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "no kind of node": ("2.1/enum", lambda leaf: b"\1\0" + leaf, "NodeType"),
    "unknown kind of node": ("2.1/enum", lambda leaf: b"\1\3" + leaf, "NodeType"),
    "presence 2": ("2.1.1/presence", lambda leaf: b"\2\1" + leaf, "presence byte"),
}


@pytest.mark.parametrize("name", NODE)
def test_nodes_of_a_tree_are_leaves_or_parents(crew: Crew, mirror: Mirror, name: str) -> None:
    _, make, why = NODE[name]
    node = make(encode(mirror.own_leaf))
    bundle = crew.bundle("dave")
    welcome = mirror.welcome(mirror.commit([Add(bundle.key_package)]), ratchet_tree=encode_varint(len(node)) + node)
    error = refuses_to_join(crew, welcome, bundle, error=DecodeError)
    assert why in str(error)
