"""Whole conversations at DEBUG: what people say, what they are called and what keys they hold is written down nowhere.

Looked through are every log record, every error that was raised on purpose, the frames that reached the relay, the
relay's files, and the files of the clients.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from pathlib import Path

import pytest

from tacit.client.store import Store
from tacit.client.store.keys import unlock
from tacit.errors import TacitError
from tacit.testing.actor import Actor
from tacit.testing.story import story_on_disk
from tacit.testing.world import World

SAID = ("canary-first", "canary-second", "canary-third")
TITLE = "canary-title"
LOCAL_NAME = "canary-local-name"
PASSPHRASE = "canary-passphrase"


def secrets_of(actor: Actor) -> list[bytes]:
    """Private keys as the store holds them."""
    store = Store.open(actor.paths.store, unlock(actor.paths.key_file, PASSPHRASE))
    profile = store.profile()
    store.close()
    assert profile is not None
    return [profile.account_private, profile.device_private]


async def talk(world: World) -> list[bytes]:
    """A conversation with everything in it; returns what must be found nowhere, keys included."""
    people = [await world.person(name, passphrase=PASSPHRASE) for name in ("alice", "bob", "carol")]
    alice, bob, carol = people
    for one in people:
        for other in people:
            if one is not other:
                await one.client.add_contact(other.at, LOCAL_NAME)
    await alice.says(bob, SAID[0])
    chat = await alice.creates(TITLE, bob)
    await world.shortly()
    await alice.client.invite(chat, carol.at)
    await world.shortly()
    await carol.says(chat, SAID[1])
    await bob.go_offline()
    await alice.client.rename(chat, TITLE + "-2")
    await alice.says(chat, SAID[2])
    await world.advance(60)
    await bob.go_online()
    await alice.client.remove(chat, carol.at)
    await world.advance(60)
    assert await bob.hears(chat) == [f"carol: {SAID[1]}", f"alice: {SAID[2]}"]
    words = [*SAID, TITLE, LOCAL_NAME, PASSPHRASE]
    return [word.encode() for word in words] + [key for actor in people for key in secrets_of(actor)]


def forms_of(secret: bytes) -> list[bytes]:
    """A secret as it might slip out: raw, in hexadecimal, as Python shows bytes."""
    return [secret, secret.hex().encode(), repr(secret)[2:-1].encode()]


def not_found(secrets: list[bytes], place: str, data: bytes) -> None:
    for secret in secrets:
        for form in forms_of(secret):
            assert form not in data, f"{secret[:12]!r} in {place}"


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@story_on_disk
async def test_nothing_said_is_written_down_where_it_could_be_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = await talk(world)
    handles = [b"alice", b"bob", b"carol"]
    ids = [actor.id.encode() for actor in world.actors.values()]
    lines = "\n".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records if r.name.startswith("tacit"))
    assert lines, "this test must have something to look through"
    not_found([*secrets, *handles, *ids], "the logs", lines.encode())
    for actor in world.actors.values():
        for passing in actor.way.passed:
            not_found(secrets, f"a frame: {passing.name}", passing.frame)
    found = files_below(world.folder)
    assert any(name.startswith("relay/") for name in found)
    assert any(name.endswith("store.db") for name in found)
    for name, data in found.items():
        not_found(secrets, name, data)


@story_on_disk
async def test_errors_name_no_content_and_no_keys(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    long = "canary " * 10_000
    said = [
        await error_of(alice.client.send(bob.at, long)),
        await error_of(alice.client.send("canary-nobody?", "canary text")),
        await error_of(alice.client.create_group("canary-title" * 100)),
    ]
    assert all(said)
    for words in said:
        assert "canary text" not in words
        assert "canary canary" not in words


async def error_of(doing: Awaitable[object]) -> str:
    try:
        await doing
    except TacitError as error:
        return f"{error!r} {error.sentence} {error.hint}"
    return ""
