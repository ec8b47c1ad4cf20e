"""What a person does with rooms: make, come in, take a name, lock, put out. Each call changes a batch or raises.

Coming in takes several steps, because the relay decides whose commit is next: see ``entering``.
"""

from __future__ import annotations

from dataclasses import replace

from tacit import limits
from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.core.commits import may_change
from tacit.client.core.effects import DropOutbox, SetMessage
from tacit.client.core.joining import (
    Entrance,
    NickInUse,
    NoPlace,
    RoomDamaged,
    ask_in,
    begin_room,
    check_renewed,
    check_way_back,
    come_in,
)
from tacit.client.core.nicks import free_nick, is_nick, normalized, skeleton
from tacit.client.core.notices import notice_line
from tacit.client.core.state import GroupState
from tacit.client.core.welcome import room_chat_id
from tacit.client.errors import BadNick, ChatEnded, NickTaken, NotAllowed, NotARoom, RoomFull
from tacit.client.model import (
    Chat,
    ChatId,
    ChatKind,
    ChatStatus,
    ConversationStatus,
    GroupId,
    Intent,
    IntentKind,
    JoinRow,
    MessageState,
    Notice,
)
from tacit.client.outgoing import add_wish
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.errors import NotFound, TacitError, UsageError
from tacit.identity import RelayLink, format_link, parse_link
from tacit.wire.errors import NoSuchRoom, RoomLocked


class BadRoomTitle(UsageError):
    """A room needs a name of at most 256 bytes; a public one has 2 to 32 letters a-z, digits, dots and hyphens."""

    code = "bad-title"


def create_room(batch: Batch, title: str, nick: str, *, public: bool) -> ChatId:
    """A room with this account as its admin and only member; its link is good as soon as the relay has it."""
    _check_title(title, public=public)
    state = begin_room(title, checked_nick(nick), DEFAULT_SUITE, batch.ctx, public=public)
    chat_id = state.conversation.chat_id
    batch.put_chat(Chat(chat_id, ChatKind.ROOM, ChatStatus.ACTIVE, title, None, int(batch.ctx.now_s)))
    batch.put_state(state)
    batch.create.add(state.conversation.group_id)
    notice = Notice("created", by=batch.ctx.me.account_id, name=title)
    batch.add(notice_line(state, notice, batch.ctx), state.conversation.group_id, state)
    return chat_id


def give_up_room(batch: Batch, chat_id: ChatId) -> None:
    """The relay will not have this room: it has never been."""
    for state in batch.states_of(chat_id):
        batch.put_state(replace(state, conversation=replace(state.conversation, status=ConversationStatus.REMOVED)))
    batch.changes.forgotten.add(chat_id)


def ask(batch: Batch, entrance: Entrance, nick: str, *, back: bool = False) -> JoinRow:
    """Note the wish to come into a room, with the commit that would do it; ``back``: without anybody's asking.

    Raises ``NickTaken``, ``BadNick``, ``RoomDamaged``, ``RoomOld``, ``RoomSuite`` or ``RoomFull``.
    """
    group_id = GroupId(entrance.room_id)
    state = batch.state(group_id)
    if back and state is not None:
        check_way_back(entrance, state)
    elif state is not None and state.is_active and entrance.link_secret != state.conversation.link_secret:
        check_renewed(entrance, state)
    waiting = batch.changes.joins.get(group_id) or batch.books.joins.get(group_id)
    if waiting is not None and _is_waiting(batch, waiting):
        return waiting  # asked twice at once: the first commit decides for both
    try:
        join = ask_in(entrance, checked_nick(nick), batch.ctx, last_epoch=batch.last_epoch(group_id))
    except NickInUse as taken:
        raise NickTaken(taken.free) from None
    except NoPlace:
        raise RoomFull from None
    batch.changes.joins[group_id] = join
    return join


def forget(batch: Batch, join: JoinRow) -> None:
    """The relay has refused the commit: nobody has seen it, and its keys go."""
    if _is_waiting(batch, join):
        batch.changes.joins[join.group_id] = None


