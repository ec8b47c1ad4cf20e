"""Invitations: who may put this account into a chat at once, who may only ask, and what yes and no lead to.

A Welcome uses up its KeyPackage in the very transaction that takes it in, whatever is decided; so it opens once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from tacit import limits, mls
from tacit.client.batch import Batch
from tacit.client.core.direct import is_merging
from tacit.client.core.effects import DropIntent, Meet, Report
from tacit.client.core.group_info import GroupKind
from tacit.client.core.lives import with_keys_from
from tacit.client.core.notices import notice_line
from tacit.client.core.state import GroupState
from tacit.client.core.welcome import Admission, Invitation, Unwelcome, admit, direct_chat_id, open_welcome
from tacit.client.endings import fail_waiting
from tacit.client.errors import AwaitsAnswer
from tacit.client.events import RequestArrived
from tacit.client.model import (
    Chat,
    ChatId,
    ChatKind,
    ChatStatus,
    Contact,
    ContactStatus,
    ConversationStatus,
    IntentKind,
    Notice,
)
from tacit.client.sharing import shares_room
from tacit.errors import InvalidMessage, PeerError

ALREADY_IN: Final = "12.4.3.1/group-id-unique"
"""The check that a Welcome to a group fails which this device is still in, as far as it knows."""

MAX_DEFERRED: Final = 16

_LIVING: Final = frozenset(ConversationStatus) - {ConversationStatus.REMOVED}


class NoRequest(AwaitsAnswer):
    """There is no request to answer there."""

    code = "no-request"
    hint = "List what waits with 'tacit requests'."


def take_welcome(batch: Batch, payload: bytes) -> None:
    """Take an invitation out of the inbox."""
    books = batch.books
    bundles = [
        mls.KeyPackageBundle.decode(row.bundle)
        for row in books.store.bundles()
        if row.ref not in batch.changes.used_bundles
    ]
    try:
        invitation = open_welcome(payload, bundles, batch.takes_part, batch.ctx, last_epoch=batch.last_epoch)
    except InvalidMessage as error:
        if error.check == ALREADY_IN and len(batch.changes.deferred) < MAX_DEFERRED:
            # Removed and added again while away: the log has yet to bring the removal.
            batch.defer(payload)
            return
        batch.report_seldom(Report(Unwelcome.code, Unwelcome().sentence, error.check))
        return
    except PeerError as error:
        batch.report_seldom(Report(Unwelcome.code, Unwelcome().sentence, error.code))
        return
    row = books.store.bundle(invitation.used_ref)
    if row is not None:
        invitation = replace(invitation, state=with_keys_from(invitation.state, row.incarnation))
    if row is not None and row.last_resort:
        present = books.store.last_resort()
        batch.last_resort_used = present is not None and present.ref == row.ref
    else:
        batch.use_bundle(invitation.used_ref)
    contact = batch.contact(invitation.inviter.account_id)
    admission = admit(contact.status if contact else None)
    is_direct = invitation.state.info.kind is GroupKind.DIRECT
    if admission is Admission.ASK and is_direct and shares_room(batch, invitation.inviter.account_id):
        admission = Admission.JOIN  # who sees each other in a room has no need to ask first
    if admission is Admission.DROP or _is_crowded(batch, invitation, admission):
        return
    _record(batch, invitation, admission, contact)


def admit_neighbours(batch: Batch, accounts: Collection[bytes]) -> None:
    """These have come into a room: what they asked for before this device has seen them there needs no yes any more.

    A word in private is often fetched before the entry of the room's log with which its author came in.
    """
    for account in sorted(accounts):
        chat = batch.chat(direct_chat_id(account))
        if chat is None or chat.status is not ChatStatus.REQUESTED:
            continue
        contact = batch.contact(account)
        if contact is not None and contact.status is ContactStatus.REQUESTED:
            batch.put_contact(replace(contact, status=ContactStatus.KNOWN))
        batch.put_chat(replace(chat, status=ChatStatus.ACTIVE))
        for state in batch.states_of(chat.id):
            if state.conversation.status is ConversationStatus.REQUESTED:
                _activate(batch, state)


def take_deferred(batch: Batch) -> None:
    """A group has ended: perhaps an invitation to come back has been waiting for that."""
    waiting, batch.changes.deferred = batch.changes.deferred, ()
    for payload in waiting:
        take_welcome(batch, payload)


def accept(batch: Batch, chat_id: ChatId) -> None:
    """Say yes: the inviter is a contact from now on, and the log is read."""
    chat = _requested(batch, chat_id)
    if chat.invited_by is not None:
        contact = batch.contact(chat.invited_by)
        if contact is not None:
            batch.put_contact(replace(contact, status=ContactStatus.ACCEPTED))
    title = chat.title
    for state in batch.states_of(chat_id):
        if state.conversation.status is ConversationStatus.REQUESTED:
            _activate(batch, state)
            title = state.info.name
            if chat.kind is ChatKind.DIRECT:
                notice = Notice("request-accepted", by=batch.ctx.me.account_id)
                batch.add(notice_line(state, notice, batch.ctx), state.conversation.group_id, state)
    batch.put_chat(replace(chat, status=ChatStatus.ACTIVE, title=title))


def refuse(batch: Batch, chat_id: ChatId, *, block: bool) -> None:
    """Say no: the group's keys go, unread; with ``block`` the inviter can ask no more."""
    chat = _requested(batch, chat_id)
    for state in batch.states_of(chat_id):
        removed = replace(state.conversation, status=ConversationStatus.REMOVED)
        batch.put_state(replace(state, conversation=removed))
    contact = batch.contact(chat.invited_by) if chat.invited_by else None
    if contact is not None:
        status = ContactStatus.BLOCKED if block else ContactStatus.KNOWN
        batch.put_contact(replace(contact, status=status))
    batch.put_chat(replace(chat, status=ChatStatus.ENDED))


