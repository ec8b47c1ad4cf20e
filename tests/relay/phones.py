"""Phones that receive what a relay sends, in memory, and people who register with them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tacit.relay.delivery import Console
from tacit.relay.delivery.sending import NotDelivered
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import RunningRelay, Someone, running

NUMBER = "+4915123456789"
OTHER = "+4915123450000"
POLICY: dict[str, Any] = {
    "registration": "phone",
    "phone_route": Console(),
    "phone_countries": "DE AT",
    "public_host": "relay.example",
}


class Phones:
    """Every message that was sent; a gateway of the tests' own in the place of the operator's terminal."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.failing = 0

    async def deliver(self, number: str, text: str) -> None:
        if self.failing:
            self.failing -= 1
            raise NotDelivered("503")
        self.messages.append((number, text))

    def code(self, number: str = NUMBER) -> str:
        """The code in the last message to a phone."""
        text = next(text for to, text in reversed(self.messages) if to == number)
        found = re.search(r"\b[0-9]{6}\b", text)
        assert found is not None
        return found[0]


@asynccontextmanager
async def with_phones(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path | None = None, **config: Any
) -> AsyncIterator[tuple[RunningRelay, Phones]]:
    phones = Phones()
    monkeypatch.setattr("tacit.relay.phones.open_route", lambda route, clock, entropy: phones)
    async with running(data_dir, **POLICY | config) as world:
        yield world, phones


async def ask(world: RunningRelay, someone: Someone, number: str = NUMBER, **fields: Any) -> str:
    """Ask for a code; returns the request's name once the message has left."""
    peer = await world.connect()
    with pytest.raises(errors.PhoneCodeSent) as sent:
        await peer.register(someone, phone=number, **fields)
    await delivered(world)
    return sent.value.otp_request


async def delivered(world: RunningRelay) -> None:
    """Wait until no message is on its way."""
    await world.relay._running().phones.sent()
    await asyncio.sleep(0)


async def show(world: RunningRelay, request: str, code: str) -> None:
    """Show a code, over a connection of its own."""
    await (await world.connect()).ask(pb.SubmitOtp(request=request, code=code))


async def enrol(
    world: RunningRelay, phones: Phones, someone: Someone, number: str = NUMBER, **fields: Any
) -> pb.Registered:
    """The whole way."""
    request = await ask(world, someone, number, **fields)
    await show(world, request, phones.code(number))
    return await (await world.connect()).register(someone, phone=number, otp_request=request, **fields)
