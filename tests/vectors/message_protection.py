"""Family message-protection: framing in both forms, read and made."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tacit.codec import Reader
from tacit.crypto.suites import CipherSuite
from tacit.errors import InvalidMessage
from tacit.mls.credentials import BasicCredential
from tacit.mls.framing import Body, FramedContent, FramedContentAuthData, Sender, encode_body, read_body
from tacit.mls.group_context import GroupContext
from tacit.mls.leaf_nodes import Capabilities, LeafNode
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message, encode_message
from tacit.mls.protection import EpochKeys, open_private, open_public, protect_public, seal_private, sign_content
from tacit.mls.registry import ContentType, LeafNodeSource, WireFormat
from tacit.mls.secret_tree import SecretTree
from tacit.mls.tree_math import LeafIndex
from tests.vectors.expect import Mismatch, Options, expect, suite_of, un

SENDER = LeafIndex(1)


@dataclass(frozen=True, slots=True)
class _Case:
    suite: CipherSuite
    vector: dict[str, Any]
    reader: EpochKeys
    writer: EpochKeys

    def key(self, name: str) -> bytes:
        """A secret of the vector."""
        return un(self.vector[name])


def check(vector: Any, options: Options) -> None:
    """Proposal, commit and application data, each public and private, given and made here."""
    del options
    suite = suite_of(vector)
    case = _Case(suite, vector, _keys(suite, vector, LeafIndex(0)), _keys(suite, vector, SENDER))
    for content_type in ContentType:
        raw = un(vector[content_type.name.lower()])
        body = _whole_body(raw, content_type)
        _check_private(case, content_type, body, raw)
        if content_type is ContentType.APPLICATION:
            _check_never_public(case, body)
        else:
            _check_public(case, content_type, body, raw)


def leaf_with_key(signature_key: bytes) -> LeafNode:
    """A leaf of which only the signature key is looked at."""
    capabilities = Capabilities((1,), (), (), (), (1,))
    return LeafNode(b"", signature_key, BasicCredential(b""), capabilities, LeafNodeSource.UPDATE, None, b"", (), b"")


def _keys(suite: CipherSuite, vector: dict[str, Any], own_leaf: LeafIndex) -> EpochKeys:
    tree_hash, transcript_hash = un(vector["tree_hash"]), un(vector["confirmed_transcript_hash"])
    context = GroupContext(suite.id, un(vector["group_id"]), int(vector["epoch"]), tree_hash, transcript_hash, ())
    return EpochKeys(
        suite,
        context.encoded,
        own_leaf,
        un(vector["sender_data_secret"]),
        SecretTree.from_encryption_secret(2, un(vector["encryption_secret"])),
        {LeafIndex(0): leaf_with_key(b""), SENDER: leaf_with_key(un(vector["signature_pub"]))},
    )


def _whole_body(data: bytes, content_type: ContentType) -> Body:
    if content_type is ContentType.APPLICATION:
        return data
    r = Reader(data)
    body = read_body(r, content_type)
    r.finish()
    return body


def _signed(case: _Case, wire_format: WireFormat, body: Body) -> tuple[FramedContent, FramedContentAuthData]:
    keys = case.writer
    group_id, epoch = un(case.vector["group_id"]), int(case.vector["epoch"])
    content = FramedContent(group_id, epoch, Sender.member(SENDER), b"aad", body)
    signature = sign_content(case.suite, case.key("signature_priv"), wire_format, content, keys.group_context)
    tag = bytes(case.suite.hash_size) if content.content_type is ContentType.COMMIT else None
    return content, FramedContentAuthData(signature, tag)


def _check_private(case: _Case, content_type: ContentType, body: Body, raw: bytes) -> None:
    name = f"{content_type.name.lower()}_priv"
    entropy = random.Random(case.suite.id).randbytes
    made, _ = seal_private(case.writer, *_signed(case, WireFormat.PRIVATE_MESSAGE, body), entropy)
    for what, data in ((name, un(case.vector[name])), (f"{name} made here", encode_message(made))):
        message = decode_message(data)
        if not isinstance(message, PrivateMessage):
            raise Mismatch(f"{what} is no PrivateMessage")
        opened = open_private(case.reader, message).verify(case.reader).content.body
        expect(what, raw if opened == body else encode_body(opened), raw)


def _check_public(case: _Case, content_type: ContentType, body: Body, raw: bytes) -> None:
    name = f"{content_type.name.lower()}_pub"
    membership_key, context = case.key("membership_key"), case.writer.group_context
    signed = _signed(case, WireFormat.PUBLIC_MESSAGE, body)
    made = encode_message(protect_public(case.suite, membership_key, *signed, context))
    for what, data in ((name, un(case.vector[name])), (f"{name} made here", made)):
        message = decode_message(data)
        if not isinstance(message, PublicMessage):
            raise Mismatch(f"{what} is no PublicMessage")
        opened = open_public(case.suite, membership_key, message, case.key("signature_pub"), context)
        expect(what, encode_body(opened.content.body), raw)


def _check_never_public(case: _Case, body: Body) -> None:
    signed = _signed(case, WireFormat.PUBLIC_MESSAGE, body)
    try:
        protect_public(case.suite, case.key("membership_key"), *signed, case.writer.group_context)
    except InvalidMessage as error:
        expect("the rule that keeps application data private", error.check, "6/application-is-private")
        return
    raise Mismatch("application data was framed as a PublicMessage")
