"""Whoever is meant, also when this profile does not know them yet: the relay is asked, and what it says is pinned."""

from __future__ import annotations

from functools import partial
from typing import Final

from tacit.client import chats, people
from tacit.client.directory import Asked
from tacit.client.model import ChatId
from tacit.client.runtime import Runtime
from tacit.errors import NotFound
from tacit.sdk import targets
from tacit.sdk.accounts import NobodyByNumber, written_phone
from tacit.wire.errors import NoSuchAccount

ASK_TIMEOUT_S: Final = 10.0
"""How long a call waits for the relay when it has to ask who somebody is."""


async def account(runtime: Runtime, text: str) -> bytes:
    """The account of a person.

    Raises ``NotFound``, ``Ambiguous``, ``BadLink``, ``Offline``, ``HandleChanged`` or ``Untrusted``.
    """
    found = await runtime.read(partial(targets.find_account, text=text))
    return await _pinned(runtime, found, text)


async def account_by_number(runtime: Runtime, text: str) -> bytes:
    """The account that is found by a phone number. Raises ``NobodyByNumber``, ``BadPhone``, or as ``account``."""
    ask = Asked(phone=written_phone(text))
    try:
        return await _pinned(runtime, targets.Target(ask=ask), text)
    except NotFound:
        raise NobodyByNumber(text) from None


async def chat_to_write(runtime: Runtime, text: str) -> ChatId:
    """The chat that is meant; a person without one gets it. Raises as ``account``."""
    found = await runtime.read(partial(targets.find, text=text))
    if found.chat_id is not None and found.account_id is None:
        return found.chat_id
    account_id = await _pinned(runtime, found, text)
    return await runtime.do(partial(chats.open_direct, account_id=account_id))


async def _pinned(runtime: Runtime, found: targets.Target, text: str) -> bytes:
    if found.account_id is not None:
        return found.account_id
    if found.ask is None:
        raise NotFound(text)
    await runtime.uplink.wait_online(ASK_TIMEOUT_S)
    try:
        answer = await runtime.look_up(found.ask)
    except NoSuchAccount:
        raise await runtime.read(partial(targets.nearest, text=text)) from None
    return await runtime.do(partial(people.pin, found=answer))
