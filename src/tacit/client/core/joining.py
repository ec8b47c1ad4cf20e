"""Coming into a room: from what its relay keeps and the secret of the link to a commit, and when that is in, a chat.

Until the relay says so, nothing of it counts: the commit and the group that it leads to lie aside, and when another
commit came first they are forgotten. Nothing was ever sent under their keys, so nothing is lost with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tacit import mls
from tacit.client.core import room_keys
from tacit.client.core.authority import check_leaf
from tacit.client.core.effects import Effect, Keep
from tacit.client.core.group_info import (
    GROUP_INFO_EXTENSION,
    GroupKind,
    encode_group_info,
    read_group_info,
    room_info,
)
from tacit.client.core.lives import with_keys_from
from tacit.client.core.nicks import free_nick, skeleton
from tacit.client.core.notices import notice_line
from tacit.client.core.policy import Rejected, admins_of
from tacit.client.core.room_size import is_full
from tacit.client.core.rooms import EXTENSION_TYPES, check_nicks, find_psk, with_nick
from tacit.client.core.roster import Roster, read_roster
from tacit.client.core.state import Context, EntryKind, GroupState, Me, Step
from tacit.client.core.welcome import entered_state, room_chat_id
from tacit.client.model import ConversationStatus, GroupId, JoinRow, KeptEntry, Notice
from tacit.codec import Reader, Writer
from tacit.crypto.suites import DEFAULT_SUITE, suite
from tacit.errors import CryptoError, DecodeError, PeerError
from tacit.mls.group_infos import tree_of


class RoomDamaged(PeerError):
    """What the relay keeps of the room does not belong to it, or is spoilt."""

    code = "room-damaged"
    hint = "It mends itself with the next change that somebody in the room makes; try again then."


class RoomOld(PeerError):
    """The relay shows the room as it was before this device was last in it."""

    code = "room-old"
    hint = "Nothing was sent. Ask somebody in the room to look after the relay."


class RoomSuite(PeerError):
    """The room has other ciphers than this program makes rooms with."""

    code = "room-suite"
    hint = "Nothing was sent. They may be weaker: ask whoever gave you the link."


@dataclass(frozen=True, slots=True)
class Entrance:
    """A room as the relay shows it to somebody who wants in."""

    room_id: bytes
    sealed_group_info: bytes
    last_commit: int
    link_secret: bytes


class NickInUse(Exception):
    """Somebody in the room has that nickname, or one that looks like it; ``free`` is one that nobody has."""

    def __init__(self, free: str) -> None:
        super().__init__(free)
        self.free = free


class NoPlace(Exception):
    """There are so many people in the room that its members take nobody in."""


def begin_room(name: str, nick: str, suite_id: int, ctx: Context, *, public: bool) -> GroupState:
    """A new room with this device alone in it."""
    room_id = ctx.entropy(16)
    info = room_info(name, ctx.me.account_id, public=public)
    info.check()
    group = mls.create_group(
        room_id,
        suite_id,
        ctx.me.certificate,
        ctx.me.signature_private,
        extensions=(mls.Extension(GROUP_INFO_EXTENSION, encode_group_info(info)),),
        extension_types=EXTENSION_TYPES,
        leaf_extensions=with_nick((), nick),
        entropy=ctx.entropy,
        now_s=ctx.now_s,
    )
    state = entered_state(group, info, room_chat_id(room_id), ConversationStatus.CREATING, committed_at=_now(ctx))
    conversation = replace(state.conversation, link_secret=room_keys.export_link_secret(group))
    return with_keys_from(replace(state, conversation=conversation), ctx.incarnation)


def look_in(entrance: Entrance) -> tuple[mls.GroupInfo, bytes]:
    """Open what the relay keeps; raises ``RoomDamaged``."""
    try:
        data = room_keys.open_group_info(entrance.link_secret, entrance.room_id, entrance.sealed_group_info)
        group_info = mls.read_group_info(data)
        described = read_group_info(group_info.group_context.extensions)
    except DecodeError as error:
        raise RoomDamaged(error.sentence) from None
    if group_info.group_context.group_id != entrance.room_id or described.kind is not GroupKind.ROOM:
        raise RoomDamaged
    return group_info, data


def ask_in(
    entrance: Entrance, nick: str, ctx: Context, *, last_epoch: int = -1, suite_id: int = DEFAULT_SUITE
) -> JoinRow:
    """Make the commit by which this device comes into a room under a nickname.

    Whoever is in the tree already, because its store has lost its place, puts its old leaf out; a further device of an
    account takes the name that this account has there. ``last_epoch`` is the last one of this room that this device
    has had keys of. A room of another suite than ``suite_id`` is refused: who holds the link can put a weaker one at
    the door. Raises ``NickInUse``, ``NoPlace``, ``RoomDamaged``, ``RoomOld`` or ``RoomSuite``.
    """
    group_info, data = look_in(entrance)
    if group_info.group_context.cipher_suite != suite_id:
        raise RoomSuite
    if group_info.group_context.epoch < last_epoch:
        raise RoomOld
    info = read_group_info(group_info.group_context.extensions)
    roster = _roster(group_info)
    _check_free(roster, nick, ctx.me)
    own = next((m.leaf for m in roster.members if m.device == ctx.me.device), None)
    others = (m.nick for m in roster.of(ctx.me.account_id) if m.device != ctx.me.device)
    nick = next(others, nick)  # another device of this account has one already
    psk, policy = _key_of_the_link(entrance, group_info, info.link_epoch, ctx)
    try:
        joined = mls.join_externally(
            data,
            ctx.me.certificate,
            ctx.me.signature_private,
            psks=(psk,),
            remove=None if own is None else mls.LeafIndex(own),
            authenticate=check_leaf,
            policy=policy,
            extensions=with_nick((), nick),
            extension_types=EXTENSION_TYPES,
            aad=ctx.incarnation,
            now_s=ctx.now_s,
            entropy=ctx.entropy,
        )
        if own is None and is_full(joined.group):
            raise NoPlace
        check_nicks(read_roster(joined.group.members()))
    except (PeerError, Rejected) as error:
        raise RoomDamaged(str(error)) from None
    return _join_row(entrance, joined, ctx)


def check_way_back(entrance: Entrance, state: GroupState) -> None:
    """Raise unless what the relay shows may be where the others of a room have gone, of which somebody was a member.

    Whoever holds the link can put there what he likes, and all who come back by themselves would follow him: so they do
    not where admins and link are others than they were. Who has a place that may yet be good leaves it only for a
    later epoch, and not for one without the admins that are there. Raises ``RoomDamaged`` or ``RoomOld``.
    """
    group_info, _ = look_in(entrance)
    here, there = state.info, read_group_info(group_info.group_context.extensions)
    if (here.admins, here.link_epoch, here.public) != (there.admins, there.link_epoch, there.public):
        raise RoomDamaged("the room at the door has other admins, or another link")
    if not state.is_active:
        return
    if group_info.group_context.epoch <= state.group.epoch:
        raise RoomOld
    _check_admins_stay(group_info, state)


def check_renewed(entrance: Entrance, state: GroupState) -> None:
    """Raise unless what another link leads to may be the room of which somebody is a member, with a renewed link.

    Its owner has been given that link, which is a reason to go there, but not to leave the admins behind.
    Raises ``RoomDamaged`` or ``RoomOld``.
    """
    group_info, _ = look_in(entrance)
    here, there = state.info, read_group_info(group_info.group_context.extensions)
    if (here.admins, here.public) != (there.admins, there.public):
        raise RoomDamaged("the room at the door has other admins")
    if there.link_epoch <= here.link_epoch:
        raise RoomOld
    _check_admins_stay(group_info, state)


def _check_admins_stay(group_info: mls.GroupInfo, state: GroupState) -> None:
    present = admins_of(state.info, state.roster.accounts) & frozenset(state.info.admins)
    if not present <= _roster(group_info).accounts:
        raise RoomDamaged("the room at the door has lost its admins")


def come_in(join: JoinRow, seq: int, ctx: Context) -> Step:
    """The commit is in the log, under this number: the state of somebody who is in from there on."""
    group = mls.load(_decode(join.group))
    info, chat_id = read_group_info(group.extensions), room_chat_id(join.group_id)
    state = entered_state(group, info, chat_id, ConversationStatus.ACTIVE, committed_at=_now(ctx))
    conversation = replace(
        state.conversation,
        cursor=seq,
        last_commit=seq,
        own_last=seq,
        joined_seq=seq,
        incarnation=join.incarnation,
        link_secret=join.link_secret,
    )
    state = with_keys_from(replace(state, conversation=conversation), join.incarnation)
    notice = Notice("joined", by=ctx.me.account_id, name=state.roster.nicks.get(ctx.me.account_id, ""))
    kept = KeptEntry(
        seq, join.message_id, EntryKind.COMMIT, join.payload, ctx.me.device, (ctx.me.device,), head=conversation.head
    )
    effects: tuple[Effect, ...] = (notice_line(state, notice, ctx, seq=seq), Keep(kept))
    return Step(state, effects)


def _key_of_the_link(
    entrance: Entrance, group_info: mls.GroupInfo, link_epoch: int, ctx: Context
) -> tuple[mls.PreSharedKeyID, mls.Policy]:
    """By which a newcomer shows that it holds the link: the name of its key, and the policy that knows the key."""
    psk = mls.PreSharedKeyID.fresh(
        group_info.group_context.cipher_suite,
        mls.ExternalPSK(room_keys.psk_id(entrance.room_id, link_epoch)),
        ctx.entropy,
    )
    return psk, mls.Policy(find_psk=lambda asked: find_psk(asked, entrance.link_secret, entrance.room_id, link_epoch))


def _join_row(entrance: Entrance, joined: mls.ExternalJoin, ctx: Context) -> JoinRow:
    secret = entrance.link_secret
    return JoinRow(
        group_id=GroupId(entrance.room_id),
        message_id=ctx.fresh_id(),
        payload=room_keys.seal_commit(secret, entrance.room_id, joined.commit, ctx.entropy),
        after_commit=entrance.last_commit,
        group_info=room_keys.seal_group_info(secret, entrance.room_id, joined.group.group_info(), ctx.entropy),
        link_secret=secret,
        group=_encode(mls.save(joined.group)),
        incarnation=ctx.incarnation,
        created_at=_now(ctx),
    )


def _roster(group_info: mls.GroupInfo) -> Roster:
    """Who is in the room, by a tree of which nothing is verified yet."""
    try:
        tree = tree_of(suite(group_info.group_context.cipher_suite), group_info, None)
        return read_roster(mls.Member(index, leaf) for index, leaf in tree.leaves())
    except (CryptoError, PeerError) as error:
        raise RoomDamaged(str(error)) from None


def _encode(saved: mls.SavedGroup) -> bytes:
    w = Writer()
    w.opaque(saved.epoch_blob)
    w.opaque(saved.ratchet_blob)
    return w.finish()


def _decode(data: bytes) -> mls.SavedGroup:
    r = Reader(data)
    saved = mls.SavedGroup(r.opaque(), r.opaque())
    r.finish()
    return saved


def _check_free(roster: Roster, nick: str, me: Me) -> None:
    taken = {m.nick for m in roster.members if m.account_id != me.account_id}
    if skeleton(nick) in {skeleton(other) for other in taken}:
        raise NickInUse(free_nick(nick, taken))


def _now(ctx: Context) -> int:
    return max(1, int(ctx.now_s))
