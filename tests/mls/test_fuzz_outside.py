"""Whatever somebody outside makes and signs, where outsiders are welcome: a value or a ``PeerError``, and no change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.codec import Reader, Writer, decode, encode
from tacit.errors import PeerError
from tacit.mls import (
    Add,
    BasicCredential,
    Extension,
    ExternalInit,
    ExternalSender,
    GroupContextExtensions,
    LeafIndex,
    LeafNode,
    Policy,
    Proposal,
    ReInit,
    Remove,
    external_senders_extension,
    join_externally,
    load,
    read_group_info,
    save,
)
from tacit.mls.commits import UpdatePath
from tacit.mls.framing import Sender
from tacit.mls.labels import GROUP_INFO_TBS, sign_with_label
from tacit.mls.messages import GroupInfo, encode_message
from tacit.mls.proposals import CustomProposal, read_proposal, write_proposal
from tacit.mls.registry import SenderType
from tests.mls.crew import NOW_S, Crew
from tests.mls.refusal import state_of
from tests.mls.stranger import Stranger
from tests.mls.test_fuzz import edits, mutated

pytestmark = pytest.mark.no_cover

Edits = list[tuple[str, int, bytes]]

CREW = Crew(3)
KEY = CREW.key("dave")
NAMED = external_senders_extension((ExternalSender(KEY.public, BasicCredential(b"office")),))
CREW.commit("alice", [GroupContextExtensions((NAMED,))])
GROUP = CREW["bob"]
BEFORE = state_of(GROUP)
WELCOMING = Policy(
    public_handshakes=True, external_commits=True, outside_proposals=True, authenticate_sender=lambda sender: None
)
INFO = CREW["alice"].group_info()
BUNDLE = CREW.bundle("dave")
PROPOSALS: tuple[Proposal, ...] = (
    Remove(LeafIndex(2)),
    Add(BUNDLE.key_package),
    GroupContextExtensions((Extension(0xF7A0, b"x"),)),
    ReInit(b"next", 1, 1, ()),
    ExternalInit(bytes(32)),
    CustomProposal(0xF123, b"x"),
)
OUTSIDERS = (Sender(SenderType.EXTERNAL, 0), Sender(SenderType.EXTERNAL, 1), Sender(SenderType.NEW_MEMBER_PROPOSAL))


def anybody(old: LeafNode | None, new: LeafNode) -> None:
    """Here every name is believed, so that more of what is made gets further."""


def survives(message: bytes) -> None:
    with suppress(PeerError):
        event = GROUP.process(message, authenticate=anybody, policy=WELCOMING, now_s=NOW_S)
        after = getattr(event, "group", None) or getattr(event, "group_after", None)
        if after is not None:
            assert load(save(after)) == after
    assert state_of(GROUP) == BEFORE


def survives_forging(forge: Callable[[], bytes]) -> None:
    """What the changed bytes do not decode to is not sent."""
    try:
        message = forge()
    except PeerError:
        return
    survives(message)


def again(proposal: Proposal, changes: Edits) -> Proposal:
    """The proposal that its changed bytes decode to."""
    w = Writer()
    write_proposal(w, proposal)
    r = Reader(mutated(w.finish(), changes))
    changed = read_proposal(r)
    r.finish()
    return changed


@given(edits)
@settings(max_examples=200, deadline=None)
def test_changed_external_commits(changes: Edits) -> None:
    survives(mutated(Stranger(CREW, CREW["alice"], "dave").commit(), changes))


@given(st.sampled_from(["path", "leaf", "proposal"]), st.sampled_from(PROPOSALS), edits)
@settings(max_examples=250, deadline=None)
def test_changed_external_commits_that_are_well_signed(where: str, proposal: Proposal, changes: Edits) -> None:
    stranger = Stranger(CREW, CREW["alice"], "dave")

    def forge() -> bytes:
        if where == "path":
            return stranger.commit(path=lambda path: decode(UpdatePath, mutated(encode(path), changes)))
        if where == "leaf":
            return stranger.commit(leaf=lambda leaf: decode(LeafNode, mutated(encode(leaf), changes)))
        return stranger.commit([again(proposal, changes)])

    survives_forging(forge)


@given(st.sampled_from(OUTSIDERS), st.sampled_from(PROPOSALS), edits)
@settings(max_examples=200, deadline=None)
def test_changed_proposals_from_outside_that_are_well_signed(
    sender: Sender, proposal: Proposal, changes: Edits
) -> None:
    stranger = Stranger(CREW, CREW["alice"], "dave")
    survives_forging(lambda: stranger.say(again(proposal, changes), sender))


@given(edits, st.booleans())
@settings(max_examples=250, deadline=None)
def test_changed_group_infos(changes: Edits, is_signed: bool) -> None:
    """With the signature of a member, who may be in it with whoever shows it to us."""
    with suppress(PeerError):
        data = mutated(INFO, changes)
        if is_signed:
            info = decode(GroupInfo, mutated(encode(read_group_info(INFO)), changes))
            signature = sign_with_label(
                CREW.suite, CREW.key("alice").private, GROUP_INFO_TBS, replace(info).to_be_signed
            )
            data = encode_message(replace(info, signature=signature))
        join_externally(data, b"dave", KEY.private, authenticate=anybody, now_s=NOW_S, entropy=CREW.entropy)
