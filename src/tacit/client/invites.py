"""Claiming the KeyPackages of people to invite, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tacit.client.batch import Batch
from tacit.client.connection import Connection
from tacit.client.core.commits import change_failed
from tacit.client.core.effects import AddIntent, DropIntent, PutIntent
from tacit.client.directory import claim
from tacit.client.endings import fail_waiting
from tacit.client.model import ChatKind, ChatStatus, ConversationStatus, Intent
from tacit.client.sending import TRY_AGAIN
from tacit.errors import RelayError, TacitError, Untrusted
from tacit.wire.errors import NoKeyPackages

RETRY_CLAIM_S = 30.0
"""When to ask again for people who have no KeyPackage at the relay."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """KeyPackages by account, and why there are none of the others."""

    packages: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    failed: Mapping[bytes, TacitError] = field(default_factory=dict)


async def claim_all(connection: Connection, intent: Intent, now_s: float) -> Claimed:
    """Claim KeyPackages of everyone to invite; raises ``TransportError`` when the connection ends meanwhile."""
    packages: dict[bytes, tuple[bytes, ...]] = {}
    failed: dict[bytes, TacitError] = {}
    for account in intent.who:
        try:
            packages[account] = await claim(connection, account, now_s)
        except (RelayError, Untrusted) as error:
            failed[account] = error
    return Claimed(packages, failed)


def take_claimed(batch: Batch, row: int, claimed: Claimed) -> None:
    """Let an invitation go on with those who can be reached; the others are asked for again, or given up."""
    intent = batch.intent(row)
    if intent is None:
        return
    batch.dirty.add(intent.chat_id)
    later = tuple(a for a, error in claimed.failed.items() if may_pass(error))
    never = {a: error for a, error in claimed.failed.items() if a not in later}
    for account, error in never.items():
        _give_up(batch, replace(intent, who=(account,)), error)
    if not claimed.packages:
        if later:
            batch.add(PutIntent(replace(intent, who=later, attempts=intent.attempts + 1)))
            batch.books.parked.add(row)
        else:
            batch.add(DropIntent(row))
        return
    if later:
        batch.add(AddIntent(replace(intent, row=0, who=later, message_id=batch.ctx.fresh_id())))
    packages = tuple(p for account in intent.who for p in claimed.packages.get(account, ()))
    batch.add(PutIntent(replace(intent, who=tuple(claimed.packages), key_packages=packages)))


def may_pass(error: TacitError) -> bool:
    """Whether asking again later may help."""
    return isinstance(error, (NoKeyPackages, *TRY_AGAIN))


def _give_up(batch: Batch, intent: Intent, error: TacitError) -> None:
    chat = batch.chat(intent.chat_id)
    state = next(iter(batch.states_of(intent.chat_id)), None)
    if state is not None:
        batch.add(change_failed(state, intent, error.code, batch.ctx), state.conversation.group_id, state)
    if chat is None or chat.kind is not ChatKind.DIRECT:
        return
    others = [s for s in batch.states_of(chat.id) if s.others(batch.ctx.me)]
    if not others:
        fail_waiting(batch, chat.id, error.code)
        for alone in batch.states_of(chat.id):
            removed = replace(alone.conversation, status=ConversationStatus.REMOVED)
            batch.put_state(replace(alone, conversation=removed))
        batch.put_chat(replace(chat, status=ChatStatus.ENDED))
