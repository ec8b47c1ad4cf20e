"""Lives of a store: when it is put back to an older copy, it must not seal again under keys that it has used since.

Where only the store was put back, the relay knows more of it and says so. Where the relay was put back, too, as with
both in one snapshot of a machine, nobody knows anything. But a restored relay has another *incarnation*, a random
number that was not there before. Every commit names the incarnation at which it is made in its authenticated data;
that is part of the transcript, and so all keys of the epoch that the commit begins depend on it. Keys that depend on
the present incarnation were at work in no earlier life. The same is true of the first epoch after an invitation to a
KeyPackage, and of a group, that was made at the present incarnation.

A device seals only with such keys, or when it knows better: when this very process has been in step with the
conversation before the relay was restored. Else it first makes a commit that takes no key of the epoch: signed, and
authenticated with the group's membership key, but not encrypted. Source: RFC 9420 §6.2, §8.2
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tacit.client.core.state import Context, GroupState
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message

INCARNATION_BYTES: Final = 16


def may_seal(state: GroupState, ctx: Context) -> bool:
    """Whether no other life of this store can have sealed anything with the keys of the present epoch."""
    return state.conversation.keys_from == ctx.incarnation or ctx.is_newest(state.group_id)


def with_keys_from(state: GroupState, incarnation: bytes) -> GroupState:
    """The state with another word on where the keys of its epoch come from."""
    if state.conversation.keys_from == incarnation:
        return state
    return replace(state, conversation=replace(state.conversation, keys_from=incarnation))


def incarnation_in(named: bytes) -> bytes:
    """The incarnation that a commit names in its authenticated data; anything else is none."""
    return named if len(named) == INCARNATION_BYTES else b""


def named_by(commit: bytes) -> bytes:
    """The authenticated data of a commit of our own."""
    match decode_message(commit):
        case PrivateMessage(authenticated_data=named):
            return named
        case PublicMessage(content=content):
            return content.authenticated_data
    return b""
