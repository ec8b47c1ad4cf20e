"""Sessions over real sockets, whatever carries the frames, and for longer than a stranger may stay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tacit import limits
from tacit.relay.config import RelayConfig
from tacit.relay.server import Relay
from tacit.sdk.session import Session, SessionText
from tests.client.session.table_for_two import QUICK, ending, events

CARRIERS = ("ws", "tcp", "grpc")


@asynccontextmanager
async def relay() -> AsyncIterator[Relay]:
    config = RelayConfig(
        None, host="127.0.0.1", port=0, tcp_port=0, grpc_port=0, public_host="127.0.0.1", registration="invite"
    )
    running = Relay(config)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.mark.parametrize(("one_by", "other_by"), [("ws", "tcp"), ("tcp", "grpc"), ("grpc", "ws")])
async def test_two_meet_over_whatever_carries_them(one_by: str, other_by: str) -> None:
    """A session needs no invitation, and neither side can tell how the other one is connected."""
    async with relay() as here:
        links = {scheme: here.link(scheme=scheme) for scheme in CARRIERS}
        async with (
            Session.create(links[one_by], hardness=QUICK) as one,
            Session.join(links[other_by], one.code, hardness=QUICK) as other,
        ):
            assert await one.ready() == other.check_phrase
            await one.send("a large line " + "x" * (limits.MAX_TEXT_BYTES - 13))
            assert len((await events(other, SessionText)).text) == limits.MAX_TEXT_BYTES
            await other.send("back")
            assert (await events(one, SessionText)).text == "back"
            await one.end()
            assert await ending(other) == "goodbye"


async def test_a_talk_of_more_frames_than_a_stranger_may_send_goes_on() -> None:
    async with relay() as here:
        link = here.link(scheme="ws")
        async with (
            Session.create(link, hardness=QUICK) as one,
            Session.join(link, one.code, hardness=QUICK) as other,
        ):
            await one.ready()
            count = limits.MAX_STRANGER_PIECES + 20
            for number in range(count):
                await one.send(f"{number}")
            heard = [(await events(other, SessionText)).text for _ in range(count)]
            assert heard == [f"{number}" for number in range(count)]
