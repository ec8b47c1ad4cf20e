"""Beginning a conversation: making a group, and entering one by invitation.

An invitation says who signed it; whether that account may put this one into a chat at once is decided by ``admit``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tacit import mls
from tacit.client.core.authority import check_leaf, check_new_leaf
from tacit.client.core.group_info import (
    GROUP_INFO_EXTENSION,
    GroupInfo,
    GroupKind,
    encode_group_info,
    read_group_info,
)
from tacit.client.core.heads import first_head
from tacit.client.core.lives import with_keys_from
from tacit.client.core.roster import Member, Roster, read_roster
from tacit.client.core.state import Context, GroupState
from tacit.client.model import ChatId, ContactStatus, Conversation, ConversationStatus, GroupId
from tacit.errors import PeerError
from tacit.identity import format_id


class Unwelcome(PeerError):
    """An invitation is not what it claims to be."""

    code = "welcome-invalid"


class OldInvitation(Unwelcome):
    """An invitation leads into an epoch of its group that this device has already been in."""

    code = "welcome-replayed"


class Admission(StrEnum):
    """What to do with an invitation."""

    JOIN = "join"
    ASK = "ask"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A Welcome that was opened: the group as it is for us, and who invites."""

    state: GroupState
    inviter: Member
    used_ref: bytes
    """The KeyPackage that was used up."""


def direct_chat_id(account_id: bytes) -> ChatId:
    """The ID of the direct chat with an account."""
    return ChatId(f"direct:{format_id(account_id)}")


def group_chat_id(group_id: bytes) -> ChatId:
    """The ID of a group chat."""
    return ChatId(f"group:{group_id.hex()}")


def room_chat_id(room_id: bytes) -> ChatId:
    """The ID of a room."""
    return ChatId(f"room:{room_id.hex()}")


def begin_group(
    kind: GroupKind, name: str, peer: bytes | None, suite_id: int, ctx: Context, *, below: bytes | None = None
) -> GroupState:
    """A new group with this device alone in it. ``below``: choose an ID smaller than that one if there is any."""
    group_id = _fresh_group_id(ctx, below)
    info = GroupInfo(kind, name, (ctx.me.account_id,))
    info.check()
    group = mls.create_group(
        group_id,
        suite_id,
        ctx.me.certificate,
        ctx.me.signature_private,
        extensions=(mls.Extension(GROUP_INFO_EXTENSION, encode_group_info(info)),),
        extension_types=(GROUP_INFO_EXTENSION,),
        entropy=ctx.entropy,
        now_s=ctx.now_s,
    )
    chat_id = group_chat_id(group_id) if peer is None else direct_chat_id(peer)
    state = entered_state(group, info, chat_id, ConversationStatus.CREATING, committed_at=max(1, int(ctx.now_s)))
    return with_keys_from(state, ctx.incarnation)


def open_welcome(
    payload: bytes,
    bundles: Sequence[mls.KeyPackageBundle],
    known_group: Callable[[bytes], bool],
    ctx: Context,
    *,
    last_epoch: Callable[[bytes], int] = lambda _group_id: -1,
) -> Invitation:
    """Open an invitation; raises ``PeerError`` when it cannot be opened or describes no chat that we could be in.

    ``last_epoch`` is the last one of a group that this device has had keys of. Whoever enters an epoch for a second
    time begins with ratchets that it has used before, so only a later one will do.
    """
    joined = mls.join(payload, bundles, authenticate=check_leaf, known_group=known_group)
    group = joined.group
    if group.epoch <= last_epoch(group.group_id):
        raise OldInvitation
    info = read_group_info(group.extensions)
    roster = read_roster(group.members())
    inviter = roster.by_leaf.get(joined.signer)
    if inviter is None or len(group.group_id) != 16:
        raise Unwelcome
    _check_place(info, roster, inviter, ctx)
    check_new_leaf(ctx.now_s)(None, group.state.leaves[joined.signer])
    direct = info.kind is GroupKind.DIRECT
    chat_id = direct_chat_id(inviter.account_id) if direct else group_chat_id(group.group_id)
    state = entered_state(group, info, chat_id, ConversationStatus.REQUESTED, committed_at=0)
    return Invitation(state, inviter, joined.used_ref)


def admit(inviter: ContactStatus | None) -> Admission:
    """Whether an account may put us into a chat: friends may, strangers may ask, the blocked may not."""
    match inviter:
        case ContactStatus.ACCEPTED:
            return Admission.JOIN
        case ContactStatus.BLOCKED:
            return Admission.DROP
        case _:
            return Admission.ASK


def _check_place(info: GroupInfo, roster: Roster, inviter: Member, ctx: Context) -> None:
    if inviter.account_id == ctx.me.account_id or ctx.me.device not in roster.devices:
        raise Unwelcome
    if info.kind is GroupKind.DIRECT and (info.name or roster.accounts != {ctx.me.account_id, inviter.account_id}):
        raise Unwelcome("a direct chat between others")


def entered_state(
    group: mls.Group, info: GroupInfo, chat_id: ChatId, status: ConversationStatus, *, committed_at: int
) -> GroupState:
    """A conversation as it begins on this device."""
    conversation = Conversation(
        group_id=GroupId(group.group_id),
        chat_id=chat_id,
        status=status,
        cursor=0,
        last_commit=0,
        own_last=0,
        own_counter=1,
        head=first_head(group.epoch_authenticator),
        committed_at=committed_at,
        joined_epoch=group.epoch,
        highest_epoch=group.epoch,
    )
    return GroupState(conversation, group, info, read_roster(group.members()), {})


def _fresh_group_id(ctx: Context, below: bytes | None) -> bytes:
    """A random ID; with ``below`` one that sorts before it, so that the new group becomes the primary one."""
    group_id = ctx.entropy(16)
    if below is None or group_id < below:
        return group_id
    bound = int.from_bytes(below[:8], "big")
    return (int.from_bytes(group_id[:8], "big") % bound if bound else 0).to_bytes(8, "big") + group_id[8:]
