from __future__ import annotations

import random

import pytest

from tacit.codec import Reader
from tacit.crypto.suites import CipherSuite
from tacit.errors import InvalidMessage
from tacit.mls.credentials import BasicCredential
from tacit.mls.framing import Body, FramedContent, FramedContentAuthData, Sender, encode_body, read_body
from tacit.mls.group_context import GroupContext
from tacit.mls.leaf_nodes import Capabilities, LeafNode
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message, encode_message
from tacit.mls.protection import (
    EpochKeys,
    open_private,
    open_public,
    protect_public,
    seal_private,
    sign_content,
)
from tacit.mls.registry import ContentType, LeafNodeSource, WireFormat
from tacit.mls.secret_tree import SecretTree
from tacit.mls.tree_math import LeafIndex
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex
SENDER = LeafIndex(1)


def leaf_with_key(signature_key: bytes) -> LeafNode:
    capabilities = Capabilities((1,), (), (), (), (1,))
    return LeafNode(b"", signature_key, BasicCredential(b""), capabilities, LeafNodeSource.UPDATE, None, b"", (), b"")


def keys_of(suite: CipherSuite, case: dict[str, str], own_leaf: int) -> EpochKeys:
    context = GroupContext(
        suite.id,
        un(case["group_id"]),
        int(case["epoch"]),
        un(case["tree_hash"]),
        un(case["confirmed_transcript_hash"]),
        (),
    )
    return EpochKeys(
        suite,
        context.group_id,
        context.epoch,
        context.encoded,
        LeafIndex(own_leaf),
        un(case["sender_data_secret"]),
        SecretTree.from_encryption_secret(2, un(case["encryption_secret"])),
        {LeafIndex(0): leaf_with_key(b""), SENDER: leaf_with_key(un(case["signature_pub"]))},
    )


def read_whole_body(data: bytes, content_type: ContentType) -> Body:
    if content_type is ContentType.APPLICATION:
        return data
    r = Reader(data)
    body = read_body(r, content_type)
    r.finish()
    return body


def signed(
    keys: EpochKeys, case: dict[str, str], wire_format: WireFormat, body: Body
) -> tuple[FramedContent, FramedContentAuthData]:
    content = FramedContent(keys.group_id, keys.epoch, Sender.member(SENDER), b"aad", body)
    signature = sign_content(keys.suite, un(case["signature_priv"]), wire_format, content, keys.group_context)
    tag = bytes(keys.suite.hash_size) if content.content_type is ContentType.COMMIT else None
    return content, FramedContentAuthData(signature, tag)


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("message-protection"):
        reader, writer = keys_of(suite, case, 0), keys_of(suite, case, SENDER)
        membership_key, signature_key = un(case["membership_key"]), un(case["signature_pub"])
        entropy = random.Random(suite.id).randbytes
        for content_type in ContentType:
            name = content_type.name.lower()
            raw = un(case[name])
            body = read_whole_body(raw, content_type)

            private = decode_message(un(case[f"{name}_priv"]))
            assert isinstance(private, PrivateMessage)
            opened = open_private(reader, private).verify(reader)
            assert opened.content.body == body
            if content_type is not ContentType.APPLICATION:
                assert encode_body(opened.content.body) == raw

            message, _ = seal_private(writer, *signed(writer, case, WireFormat.PRIVATE_MESSAGE, body), entropy)
            again = decode_message(encode_message(message))
            assert isinstance(again, PrivateMessage)
            assert open_private(reader, again).verify(reader).content.body == body

            content, auth = signed(writer, case, WireFormat.PUBLIC_MESSAGE, body)
            if content_type is ContentType.APPLICATION:
                with pytest.raises(InvalidMessage, match="6/application-is-private"):
                    protect_public(suite, membership_key, content, auth, writer.group_context)
                continue
            public = decode_message(un(case[f"{name}_pub"]))
            own = decode_message(
                encode_message(protect_public(suite, membership_key, content, auth, writer.group_context))
            )
            for either in (public, own):
                assert isinstance(either, PublicMessage)
                verified = open_public(suite, membership_key, either, signature_key, reader.group_context)
                assert encode_body(verified.content.body) == raw
        ran += 1
    count_suites("message-protection", ran)
