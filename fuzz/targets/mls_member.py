"""What a member who went bad can send: any bytes behind a good signature, good encryption and, if need be, good tags.

The first byte of an input says where the rest is put. RFC 9420 §6, §12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from fuzz.forged import OPEN, authenticate, crew, forge, mirror, newcomer, victim
from fuzz.honest import NOW_S
from tacit.codec import Reader, Writer, decode, encode
from tacit.errors import PeerError
from tacit.mls import Add, GroupContextExtensions, LeafIndex, LeafNode, Proposal, Remove, Update
from tacit.mls.commits import Commit, UpdatePath
from tacit.mls.framing import FramedContentAuthData
from tacit.mls.key_packages import KeyPackage
from tacit.mls.messages import PublicMessage, decode_message
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.registry import ContentType, WireFormat
from tests.mls.mirror import forge_key_package
from tests.mls.refusal import state_of


def _content(content_type: ContentType) -> Callable[[bytes], bytes]:
    """Inside the encryption: content, signature, tag and padding are all the input's."""
    return lambda data: mirror().private(b"x", content_type=content_type, content_bytes=lambda plain: data)


def _proposal(data: bytes) -> Proposal:
    r = Reader(data)
    proposal = read_proposal(r)
    r.finish()
    return proposal


def _update(data: bytes) -> Proposal:
    """A leaf that the forger signs for his place."""
    return Update(mirror().leaf(decode(LeafNode, data)))


def _add(data: bytes) -> Proposal:
    """A key package that its owner signs again."""
    package = decode(KeyPackage, data)
    return Add(forge_key_package(package, crew().suite, crew().key("grace").private))


def _commit(data: bytes) -> bytes:
    """Any commit, signed; its confirmation tag is the forger's guess."""
    forger = mirror()
    content = forger.content(decode(Commit, data))
    signature = forger.sign(content, WireFormat.PRIVATE_MESSAGE)
    return forger.encrypt(content, FramedContentAuthData(signature, bytes(crew().suite.hash_size)), LeafIndex(0))


def _path(data: bytes) -> bytes:
    """A commit with a good tag and any path."""
    return mirror().commit(path=lambda path: decode(UpdatePath, data)).message


MAKERS: tuple[Callable[[bytes], bytes], ...] = (
    _content(ContentType.APPLICATION),
    _content(ContentType.PROPOSAL),
    _content(ContentType.COMMIT),
    lambda data: mirror().private(_proposal(data)),
    lambda data: mirror().public(_proposal(data)),
    lambda data: mirror().private(_update(data)),
    lambda data: mirror().private(_add(data)),
    lambda data: mirror().commit([_proposal(data)]).message,
    lambda data: mirror().commit([_add(data)]).message,
    _commit,
    _path,
    lambda data: mirror().private(data, padding=data[:16]),
)
"""The first byte of an input picks one."""


def seeds() -> Iterator[bytes]:
    """An honest value of each kind."""
    commit, plain = _public_commit([Remove(LeafIndex(3)), Add(newcomer().key_package)]), _public_commit([])
    assert plain.path is not None
    w = Writer()
    write_proposal(w, GroupContextExtensions(()))
    yield from (bytes((index,)) + b"\x04text" + bytes(70) for index in range(3))
    for index in (3, 4, 7):
        yield bytes((index,)) + w.finish()
        remove = Writer()
        write_proposal(remove, Remove(LeafIndex(1)))
        yield bytes((index,)) + remove.finish()
    yield b"\x05" + encode(mirror().update_leaf())
    yield b"\x06" + encode(newcomer().key_package)
    yield b"\x08" + encode(newcomer().key_package)
    yield b"\x09" + encode(commit)
    yield b"\x0a" + encode(plain.path)
    yield b"\x0btext"


def _public_commit(proposals: list[Proposal]) -> Commit:
    """What an honest commit of the forger holds."""
    message = decode_message(mirror().commit(proposals, wire_format=WireFormat.PUBLIC_MESSAGE).message)
    assert isinstance(message, PublicMessage)
    assert isinstance(message.content.body, Commit)
    return message.content.body


def check(data: bytes) -> None:
    """An event or a ``PeerError``; whatever happens, the victim's group is as it was."""
    if not data:
        return
    message = forge(lambda: MAKERS[data[0] % len(MAKERS)](data[1:]))
    if message is None:
        return
    group = victim()
    before = state_of(group)
    with suppress(PeerError):
        group.process(message, authenticate=authenticate, now_s=NOW_S, policy=OPEN)
    assert state_of(group) == before
