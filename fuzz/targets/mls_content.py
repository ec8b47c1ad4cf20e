"""What lies inside MLS messages once they are open: proposals, commits, leaves, trees. RFC 9420 §6, §7, §12."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fuzz.honest import conversation
from tacit.codec import Reader, Struct, Writer, decode, encode
from tacit.crypto.suites import X25519_SUITE, suite
from tacit.errors import DecodeError, InvalidMessage
from tacit.mls import Add, LeafNode, Remove
from tacit.mls.commits import Commit
from tacit.mls.framing import AuthenticatedContent, FramedContent
from tacit.mls.group_context import GroupContext
from tacit.mls.messages import GroupInfo, GroupSecrets, decode_message
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.tree_math import LeafIndex

STRUCTS: tuple[type[Struct], ...] = (
    Commit,
    FramedContent,
    AuthenticatedContent,
    LeafNode,
    ParentNode,
    GroupContext,
    GroupInfo,
    GroupSecrets,
)


def _proposal(data: bytes) -> bytes:
    r = Reader(data)
    proposal = read_proposal(r)
    r.finish()
    w = Writer()
    write_proposal(w, proposal)
    return w.finish()


def _tree(data: bytes) -> bytes:
    return encode_ratchet_tree(decode_ratchet_tree(suite(X25519_SUITE), data))


def _struct(cls: type[Struct]) -> Callable[[bytes], bytes]:
    return lambda data: encode(decode(cls, data))


ROUND_TRIPS: tuple[Callable[[bytes], bytes], ...] = (_proposal, _tree, *(_struct(cls) for cls in STRUCTS))
"""The first byte of an input picks one."""


def seeds() -> Iterator[bytes]:
    """Proposals, the tree, a leaf and the group's context of a real group, and what is left as empty bodies."""
    said = conversation()
    w = Writer()
    write_proposal(w, Remove(LeafIndex(1)))
    yield b"\x00" + w.finish()
    key_package = decode_message(said.key_packages[0])
    w = Writer()
    write_proposal(w, Add(key_package))  # type: ignore[arg-type]
    yield b"\x00" + w.finish()
    yield b"\x01" + encode_ratchet_tree(said.reader.state.tree)
    for index, cls in enumerate(STRUCTS, 2):
        for value in (said.reader.context, said.reader.members()[0].leaf_node):
            if isinstance(value, cls):
                yield bytes((index,)) + encode(value)
        yield bytes((index,)) + bytes(40)


def check(data: bytes) -> None:
    """A value that encodes to the same bytes, or the documented errors."""
    if not data:
        return
    try:
        again = ROUND_TRIPS[data[0] % len(ROUND_TRIPS)](data[1:])
    except (DecodeError, InvalidMessage):
        return
    assert again == data[1:]
