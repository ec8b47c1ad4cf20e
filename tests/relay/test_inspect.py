from __future__ import annotations

import pytest

from tacit.relay.errors import NoStore
from tacit.relay.inspect import held_account
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import commit, key_package, running, to_inbox


async def test_what_is_held_on_one_account_beside_a_running_relay(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(handle="alice"), await world.join(handle="bob")
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await alice.append(log, b"one")
        await alice.append(log, b"two")
        await bob.acknowledge(log, 2)
        await alice.ask(to_inbox(bob.someone, b"welcome"))
        await bob.ask(pb.PublishKeys(key_packages=[key_package(b"kp")]))
        held = held_account(tmp_path, "bob")
        assert (held.account_id, held.handle) == (bob.someone.account.id, "bob")
        (device,) = held.devices
        assert device.device_id == bob.someone.certificate.device_id
        assert (device.key_packages, device.inbox_entries, device.inbox_bytes) == (1, 1, len(b"welcome"))
        assert (device.conversations, device.unread_entries, device.revoked_at) == (1, 1, None)
        assert held_account(tmp_path, alice.someone.account.id).devices[0].unread_entries == 3


async def test_one_who_is_not_there(tmp_path):
    with pytest.raises(NoStore):
        held_account(tmp_path, "bob")
    async with running(tmp_path):
        with pytest.raises(errors.NoSuchAccount):
            held_account(tmp_path, "bob")