def _is_crowded(batch: Batch, invitation: Invitation, admission: Admission) -> bool:
    """Whether there is no room for one more of these: strangers' requests, or groups that are one direct chat."""
    books, inviter = batch.books, invitation.inviter.account_id
    own = invitation.state.conversation.chat_id
    chat_of = {group_id: chat_id for chat_id, group_ids in books.groups_of.items() for group_id in group_ids}
    statuses = dict(books.statuses)
    for group_id, state in batch.changes.states.items():
        chat_of[group_id], statuses[group_id] = state.conversation.chat_id, state.conversation.status
    if admission is Admission.JOIN:
        living = [group for group, chat in chat_of.items() if chat == own and statuses[group] in _LIVING]
        return invitation.state.info.kind is GroupKind.DIRECT and len(living) >= limits.MAX_DIRECT_GROUPS
    waiting = [batch.chat(chat_of[g]) for g, status in statuses.items() if status is ConversationStatus.REQUESTED]
    of_inviter = sum(chat is not None and chat.invited_by == inviter for chat in waiting)
    return of_inviter >= limits.MAX_REQUESTS_OF_ACCOUNT or len(waiting) >= limits.MAX_STRANGERS_REQUESTS


def _record(batch: Batch, invitation: Invitation, admission: Admission, contact: Contact | None) -> None:
    state, inviter = invitation.state, invitation.inviter
    chat_id = state.conversation.chat_id
    now = int(batch.ctx.now_s)
    if contact is None:
        batch.meet(inviter.account_id, inviter.account_key)
        contact = batch.contact(inviter.account_id)
    asks = admission is Admission.ASK
    if asks and contact is not None:
        batch.put_contact(replace(contact, status=ContactStatus.REQUESTED))
    direct = state.info.kind is GroupKind.DIRECT
    known = batch.chat(chat_id)
    title = "" if direct or asks else state.info.name
    chat = known or Chat(
        id=chat_id,
        kind=ChatKind.DIRECT if direct else ChatKind.GROUP,
        status=ChatStatus.REQUESTED,
        title=title,
        peer=inviter.account_id if direct else None,
        created_at=now,
    )
    status = ChatStatus.REQUESTED if asks else ChatStatus.ACTIVE
    batch.put_chat(replace(chat, status=status, invited_by=inviter.account_id, title=title))
    batch.put_state(state)
    if asks:
        batch.events.append(RequestArrived(chat_id, inviter.account_id))
    else:
        _activate(batch, state)


def _activate(batch: Batch, state: GroupState) -> None:
    """Begin to read a group that this device was invited to."""
    conversation = state.conversation
    others = [s for s in batch.states_of(conversation.chat_id) if s.group_id != state.group_id]
    merging = is_merging(others, state, batch.ctx.me)
    active = replace(state, conversation=replace(conversation, status=ConversationStatus.ACTIVE))
    batch.put_state(active)
    batch.ask_first.add(conversation.group_id)
    batch.dirty.add(conversation.chat_id)
    for account in sorted(active.others(batch.ctx.me)):
        batch.add(Meet(account, active.roster.account_key(account) or b""))
    if active.info.kind is GroupKind.GROUP:
        inviter = batch.chat(conversation.chat_id)
        by = inviter.invited_by if inviter else None
        notice = Notice("joined", by=by, name=active.info.name)
        batch.add(notice_line(active, notice, batch.ctx), conversation.group_id, active)
        return
    give_way(batch, others)
    if merging:
        batch.add(notice_line(active, Notice("merged-direct"), batch.ctx), conversation.group_id, active)


def give_way(batch: Batch, others: list[GroupState]) -> None:
    """Direct groups that the other side has not heard of yet give way to the one in which both are."""
    for other in others:
        if other.others(batch.ctx.me) or other.own_commit is not None:
            continue
        removed = replace(other.conversation, status=ConversationStatus.REMOVED)
        batch.put_state(replace(other, conversation=removed))
        for intent in batch.intents(other.conversation.chat_id):
            if intent.kind is IntentKind.INVITE:
                batch.add(DropIntent(intent.row))


def _requested(batch: Batch, chat_id: ChatId) -> Chat:
    chat = batch.chat(chat_id)
    if chat is None or chat.status is not ChatStatus.REQUESTED:
        raise NoRequest
    return chat


def end_requests_of(batch: Batch, account_id: bytes) -> None:
    """Refuse everything that an account asks for: it is being blocked."""
    for chat in list(batch.books.chats.values()):
        if chat.invited_by == account_id and chat.status is ChatStatus.REQUESTED:
            refuse(batch, chat.id, block=True)
            fail_waiting(batch, chat.id, "refused")
