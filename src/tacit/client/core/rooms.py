"""The rules that only rooms have: who may let himself in, under which nicknames, and what the relay keeps of a room.

All of it is judged from bytes that every member has alike, so all come to the same answer.
"""

from __future__ import annotations

from typing import Final

from tacit import mls
from tacit.client.core import room_keys
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, read_group_info
from tacit.client.core.nicks import NICK_EXTENSION, skeleton
from tacit.client.core.policy import Rejected
from tacit.client.core.roster import Member, Roster, read_roster
from tacit.client.core.state import Context, GroupState
from tacit.client.model import RoomPart

EXTENSION_TYPES: Final = (GROUP_INFO_EXTENSION, NICK_EXTENSION)
"""What every leaf in a room supports."""


def check_nicks(roster: Roster) -> None:
    """Raise ``Rejected`` unless every leaf shows a nickname, and no two accounts ones that are too much alike."""
    owners: dict[str, bytes] = {}
    for member in roster.members:
        if not member.nick:
            raise Rejected("bad-nick")
        if owners.setdefault(skeleton(member.nick), member.account_id) != member.account_id:
            raise Rejected("nick-taken")


def check_one_name(before: Roster, newcomer: Member) -> None:
    """Raise ``Rejected`` if a further device of an account shows another name than those before it."""
    shown = {m.nick for m in before.of(newcomer.account_id) if m.device != newcomer.device}
    if shown and newcomer.nick not in shown:
        raise Rejected("bad-nick")


def check_newcomer(state: GroupState, staged: mls.StagedCommit, newcomer: Member) -> None:
    """Raise ``Rejected`` unless an external commit is that of somebody who holds the present link of an open room.

    Into a locked one comes only a device that is in it, in the place of its old leaf, whose epoch it could not follow.
    That the pre-shared key is the right one, MLS has checked; here it is checked that there was no way without it.
    """
    if state.info.locked and newcomer.device not in state.roster.devices:
        raise Rejected("room-locked")
    wanted = mls.ExternalPSK(room_keys.psk_id(state.group_id, state.info.link_epoch))
    if [psk.key for psk in staged.psks] != [wanted]:
        raise Rejected("room-psk")


def commit_policy(state: GroupState) -> mls.Policy:
    """What commits of others may look like in a room: who comes in brings a key that follows from the link secret."""
    secret, room_id = state.conversation.link_secret, state.group_id
    return mls.Policy(
        public_handshakes=True,
        external_commits=True,
        find_psk=lambda psk_id: find_psk(psk_id, secret, room_id, state.info.link_epoch),
    )


def find_psk(psk_id: mls.PreSharedKeyID, link_secret: bytes, room_id: bytes, link_epoch: int) -> bytes | None:
    """The one pre-shared key of a room, if that is what is looked for."""
    wanted = mls.ExternalPSK(room_keys.psk_id(room_id, link_epoch))
    return room_keys.psk(link_secret, room_id) if psk_id.key == wanted else None


def link_secret_after(state: GroupState, after: mls.Group) -> bytes:
    """The link secret in the epoch that a commit begins: the same as before, unless that epoch renews it."""
    if read_group_info(after.extensions).link_epoch == state.info.link_epoch:
        return state.conversation.link_secret
    return room_keys.export_link_secret(after)


def part_after(link_secret: bytes, group: mls.Group, ctx: Context) -> RoomPart:
    """What the relay is to keep of a room in an epoch, by the word of a member."""
    info = read_group_info(group.extensions)
    room_id = group.group_id
    return RoomPart(
        group_info=room_keys.seal_group_info(link_secret, room_id, group.group_info(), ctx.entropy),
        join_token_hash=b"" if info.locked else room_keys.join_token_hash(link_secret, room_id),
        name=info.name if info.public else "",
        link_secret=link_secret if info.public else b"",
        readers=tuple(sorted(read_roster(group.members()).devices)),
    )


def present_part(state: GroupState, ctx: Context) -> RoomPart:
    """What the relay is to keep of a room as it is now."""
    return part_after(state.conversation.link_secret, state.group, ctx)


def with_nick(extensions: mls.Extensions, nick: str) -> mls.Extensions:
    """The extensions of a leaf with another nickname in them."""
    others = tuple(e for e in extensions if e.extension_type != NICK_EXTENSION)
    return (mls.Extension(NICK_EXTENSION, nick.encode()), *others)
