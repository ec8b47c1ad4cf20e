from __future__ import annotations

import asyncio
import time

import pytest

from tacit import limits
from tacit.identity import AccountKey, DeviceCertificate
from tacit.relay.invites import create_invite
from tacit.relay.store import accounts
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tacit.wire.signing import revoke_tbs
from tests.relay.peers import Moves, Someone, commit, key_package, running, to_inbox


async def test_registering_again_changes_nothing_and_needs_nothing(tmp_path):
    async with running(tmp_path, registration="invite") as world:
        someone, peer = Someone.new(), await world.connect()
        token = await world.relay.invite()
        answer = await peer.register(someone, handle="Alice", invite=token)
        assert (answer.account_id, answer.handle) == (someone.account.id, "alice")
        assert (await peer.register(someone)).handle == "alice"
        assert (await peer.register(someone, handle="@ALICE")).handle == "alice"
        await peer.login(someone)


async def test_a_handle_is_unique_whatever_its_case_and_for_good(tmp_path):
    async with running(tmp_path) as world:
        alice, peer = Someone.new(), await world.connect()
        await peer.register(alice, handle="alice")
        with pytest.raises(errors.HandleTaken):
            await peer.register(Someone.new(), handle="ALICE")
        with pytest.raises(errors.HandleFixed):
            await peer.register(alice, handle="alicia")
        await (await world.connect()).register(Someone.new(), handle="alicia")


async def test_a_refused_registration_leaves_nothing(tmp_path):
    async with running(tmp_path) as world:
        someone, peer = Someone.new(), await world.join(handle="alice")
        newcomer = await world.connect()
        with pytest.raises(errors.HandleTaken):
            await newcomer.register(someone, handle="alice")
        with pytest.raises(errors.NoSuchAccount):
            await peer.ask(pb.SenderKeysRequest(who=pb.Who(account_id=someone.account.id)))


@pytest.mark.parametrize("handle", ["a", "bob smith", "b\u00f6b", "-bob", "bob\n"])
async def test_a_handle_that_is_none_is_refused(tmp_path, handle):
    async with running(tmp_path) as world:
        peer = await world.connect()
        if handle.strip() != handle:
            assert (await peer.register(Someone.new(), handle=handle)).handle == "bob"
        else:
            with pytest.raises(errors.BadHandle):
                await peer.register(Someone.new(), handle=handle)


async def test_an_account_takes_its_handle_later(tmp_path):
    async with running(tmp_path) as world:
        someone, peer = Someone.new(), await world.connect()
        assert (await peer.register(someone)).handle == ""
        assert (await peer.register(someone, handle="late")).handle == "late"


async def test_only_who_has_the_account_key_registers_it(tmp_path):
    async with running(tmp_path) as world:
        victim, eve = Someone.new(), Someone.new()
        forged = Someone(eve.account, eve.device, DeviceCertificate.issue(eve.account, eve.device.public, time.time()))
        peer = await world.connect()
        with pytest.raises(errors.BadSignature):
            await peer.register(forged, account_key=victim.account.public)


