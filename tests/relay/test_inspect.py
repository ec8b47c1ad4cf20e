from __future__ import annotations

import pytest

from tacit.relay.store.inspect import held_account
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import commit, key_package, running, to_inbox
from tests.relay.test_rooms import come_in, make_room


async def test_what_is_held_on_one_account(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(handle="alice"), await world.join(handle="bob")
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await alice.append(log, b"one")
        await alice.append(log, b"two")
        await bob.acknowledge(log, 2)
        await alice.ask(to_inbox(bob.someone, b"welcome"))
        await bob.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        held = await world.relay._context.store.query(lambda db: held_account(db, "bob"))
        assert (held.account_id, held.handle) == (bob.someone.account.id, "bob")
        (device,) = held.devices
        assert device.device_id == bob.someone.certificate.device_id
        assert (device.key_packages, device.inbox_entries, device.inbox_bytes) == (1, 1, len(b"welcome"))
        assert (device.conversations, device.unread_entries, device.revoked_at) == (1, 1, None)
        theirs = await world.relay._context.store.query(lambda db: held_account(db, alice.someone.account.id))
        (device,) = theirs.devices
        assert (device.unread_entries, device.written_entries, theirs.conversations_made) == (3, 4, 1)
        assert (theirs.invite_id, theirs.suspended_at) == ("", None)


async def test_the_rooms_that_an_account_made_are_held_on_it(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(handle="alice"), await world.join(handle="bob")
        await alice.create_log()
        lobby = await make_room(alice, name="lobby", link_secret=bytes(32))
        await make_room(alice, group_info=b"info", join_token_hash=b"")
        await come_in(lobby, bob)
        held = await world.relay._context.store.query(lambda db: held_account(db, "alice"))
        assert held.conversations_made == 3
        assert [(room.name, room.devices, room.locked, room.entries) for room in held.rooms] == [
            ("lobby", 2, False, 1),
            ("", 1, True, 0),
        ]
        assert [room.group_info_bytes for room in held.rooms] == [len(b"info of 1"), len(b"info")]
        assert (await world.relay._context.store.query(lambda db: held_account(db, "bob"))).rooms == ()


async def test_one_who_is_not_there(tmp_path):
    async with running(tmp_path) as world:
        with pytest.raises(errors.NoSuchAccount):
            await world.relay._context.store.query(lambda db: held_account(db, "bob"))