def enter(batch: Batch, join: JoinRow, seq: int) -> ChatId:
    """The relay has taken the commit: this device is in the room from there on."""
    chat_id = room_chat_id(join.group_id)
    if not _is_waiting(batch, join):
        return chat_id
    batch.changes.joins[join.group_id] = None
    batch.books.astray.discard(join.group_id)
    batch.books.alone.discard(join.group_id)
    step = come_in(join, seq, batch.ctx)
    title = step.state.info.name
    known = batch.chat(chat_id) or Chat(chat_id, ChatKind.ROOM, ChatStatus.ACTIVE, title, None, int(batch.ctx.now_s))
    batch.put_chat(replace(known, status=ChatStatus.ACTIVE, title=title))
    old = batch.state(join.group_id)
    if old is not None:
        batch.note_done(("return", join.group_id))
        conversation = replace(step.state.conversation, own_counter=old.conversation.own_counter)
        step = replace(step, state=replace(step.state, conversation=conversation))
        _say_again(batch, old)
        batch.books.holes.pop(join.group_id, None)
        batch.books.early.pop(join.group_id, None)
    batch.take(step)
    batch.listen.add(join.group_id)
    batch.dirty.add(chat_id)
    return chat_id


def take_own_join(batch: Batch, log_id: bytes, message_id: bytes, seq: int) -> bool:
    """Whether an entry of a log is the commit by which this device comes back: it may come before the answer does."""
    join = batch.changes.joins.get(GroupId(log_id)) or batch.books.joins.get(GroupId(log_id))
    if join is None or join.message_id != message_id or not _is_waiting(batch, join):
        return False
    enter(batch, join, seq)
    return True


def change_nick(batch: Batch, chat_id: ChatId, nick: str) -> None:
    """Ask for another nickname; raises ``BadNick`` or ``NickTaken``, by what is known now."""
    state = room_of(batch, chat_id)
    wanted = checked_nick(nick)
    others = [m.nick for m in state.roster.members if m.account_id != batch.ctx.me.account_id]
    if skeleton(wanted) in {skeleton(other) for other in others}:
        raise NickTaken(free_nick(wanted, others))
    if state.roster.nicks[batch.ctx.me.account_id] != wanted:
        add_wish(batch, chat_id, IntentKind.NICK, text=wanted)


def lock(batch: Batch, chat_id: ChatId, *, locked: bool) -> None:
    """Let nobody in by the link, or let people in again. Raises ``NotAllowed``."""
    state = room_of(batch, chat_id)
    if not may_change(state, batch.ctx.me):
        raise NotAllowed
    if state.info.locked != locked:
        add_wish(batch, chat_id, IntentKind.LOCK if locked else IntentKind.UNLOCK)


def kick(batch: Batch, chat_id: ChatId, nick: str) -> None:
    """Put somebody out and renew the link. Raises ``NotAllowed``, ``NotFound``."""
    state = room_of(batch, chat_id)
    if not may_change(state, batch.ctx.me):
        raise NotAllowed
    account = _called(state, nick)
    if account == batch.ctx.me.account_id:
        raise UsageError("to go yourself, leave the room")
    add_wish(batch, chat_id, IntentKind.REMOVE, who=(account,))


def meet(batch: Batch, chat_id: ChatId, nick: str) -> tuple[bytes, str]:
    """Whoever is called that in a room, known from now on, and the nickname as it is; raises ``NotFound``."""
    state = room_of(batch, chat_id)
    account = _called(state, nick)
    batch.meet(account, state.roster.account_key(account) or b"")
    return account, state.roster.nicks[account]


def is_in(batch: Batch, group_id: GroupId, link_secret: bytes = b"") -> bool:
    """Whether this device is in a room and in step with it, as far as it can tell.

    Whoever has given its owner another link than this device knows may be where it could not follow.
    """
    if not (batch.takes_part(group_id) and batch.is_readable(group_id)) or group_id in batch.books.astray:
        return False
    state = batch.state(group_id)
    return state is None or link_secret in (b"", state.conversation.link_secret)


def is_member(batch: Batch, group_id: GroupId) -> bool:
    """Whether this device has a place in a room, be it a lost one for all it knows."""
    return batch.takes_part(group_id)


def room_link(books: Books, chat: Chat) -> str:
    """What somebody pastes to come into a room. Raises ``NotARoom``, ``ChatEnded`` or ``RoomLocked``."""
    if chat.kind is not ChatKind.ROOM:
        raise NotARoom
    state = next(iter(books.chat_states(chat.id)), None)
    if state is None or chat.status is not ChatStatus.ACTIVE:
        raise ChatEnded
    if state.info.locked:
        raise RoomLocked
    return format_link(_link_to(books, state))