async def test_a_certificate_must_be_of_this_account_and_of_this_time(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = Someone.new(), Someone.new()
        old = DeviceCertificate.issue(alice.account, alice.device.public, time.time() - 10 * limits.DAY_S, limits.DAY_S)
        endless = DeviceCertificate.issue(alice.account, alice.device.public, 1, 2**64 - 2)
        for certificate in (bob.certificate.encode(), old.encode(), endless.encode(), b"nonsense"):
            peer = await world.connect()
            with pytest.raises(errors.BadCertificate):
                await peer.register(alice, device_certificate=certificate)


async def test_an_account_has_several_devices_and_not_too_many(tmp_path):
    async with running(tmp_path) as world:
        account = AccountKey.generate(lambda size: b"\x07" * size)
        for _ in range(limits.MAX_DEVICES_PER_ACCOUNT):
            await (await world.connect()).register(Someone.new(account))
        with pytest.raises(errors.QuotaExceeded):
            await (await world.connect()).register(Someone.new(account))
        eve = await world.join()
        found = await eve.ask(pb.SenderKeysRequest(who=pb.Who(account_id=account.id)))
        assert (len(found.device_certificates), found.account_key) == (limits.MAX_DEVICES_PER_ACCOUNT, account.public)


async def test_a_revoked_device_makes_room_for_another(tmp_path, monkeypatch):
    monkeypatch.setattr(accounts, "MAX_DEVICES_PER_ACCOUNT", 2)
    monkeypatch.setattr(accounts, "MAX_DEVICES_EVER_PER_ACCOUNT", 4)
    async with running(tmp_path) as world:
        laptop = await world.join()
        account = laptop.someone.account
        for _ in range(3):
            phone = Someone.new(account)
            await (await world.connect()).register(phone)
            with pytest.raises(errors.QuotaExceeded):
                await (await world.connect()).register(Someone.new(account))
            signed = revoke_tbs(account_id=account.id, device_id=phone.certificate.device_id)
            await laptop.ask(
                pb.RevokeDevice(device_id=phone.certificate.device_id, signature=account.sign_bytes(signed))
            )
        with pytest.raises(errors.QuotaExceeded):
            await (await world.connect()).register(Someone.new(account))


async def test_strangers_without_an_invitation_do_not_use_up_the_rate_of_new_accounts(tmp_path):
    async with running(tmp_path, registration="invite", registrations_per_hour=2) as world:
        token = await world.relay.invite(uses=3)
        invited = Someone.new()
        await (await world.connect()).register(invited, invite=token)
        for _ in range(3):
            with pytest.raises(errors.InviteInvalid):
                await (await world.connect()).register(Someone.new(), invite="made up")
            await (await world.connect()).register(invited)
        await (await world.connect()).register(Someone.new(), invite=token)
        with pytest.raises(errors.RateLimited):
            await (await world.connect()).register(Someone.new(), invite=token)


async def test_registering_a_strangers_device_as_ones_own_blocks_nobody(tmp_path):
    async with running(tmp_path) as world:
        victim, eve = Someone.new(), AccountKey.generate(lambda size: b"\x09" * size)
        squatter = Someone(eve, victim.device, DeviceCertificate.issue(eve, victim.device.public, time.time()))
        await (await world.connect()).register(squatter)
        real = await world.join(victim)
        other = await world.join()
        await other.ask(to_inbox(victim, b"for the real one"))
        await real.listen(victim.certificate.device_id)
        assert (await real.entry()).payload == b"for the real one"


async def test_people_are_found_by_id_and_by_handle(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(handle="alice"), await world.join()
        for who in (pb.Who(handle="@Alice"), pb.Who(account_id=alice.someone.account.id)):
            found = await bob.ask(pb.SenderKeysRequest(who=who))
            assert found.account_id == alice.someone.account.id
            assert (found.account_key, found.handle) == (alice.someone.account.public, "alice")
            assert list(found.device_certificates) == [alice.someone.certificate.encode()]
        with pytest.raises(errors.NoSuchAccount):
            await bob.ask(pb.SenderKeysRequest(who=pb.Who(handle="nobody")))
        with pytest.raises(errors.BadHandle):
            await bob.ask(pb.SenderKeysRequest(who=pb.Who(handle="' OR 1=1 --")))


async def test_a_revoked_device_is_out_for_good(tmp_path):
    """Hazard D3."""
    async with running(tmp_path) as world:
        alice = await world.join()
        lost = await world.join(Someone.new(alice.someone.account))
        bob = await world.join()
        log = await bob.create_log()
        await bob.ask(commit(log, b"add", 0, readers_added=[lost.someone.address]))
        await lost.ask(pb.PublishKeys(key_packages=[key_package(b"lost's")]))
        device_id = lost.someone.certificate.device_id
        signed = revoke_tbs(account_id=alice.someone.account.id, device_id=device_id)
        revoke = pb.RevokeDevice(device_id=device_id, signature=alice.someone.account.sign_bytes(signed))
        with pytest.raises(errors.BadSignature):
            await alice.ask(pb.RevokeDevice(device_id=device_id, signature=bob.someone.account.sign_bytes(signed)))
        await alice.ask(revoke)
        await lost.wait_ended()
        assert [closing.code for closing in lost.closings] == ["device-revoked"]
        await alice.ask(revoke)
        for attempt in ("login", "register"):
            with pytest.raises(errors.DeviceRevoked):
                await getattr(await world.connect(), attempt)(lost.someone)
        with pytest.raises(errors.NoSuchDevice):
            await bob.ask(to_inbox(lost.someone, b"anyone there?"))
        found = await bob.ask(pb.SenderKeysRequest(who=pb.Who(account_id=alice.someone.account.id)))
        assert list(found.device_certificates) == [alice.someone.certificate.encode()]
        await bob.append(log, b"not held for it")
        await bob.acknowledge(log, 2)
        assert (await bob.listen(log))[0].first_seq == 3
    async with running(tmp_path) as world:
        with pytest.raises(errors.DeviceRevoked):
            await (await world.connect()).login(lost.someone)


async def test_nobody_revokes_anothers_device(tmp_path):
    async with running(tmp_path) as world:
        alice, eve = await world.join(), await world.join()
        device_id = alice.someone.certificate.device_id
        signed = revoke_tbs(account_id=eve.someone.account.id, device_id=device_id)
        with pytest.raises(errors.NoSuchDevice):
            await eve.ask(pb.RevokeDevice(device_id=device_id, signature=eve.someone.account.sign_bytes(signed)))
        await alice.ask(pb.Acknowledge())


async def test_without_an_invitation_nobody_new_comes_in(tmp_path):
    async with running(tmp_path, registration="invite") as world:
        peer = await world.connect()
        assert peer.hello.registration == "invite"
        with pytest.raises(errors.InviteNeeded):
            await peer.register(Someone.new())
        with pytest.raises(errors.InviteInvalid):
            await peer.register(Someone.new(), invite="guess")


async def test_of_100_who_use_a_one_use_invitation_exactly_one_comes_in(tmp_path):
    """Hazard D13."""
    async with running(tmp_path, registration="invite") as world:
        token, _ = create_invite(tmp_path, uses=1, now_s=int(time.time()))
        people = [Someone.new() for _ in range(100)]
        peers = [await world.connect() for _ in people]
        outcomes = await asyncio.gather(
            *(peer.register(someone, invite=token) for peer, someone in zip(peers, people, strict=True)),
            return_exceptions=True,
        )
        admitted = [outcome for outcome in outcomes if isinstance(outcome, pb.Registered)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, errors.InviteInvalid)]
        assert (len(admitted), len(refused)) == (1, 99)


async def test_an_expired_invitation_is_none(tmp_path):
    clock = Moves()
    async with running(tmp_path, registration="invite", clock=clock) as world:
        token = await world.relay.invite(uses=2, expires_s=60)
        await (await world.connect()).register(Someone.new(), invite=token)
        clock.forward(60)
        with pytest.raises(errors.InviteInvalid):
            await (await world.connect()).register(Someone.new(), invite=token)


async def test_as_many_new_accounts_come_in_an_hour_as_the_operator_allows(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock, registrations_per_hour=4) as world:
        for _ in range(4):
            known = (await world.join()).someone
        peer = await world.connect()
        with pytest.raises(errors.RateLimited) as refused:
            await peer.register(Someone.new())
        assert refused.value.retry_after_s == limits.HOUR_S / 4
        await peer.register(known)
        clock.forward(limits.HOUR_S / 4)
        await world.join()
