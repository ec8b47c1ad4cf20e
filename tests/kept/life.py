"""A life in which everything happens that a relay or a client writes down. Afterwards no table of anybody is empty."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial

from tacit.limits import RETURN_WAIT_S
from tacit.relay.backups import back_up, restore
from tacit.relay.store import accounts, invites, phones
from tacit.relay.store.rows import Needs, Registration
from tacit.testing.actor import Actor
from tacit.testing.entropy import SeededEntropy
from tacit.testing.evil import rewrite_request
from tacit.testing.world import World

PEOPLE = ("alice", "bob", "carol")


async def live(world: World) -> None:
    """At the end everybody is offline."""
    alice, bob, carol = await world.friends(*PEOPLE)
    await talk(world, alice, bob, carol)
    await come_in_by_invitation(world)
    await lose_the_relay(world, alice, bob)
    await send_codes(world)
    await spoil_an_entry(world, alice, carol)
    await leave_things_waiting(world, alice, bob, carol)
    for actor in world.actors.values():
        await actor.go_offline()


async def talk(world: World, alice: Actor, bob: Actor, carol: Actor) -> None:
    """A direct chat, a group, a room, and a stranger."""
    await alice.says(bob, "hello bob")
    await world.shortly()
    await bob.says(alice, "hello alice")
    await bob.reads(alice)
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    await carol.says(chat, "hello friends")
    await world.shortly()
    await alice.client.rename(chat, "old friends")
    await world.shortly()
    room = await alice.client.create_room("lobby", nick="ally", public=True)
    await bob.client.join_room("lobby", nick="bobby")
    await world.shortly()
    await bob.says(room.id, "hello room")
    await world.shortly()
    eve = await world.person("eve")
    await eve.says(alice, "you do not know me")
    await carol.client.add_contact(eve.at)
    await carol.client.block(eve.at)
    await world.shortly()


async def come_in_by_invitation(world: World) -> None:
    """What the wire says about it is not what is looked at here."""
    now_s = int(world.clock.now_s())
    context = world.relay.relay._context
    assert context is not None
    token = invites.hash_token("an invitation")
    wish = Registration(
        account_id=b"i" * 16,
        account_key=b"account key of one who never came back",
        device_id=b"d" * 16,
        device_key=b"device key of one who never came back",
        certificate=b"certificate",
        certificate_expires_at=now_s + 86_400,
        handle="invited",
        invite_hash=token,
        proved_phone=b"p" * 32,
        findable=True,
    )
    note = invites.Invite("", "for a friend", 3, 0, now_s, None, None)
    await context.store.change(lambda db: invites.create(db, token, note))
    needs = Needs(invite=True, phone=True)
    await context.store.change(lambda db: accounts.register(db, wish, needs=needs, now_s=now_s))


async def send_codes(world: World) -> None:
    """To somebody who did not come."""
    now_s = int(world.clock.now_s())
    context = world.relay.relay._context
    assert context is not None
    for left_s in (3600.0, 7200.0):
        rests = {b"number" * 5: left_s, b"block" * 6: left_s / 10}
        await context.store.change(partial(phones.note_sent, now_s=now_s, rests=rests))


async def lose_the_relay(world: World, alice: Actor, bob: Actor) -> None:
    """It is put back to before somebody came, who never comes again."""
    data, backup = world.folder / "relay", world.folder / "backup"
    now_s = int(world.clock.now_s())
    back_up(data, backup, now_s=now_s, progress=quietly)
    dave = await world.person("dave")
    (chat,) = [found.id for found in await alice.client.chats() if found.title == "old friends"]
    await alice.client.add_contact(dave.at)
    await dave.client.add_contact(alice.at)
    await alice.client.invite(chat, dave.at)
    await world.shortly()
    await bob.says(chat, "hello dave")
    await world.shortly()
    for actor in world.actors.values():
        actor.way.close()
    await world.relay.crash()
    restore(backup, data, force=True, now_s=now_s, progress=quietly, entropy=SeededEntropy(world.seed, "restored"))
    await world.relay.start()
    for actor in world.actors.values():
        if actor is not dave:
            actor.way.reopen()
    await world.advance(RETURN_WAIT_S + 60)


async def spoil_an_entry(world: World, alice: Actor, carol: Actor) -> None:
    """The disk does that."""
    await carol.go_offline()
    began_ms = world.clock.now_s() * 1000
    await alice.says(carol, "this will be spoilt")
    await world.shortly()
    await world.relay.stop()
    with closing(sqlite3.connect(world.folder / "relay" / "relay.db")) as db, db:
        spoilt = "UPDATE entries SET payload = CAST(x'ff' || substr(payload, 2) AS BLOB)"
        count = db.execute(f"{spoilt} WHERE kind = 1 AND received_at_ms >= ?", (began_ms,)).rowcount
        assert count == 1
    await world.relay.start()
    await carol.go_online()
    await world.advance(60)


async def leave_things_waiting(world: World, alice: Actor, bob: Actor, carol: Actor) -> None:
    """Bob is away; what alice and carol want to do last does not reach the relay."""
    await bob.go_offline()
    (chat,) = [found.id for found in await alice.client.chats() if found.title == "old friends"]
    await alice.says(chat, "waits for bob")
    await carol.says(chat, "waits for bob, too")
    await alice.creates("without carol", bob)
    await world.shortly()
    for actor in (alice, carol):
        actor.way.meddle(rewrite_request("append", lambda _: None))
    await alice.client.rename(chat, "new friends")
    await alice.says(bob, "not sent yet")
    joining = asyncio.create_task(carol.client.join_room("lobby", nick="carrie"))
    await world.shortly()
    await alice.go_offline()
    await alice.says(bob, "nor is this")
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)


def quietly(what: str, done: float) -> None:
    """Nobody looks on."""