def way_back(books: Books, group_id: GroupId) -> tuple[RelayLink, str] | None:
    """By which link and under which name a device comes back that has lost its place in a room; None if it has not."""
    state = books.state(group_id)
    if state is None or not state.is_room:
        return None
    if state.conversation.status is not ConversationStatus.BEHIND and group_id not in books.astray:
        return None
    chat = books.chats.get(state.conversation.chat_id)
    if chat is None or chat.status is not ChatStatus.ACTIVE:
        return None
    return _link_to(books, state), state.member(state.group.own_leaf).nick


def stay(batch: Batch, group_id: GroupId) -> None:
    """There is no other place than the one that this device has."""
    batch.books.astray.discard(group_id)
    state = batch.state(group_id)
    if state is not None:
        batch.dirty.add(state.conversation.chat_id)


def tell_no_way_back(batch: Batch, group_id: GroupId, refusal: TacitError) -> None:
    """Others are where this device does not get by itself: say what its owner can do, and not twice in a row.

    What is spoilt at the door of a room in which it still has a place is set right by those who are there.
    """
    state = batch.state(group_id)
    if state is None or way_back(batch.books, group_id) is None:
        return
    if isinstance(refusal, RoomDamaged) and state.is_active:
        return
    if isinstance(refusal, NoSuchRoom):  # the link was renewed by somebody whom it lets change the room
        batch.books.alone.add(group_id)
    last = batch.books.store.last_message(state.conversation.chat_id)
    if last is None or last.notice is None or last.notice.reason != "no-way-back":
        batch.add(notice_line(state, Notice("behind", reason="no-way-back"), batch.ctx), group_id, state)


def is_same_relay(books: Books, link: RelayLink) -> bool:
    """Whether a link is to the relay of this profile."""
    return link.fingerprint == parse_link(books.profile.relay_link).fingerprint


def room_of(batch: Batch, chat_id: ChatId) -> GroupState:
    """The room of a chat; raises ``NotARoom``, ``ChatEnded``."""
    chat = batch.chat(chat_id)
    if chat is None:
        raise NotFound
    if chat.kind is not ChatKind.ROOM:
        raise NotARoom
    state = next(iter(batch.states_of(chat_id)), None)
    if state is None or chat.status is not ChatStatus.ACTIVE:
        raise ChatEnded
    return state


def checked_nick(nick: str) -> str:
    """A nickname as it was typed, in the form that it has in rooms; raises ``BadNick``."""
    wanted = normalized(nick)
    if not is_nick(wanted):
        raise BadNick
    return wanted


def _link_to(books: Books, state: GroupState) -> RelayLink:
    relay = replace(parse_link(books.profile.relay_link), invite="")
    return replace(relay, room_id=state.group_id, room_secret=state.conversation.link_secret)


def _called(state: GroupState, nick: str) -> bytes:
    """Exactly so, or else so but for case and look-alikes, of which there is one at most."""
    wanted = normalized(nick.removeprefix("@"))
    for alike in (str, skeleton):
        found = [m.account_id for m in state.roster.members if alike(m.nick) == alike(wanted)]
        if found:
            return found[0]
    raise NotFound(f"nobody here is called {wanted}")


def _is_waiting(batch: Batch, join: JoinRow) -> bool:
    joins = batch.changes.joins
    known = joins[join.group_id] if join.group_id in joins else batch.books.joins.get(join.group_id)
    return known is not None and known.message_id == join.message_id


def _say_again(batch: Batch, old: GroupState) -> None:
    """What an earlier self had sealed and not seen arrive is said anew; nobody could open it any more."""
    group_id, chat_id = old.conversation.group_id, old.conversation.chat_id
    for row in sorted(batch.books.outbox.values(), key=lambda row: row.row):
        if row.group_id != group_id:
            continue
        batch.add(DropOutbox(row.row))
        if row.content_id is not None:
            batch.add(SetMessage(chat_id, row.content_id, MessageState.QUEUED), group_id)
            now = int(batch.ctx.now_s)
            batch.add_intent(Intent(0, chat_id, IntentKind.TEXT, row.content_id, attempts=1, created_at=now))


def _check_title(title: str, *, public: bool) -> None:
    try:
        size = len(title.encode())
    except UnicodeEncodeError:
        raise BadRoomTitle from None
    largest = limits.MAX_ROOM_NAME_CHARS if public else limits.MAX_GROUP_NAME_BYTES
    if not title.strip() or size > largest:
        raise BadRoomTitle
