from __future__ import annotations

import pytest

from tacit.mls import ApplicationData
from tacit.mls.framing import FramedContent, FramedContentAuthData, Sender
from tacit.mls.messages import PublicMessage
from tacit.mls.protection import open_public, protect_public, ratchet_kind
from tacit.mls.registry import ContentType
from tacit.mls.secret_tree import RatchetKind
from tests.mls.crew import Crew
from tests.mls.refusal import breaks


def test_application_data_is_not_put_into_a_public_message_and_not_taken_out_of_one() -> None:
    """Whoever calls these has checked it before; they do so themselves."""
    crew = Crew(2)
    group = crew["alice"]
    content = FramedContent(group.group_id, group.epoch, Sender.member(group.own_leaf), b"", b"hello")
    auth, key = FramedContentAuthData(b"signature"), group.state.secrets.membership_key.reveal()
    with breaks("6/application-is-private"):
        protect_public(crew.suite, key, content, auth, group.context.encoded)
    message = PublicMessage(content, auth, bytes(32))
    with breaks("6/application-is-private"):
        open_public(crew.suite, key, message, b"", group.context.encoded)


def test_the_keys_of_an_epoch_do_not_show() -> None:
    group = Crew(1)["alice"]
    assert repr(group.state.keys(group.secret_tree)) == "<EpochKeys>"


@pytest.mark.parametrize("content_type", ContentType)
def test_handshakes_and_applications_have_ratchets_of_their_own(content_type: ContentType) -> None:
    is_application = content_type is ContentType.APPLICATION
    assert ratchet_kind(content_type) is (RatchetKind.APPLICATION if is_application else RatchetKind.HANDSHAKE)


def test_an_opened_message_says_which_key_it_took() -> None:
    crew = Crew(2)
    for generation in range(3):
        message = crew.seal("alice", b"hello")
        event = crew["bob"].process(message, authenticate=crew.authenticate)
        assert isinstance(event, ApplicationData)
        assert (event.generation, event.epoch) == (generation, crew["bob"].epoch)
