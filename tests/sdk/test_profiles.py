"""Making and opening profiles: what goes wrong has a code, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tacit.client.errors import Closed, NoSuchProfile, Offline, ProfileExists
from tacit.client.store import PassphraseNeeded, ProfileInUse, WrongPassphrase
from tacit.errors import TacitError
from tacit.identity import BadLink
from tacit.net import ConnectionRefused
from tacit.sdk import Client
from tacit.sdk.parts import Parts
from tacit.sdk.types import Connection
from tacit.testing.entropy import SeededEntropy
from tacit.testing.story import story, story_on_disk
from tacit.testing.world import World
from tacit.wire.errors import HandleTaken
from tacit.wire.signing import PinMismatch


def parts(world: World, name: str = "alice") -> Parts:
    way = world.actors[name].way
    return Parts(connect=way.connect, clock=world.clock, entropy=SeededEntropy(world.seed, f"beside {name}"))


async def create(world: World, **changed: object) -> None:
    arguments = {"name": "carol", "relay": world.relay.link, "passphrase": None, "data_dir": world.folder / "carol"}
    await Client.create("default", parts=parts(world), **(arguments | changed))  # type: ignore[arg-type]


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != "lock") if folder.exists() else []


@story
async def test_a_profile_exists_once_it_has_been_made(world: World) -> None:
    await world.people("alice")
    assert not Client.exists("default", world.folder / "carol")
    await create(world)
    assert Client.exists("default", world.folder / "carol")
    with pytest.raises(ProfileExists):
        await create(world)


@story
async def test_a_profile_that_cannot_be_made_leaves_nothing_behind(world: World) -> None:
    await world.people("alice")
    link = world.relay.link
    wrong = link.replace(link[-10], "a" if link[-10] != "a" else "b")
    for error, changed in (
        (HandleTaken, {"name": "alice"}),
        (BadLink, {"relay": "tacit://nowhere"}),
        (BadLink, {"relay": wrong[:-1]}),
        (TacitError, {"name": "no such handle!"}),
    ):
        with pytest.raises(error):
            await create(world, **changed)
        assert files(world.folder / "carol") == []
    world.actors["alice"].way.close()
    with pytest.raises(ConnectionRefused):
        await create(world)
    assert files(world.folder / "carol") == []
    assert not Client.exists("default", world.folder / "carol")


@story
async def test_a_relay_with_another_key_is_refused_when_a_profile_is_made(world: World) -> None:
    await world.people("alice")
    head, _, fingerprint = world.relay.link.partition("#")
    other = ("b" if fingerprint[0] == "a" else "a") + fingerprint[1:]
    with pytest.raises(PinMismatch):
        await create(world, relay=f"{head}#{other}")
    assert files(world.folder / "carol") == []


@story
async def test_opening_what_cannot_be_opened(world: World) -> None:
    (alice,) = await world.people("alice")
    folder = world.folder / "carol"
    with pytest.raises(NoSuchProfile):
        async with Client.open("default", data_dir=folder, parts=parts(world)):
            pass
    await create(world, passphrase="correct horse")
    for passphrase, error in ((None, PassphraseNeeded), ("wrong", WrongPassphrase)):
        with pytest.raises(error):
            async with Client.open("default", passphrase=passphrase, data_dir=folder, parts=parts(world)):
                pass
    with pytest.raises(ProfileInUse):
        async with Client.open("default", data_dir=alice.data_dir, parts=parts(world)):
            pass
    async with Client.open("default", passphrase="correct horse", data_dir=folder, parts=parts(world)) as carol:
        await carol.wait_online(5)
        assert (await carol.status()).encrypted_at_rest


@story
async def test_who_one_is_and_how_one_stands(world: World) -> None:
    (alice,) = await world.people("alice")
    status = await alice.client.status()
    assert (status.profile, status.connection, status.queued, status.chats, status.requests) == (
        "default", "online", 0, 0, 0,
    )  # fmt: skip
    assert status.key_packages == 20
    assert not status.encrypted_at_rest
    assert status.me == alice.client.me
    assert (alice.client.me.name, alice.client.me.status) == ("@alice", "self")
    assert status.relay == world.relay.link
    assert alice.client.contact_link == world.relay.link.replace("/#", f"/{alice.id}#")


@story
async def test_a_client_that_is_not_to_connect_says_so(world: World) -> None:
    (alice,) = await world.people("alice")
    await alice.stop()
    async with Client.open("default", data_dir=alice.data_dir, parts=parts(world), connect=False) as offline:
        with pytest.raises(Offline):
            await offline.wait_online(1)
        assert (await offline.status()).connection == "offline"


@story
async def test_waiting_for_a_relay_that_is_away_ends_with_the_reason(world: World) -> None:
    (alice,) = await world.people("alice")
    await alice.go_offline()
    with pytest.raises(ConnectionRefused):
        await alice.client.wait_online(20)
    offline = [e for e in alice.events if isinstance(e, Connection) and e.state == "offline"]
    assert offline[-1].code == "connection-refused"
    assert offline[-1].retry_in_s >= 0


@story
async def test_a_relay_that_is_another_one_ends_all_trying_and_explains_itself(world: World) -> None:
    """The relay keeps nothing on disk, so after a restart it is another one under the same address."""
    (alice,) = await world.people("alice")
    await world.relay.stop()
    await world.relay.start()
    await world.advance(30)
    connections = alice.way.connections
    await world.advance(3600)
    assert alice.way.connections == connections, "tried again by itself"
    with pytest.raises(PinMismatch):
        await alice.client.wait_online(1)
    last = [e for e in alice.events if isinstance(e, Connection)][-1]
    assert (last.state, last.code, last.retry_in_s) == ("offline", "relay-pin-mismatch", 0)
    assert "is not the one" in last.sentence


@story_on_disk
async def test_a_relay_that_comes_back_is_found_again(world: World) -> None:
    (alice,) = await world.people("alice")
    await world.relay.stop()
    await world.advance(600)
    assert (await alice.client.status()).connection != "online"
    await world.relay.start()
    await alice.client.wait_caught_up(120)


@story
async def test_closing_ends_every_task_and_every_wait(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    before = {t for t in asyncio.all_tasks() if t.get_name().startswith("tacit-")}
    message = await alice.says(bob, "hi")
    client = alice.client
    waiting = asyncio.create_task(client.wait_for(message, "read", 1000))
    events = client.events()
    await world.settle()
    await alice.stop()
    with pytest.raises(Closed):
        await waiting
    assert isinstance([event async for event in events], list), "ends"
    with pytest.raises(Closed):
        await client.send("@bob", "too late")
    with pytest.raises(Closed):
        await client.chats()
    await bob.stop()
    left = {t for t in asyncio.all_tasks() if t.get_name().startswith("tacit-")}
    assert before
    assert not left
