"""What lies inside MLS messages once they are open: proposals, commits, leaves, trees. RFC 9420 §6, §7, §12."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fuzz.honest import conversation
from tacit.codec import Reader, Struct, Writer, decode, encode
from tacit.crypto.suites import X25519_SUITE, suite
from tacit.errors import DecodeError, InvalidMessage
from tacit.mls import (
    Add,
    Extension,
    ExternalInit,
    ExternalPSK,
    GroupContextExtensions,
    LeafIndex,
    LeafNode,
    PreSharedKey,
    PreSharedKeyID,
    ReInit,
    Remove,
    RequiredCapabilities,
    ResumptionPSK,
    Update,
)
from tacit.mls.commits import Commit, HPKECiphertext, UpdatePath, UpdatePathNode
from tacit.mls.extensions import ComponentData, ExternalSender
from tacit.mls.framing import AuthenticatedContent, FramedContent, Sender
from tacit.mls.group_context import GroupContext
from tacit.mls.key_packages import KeyPackage
from tacit.mls.leaf_nodes import Capabilities, Lifetime
from tacit.mls.messages import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    PrivateMessage,
    PublicMessage,
    Welcome,
    decode_message,
)
from tacit.mls.parent_nodes import ParentNode
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.registry import ResumptionPSKUsage, WireFormat

STRUCTS: tuple[type[Struct], ...] = (
    Commit,
    FramedContent,
    AuthenticatedContent,
    LeafNode,
    ParentNode,
    GroupContext,
    GroupInfo,
    GroupSecrets,
    UpdatePath,
    UpdatePathNode,
    HPKECiphertext,
    Capabilities,
    Lifetime,
    Extension,
    RequiredCapabilities,
    ExternalSender,
    ComponentData,
    Sender,
    KeyPackage,
    PreSharedKeyID,
    EncryptedGroupSecrets,
    Welcome,
    PublicMessage,
    PrivateMessage,
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
    """Proposals, the tree and one honest value of every struct; empty bodies of those."""
    values = list(_honest_values())
    for value in values:
        if isinstance(value, Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions):
            w = Writer()
            write_proposal(w, value)
            yield b"\x00" + w.finish()
    yield b"\x01" + encode_ratchet_tree(conversation().reader.state.tree)
    for index, cls in enumerate(STRUCTS, 2):
        for value in values:
            if isinstance(value, cls):
                yield bytes((index,)) + encode(value)
        yield bytes((index,)) + bytes(40)


def _honest_values() -> Iterator[object]:
    """Of a real group, what goes over the wire and what lies inside."""
    said = conversation()
    for sent in (*said.key_packages, said.welcome, said.application, said.next_commit, said.group_info):
        yield decode_message(sent)
    welcome, info = decode_message(said.welcome), decode_message(said.group_info)
    assert isinstance(welcome, Welcome)
    assert isinstance(info, GroupInfo)
    yield from (welcome.secrets[0], welcome.secrets[0].encrypted_group_secrets, info.extensions[0])
    public = decode_message(said.public_commit)
    assert isinstance(public, PublicMessage)
    commit = public.content.body
    assert isinstance(commit, Commit)
    assert commit.path is not None
    yield from (public, public.content, public.content.sender, commit, commit.path, *commit.path.nodes)
    yield AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, public.content, public.auth)
    leaf = said.reader.members()[0].leaf_node
    package = decode_message(said.key_packages[0])
    assert isinstance(package, KeyPackage)
    yield from (leaf, leaf.capabilities, Lifetime(1, 2), said.reader.context)
    yield from (node for _, node in said.reader.state.tree.parents())
    yield RequiredCapabilities((1,), (2, 3), (1,))
    yield ExternalSender(leaf.signature_key, leaf.credential)
    yield ComponentData(4, b"")
    yield GroupSecrets(bytes(32), bytes(32), ())
    external = PreSharedKeyID(ExternalPSK(b"psk"), bytes(32))
    resumption = PreSharedKeyID(ResumptionPSK(ResumptionPSKUsage.REINIT, b"group", 7), bytes(32))
    yield from (external, resumption, Add(package), Update(leaf), Remove(LeafIndex(1)), PreSharedKey(resumption))
    yield from (ReInit(b"next", 1, 1, ()), ExternalInit(bytes(32)), GroupContextExtensions((Extension(7, b"x"),)))


def check(data: bytes) -> None:
    """A value that encodes to the same bytes, or the documented errors."""
    if not data:
        return
    try:
        again = ROUND_TRIPS[data[0] % len(ROUND_TRIPS)](data[1:])
    except (DecodeError, InvalidMessage):
        return
    assert again == data[1:]
