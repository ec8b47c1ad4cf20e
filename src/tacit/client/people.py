"""What a person does with other people: pin, name, block, verify."""

from __future__ import annotations

from dataclasses import replace

from tacit.client.batch import Batch
from tacit.client.core.effects import Report
from tacit.client.directory import Found
from tacit.client.errors import HandleChanged
from tacit.client.events import ChatChanged
from tacit.client.invitations import end_requests_of
from tacit.client.model import Contact, ContactStatus
from tacit.client.returning import read_on
from tacit.errors import NotFound, UsageError
from tacit.identity import safety_number

MAX_NAME_CHARS = 64


class BadName(UsageError):
    """A name for a contact has at most 64 characters and no control characters."""

    code = "bad-name"


def pin(batch: Batch, found: Found, name: str = "") -> bytes:
    """Make an account a contact, or find that it is one; its handle is pinned at first sight.

    Raises ``HandleChanged`` when the handle was pinned to another account.
    """
    _check_name(name)
    check_handle(batch, found)
    known = batch.contact(found.account_id)
    now = int(batch.ctx.now_s)
    contact = known or Contact(found.account_id, found.account_key, found.handle, "", ContactStatus.ACCEPTED, None, now)
    status = ContactStatus.ACCEPTED if contact.status is ContactStatus.KNOWN else contact.status
    handle = contact.handle or found.handle
    batch.put_contact(replace(contact, handle=handle, status=status, name=name or contact.name))
    return found.account_id


def accept_contact(batch: Batch, account_id: bytes, name: str = "") -> None:
    """Take somebody who is known, perhaps only from a group, among the contacts."""
    _check_name(name)
    contact = _contact(batch, account_id)
    status = ContactStatus.ACCEPTED if contact.status is ContactStatus.KNOWN else contact.status
    batch.put_contact(replace(contact, status=status, name=name or contact.name))


def set_receipts(batch: Batch, on: bool) -> None:
    """Whether others are told what has arrived here and been read."""
    batch.put_profile(replace(batch.profile, receipts=on))


def introduce(batch: Batch, found: Found) -> None:
    """Learn the handle of somebody who was met; one that is pinned to another account is not believed."""
    contact = batch.contact(found.account_id)
    if contact is None or contact.handle or not found.handle:
        return
    try:
        check_handle(batch, found)
    except HandleChanged as error:
        batch.add(Report(error.code, error.sentence, error.hint))
        return
    batch.put_contact(replace(contact, handle=found.handle))
    for chat in batch.books.chats.values():
        if contact.account_id in (chat.peer, chat.invited_by):
            batch.events.append(ChatChanged(chat.id))


def check_handle(batch: Batch, found: Found) -> None:
    """Raise ``HandleChanged`` when the relay gives a pinned handle to another account."""
    pinned = batch.books.store.contact_by_handle(found.handle)
    if pinned is not None and pinned.account_id != found.account_id:
        raise HandleChanged(f"@{found.handle}")


def rename(batch: Batch, account_id: bytes, name: str) -> None:
    """Call somebody something here."""
    _check_name(name)
    batch.put_contact(replace(_contact(batch, account_id), name=name))


def block(batch: Batch, account_id: bytes) -> None:
    """Hear nothing from somebody any more."""
    contact = _contact(batch, account_id)
    end_requests_of(batch, account_id)
    batch.put_contact(replace(contact, status=ContactStatus.BLOCKED))


def unblock(batch: Batch, account_id: bytes) -> None:
    """Undo ``block``; what was written meanwhile and still waits at the relay arrives."""
    contact = _contact(batch, account_id)
    if contact.status is not ContactStatus.BLOCKED:
        return
    batch.put_contact(replace(contact, status=ContactStatus.ACCEPTED))
    for chat in [chat for chat in batch.books.chats.values() if chat.peer == account_id]:
        for state in batch.states_of(chat.id):
            if state.is_active:
                read_on(batch, state)
        batch.dirty.add(chat.id)


def verify(batch: Batch, account_id: bytes, compared: str | bytes | None) -> None:
    """Mark somebody as verified; raises ``SafetyNumberMismatch`` when what was compared differs."""
    contact = _contact(batch, account_id)
    number = safety_number(batch.ctx.me.account_key, contact.account_key)
    if isinstance(compared, bytes):
        number.check_scanned(compared)
    elif compared is not None:
        number.check_digits(compared)
    batch.put_contact(replace(contact, verified_at=int(batch.ctx.now_s)))


def unverify(batch: Batch, account_id: bytes) -> None:
    """Take the mark back."""
    batch.put_contact(replace(_contact(batch, account_id), verified_at=None))


def _contact(batch: Batch, account_id: bytes) -> Contact:
    contact = batch.contact(account_id)
    if contact is None:
        raise NotFound
    return contact


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_CHARS or any(not c.isprintable() for c in name):
        raise BadName
