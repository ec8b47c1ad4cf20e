from __future__ import annotations

import pytest

from tacit.codec import Reader, decode, encode
from tacit.mls import ExternalSenderIndex, NewMember
from tacit.mls.framing import Sender
from tacit.mls.registry import SenderType
from tacit.mls.tree_math import LeafIndex

SENDERS = [
    Sender.member(LeafIndex(0)),
    Sender.member(LeafIndex(0xFFFFFFFF)),
    Sender(SenderType.EXTERNAL, 7),
    Sender(SenderType.NEW_MEMBER_PROPOSAL),
    Sender(SenderType.NEW_MEMBER_COMMIT),
]


@pytest.mark.parametrize("sender", SENDERS, ids=str)
def test_a_sender_is_read_as_it_was_written(sender: Sender) -> None:
    """Those who come in have no number, so that they are equal wherever they are read."""
    assert decode(Sender, encode(sender)) == sender
    assert Sender.read(Reader(sender.encoded + b"more")) == sender


def test_who_proposes_is_the_same_in_every_form() -> None:
    for maker in (LeafIndex(3), ExternalSenderIndex(3), NewMember()):
        assert Sender.of(maker).proposal_sender == maker
