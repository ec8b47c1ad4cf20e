"""Clients inside the test's own process, over real sockets and files: the other side of whatever is being tested."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tacit.sdk import Client
from tacit.sdk.types import Event, MessageInfo
from tests.processes.programs import TIMEOUT_S, Profile

_numbers = itertools.count(1)


def fresh(name: str) -> str:
    """A name that nobody has at the relay that tests of a module share."""
    return f"{name}{next(_numbers)}"


async def create(link: str, data_dir: Path, *names: str, passphrase: str | None = None) -> list[Profile]:
    """Make identities at a relay."""
    for name in names:
        await Client.create(name, name=name, relay=link, passphrase=passphrase, data_dir=data_dir)
    return [Profile(name, data_dir) for name in names]


@asynccontextmanager
async def opened(profile: Profile, *, connect: bool = True, passphrase: str | None = None) -> AsyncIterator[Client]:
    """Open a profile here."""
    opening = Client.open(profile.name, data_dir=profile.data_dir, connect=connect, passphrase=passphrase)
    async with opening as me:
        if connect:
            await me.wait_caught_up(TIMEOUT_S)
        yield me


async def happens(events: AsyncIterator[Event], wanted: Callable[[Event], bool]) -> Event:
    """Wait for an event."""
    async with asyncio.timeout(TIMEOUT_S):
        async for event in events:
            if wanted(event):
                return event
    raise AssertionError("the client was closed")


async def befriend(link: str, data_dir: Path, *names: str) -> list[Profile]:
    """Make identities whose every two have said yes to each other; each has said its name to each before it."""
    profiles = await create(link, data_dir, *names)
    for number, asking in enumerate(profiles):
        for asked in profiles[:number]:
            async with opened(asking) as one, opened(asked) as other:
                await introduce(one, other)
    return profiles


async def introduce(one: Client, other: Client) -> None:
    """One writes, the other says yes and has it."""
    message = await one.send(other.me.name, f"I am {one.profile}")
    await one.wait_for(message.id, "relayed", TIMEOUT_S)
    await becomes(lambda: has_request(other))
    await other.accept(one.me.id)
    await one.wait_for(message.id, "delivered", TIMEOUT_S)


async def has_request(me: Client) -> bool:
    return bool(await me.requests())


async def becomes(true: Callable[[], Awaitable[object]], timeout_s: float = TIMEOUT_S) -> None:
    """Wait until a coroutine function says yes; looks again after a breath."""
    async with asyncio.timeout(timeout_s):
        while not await true():  # noqa: ASYNC110 - a state of several clients, not an event of one
            await asyncio.sleep(0.02)


def texts(history: list[MessageInfo]) -> list[str]:
    """What was said, by whom, in order."""
    return [f"{'me' if m.mine else m.sender.name}: {m.text}" for m in history if m.kind == "text" and m.sender]


def notices(history: list[MessageInfo]) -> list[str]:
    """The lines that nobody wrote, with their reasons."""
    return [f"{m.notice.code} {m.notice.reason}".rstrip() for m in history if m.notice]


def alarms(history: list[MessageInfo]) -> list[str]:
    """The lines that tell of something lost or refused."""
    return [line for line in notices(history) if line.split()[0] in ALARMS]


ALARMS = {"gap", "fork", "undecryptable", "invalid-commit", "rejected-commit", "behind", "not-sent", "change-failed"}


async def said(profile: Profile, who: str, *, passphrase: str | None = None) -> list[str]:
    """The texts of a chat as they lie in the store; there is no line of alarm beside them."""
    async with opened(profile, connect=False, passphrase=passphrase) as me:
        history = await me.history(who, limit=10_000)
    assert not alarms(history), alarms(history)
    return texts(history)
