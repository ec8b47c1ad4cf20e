"""What values say of themselves, and what functions answer to callers who skipped a check."""

from __future__ import annotations

from typing import Any

import pytest

from tacit.codec import decode, encode
from tacit.mls import LeafIndex, PublicMessage, Remove
from tacit.mls.framing import AuthenticatedContent, FramedContent, Sender
from tacit.mls.messages import GroupSecrets, decode_message
from tacit.mls.proposal_lists import CommittedProposal, apply_proposals
from tacit.mls.registry import SenderType, WireFormat
from tacit.mls.secret_tree import Ratchet
from tacit.mls.successors import Founder
from tests.mls.crew import NOW_S, Crew


@pytest.mark.parametrize("what", ["proposal", "commit"])
def test_content_with_its_authentication_is_read_as_it_was_written(what: str) -> None:
    """It never travels in this form; its hash names a proposal."""
    crew = Crew(2)
    if what == "proposal":
        _, data = crew["alice"].propose(Remove(LeafIndex(1)), public=True, entropy=crew.entropy)
    else:
        given: Any = {"entropy": crew.entropy, "now_s": NOW_S, "authenticate": crew.authenticate}
        data = crew["alice"].create_commit(public=True, **given)[1].commit
    message = decode_message(data)
    assert isinstance(message, PublicMessage)
    content = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, message.content, message.auth)
    assert decode(AuthenticatedContent, encode(content)) == content
    assert encode(Sender.member(LeafIndex(1))) == b"\x01\x00\x00\x00\x01"


@pytest.mark.parametrize("kind", [SenderType.NEW_MEMBER_COMMIT, SenderType.NEW_MEMBER_PROPOSAL])
def test_who_is_no_member_has_no_index(kind: SenderType) -> None:
    assert decode(Sender, bytes((kind,))) == Sender(kind)


def test_the_secrets_of_a_welcome_do_not_show() -> None:
    assert repr(GroupSecrets(b"joiner", b"path", ())) == "<GroupSecrets>"


def test_what_messages_are_made_of_does_not_show() -> None:
    crew = Crew(2)
    key, ratchet = Ratchet(0, b"secret" * 6).next_key(crew.suite)
    event = crew["bob"].process(crew.seal("alice", b"spoken"), authenticate=crew.authenticate, now_s=NOW_S)
    content = FramedContent(b"group", 7, Sender.member(LeafIndex(1)), b"", b"spoken")
    shown = [repr(value) for value in (key, ratchet, event, content)]
    assert shown[:2] == ["<MessageKey 0>", "<Ratchet 1>"]
    assert shown[2] == "<ApplicationData of leaf 0 in epoch 1>"
    assert "epoch 7" in shown[3]
    assert not any("spoken" in text or str(key.key) in text for text in shown)


def test_the_key_that_somebody_founds_a_group_with_does_not_show() -> None:
    assert "private key" not in repr(Founder(signature_private=b"private key"))


def test_trees_with_the_same_nodes_are_one_value() -> None:
    crew = Crew(2)
    alices, bobs = crew["alice"].state.tree, crew["bob"].state.tree
    assert alices is not bobs
    assert alices == bobs
    assert hash(alices) == hash(bobs)
    assert alices != crew["alice"].context


def test_a_list_that_nobody_has_checked_is_not_applied() -> None:
    group = Crew(2)["alice"]
    with pytest.raises(ValueError, match="not checked"):
        apply_proposals(group.state.tree, (), (CommittedProposal(Remove(LeafIndex(7)), group.own_leaf),))
