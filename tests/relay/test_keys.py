from __future__ import annotations

import asyncio
import time

import pytest

from tacit import limits
from tacit.identity import DeviceCertificate
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Moves, Someone, key_package, running


def claim(someone, suite=1):
    return pb.RecipientKeysRequest(who=pb.Who(account_id=someone.account.id), suite=suite)


async def publish(peer, *packages):
    return await peer.ask(pb.PublishKeys(key_packages=packages))


async def test_100_concurrent_claims_get_100_different_key_packages(tmp_path):
    """Hazard A17."""
    async with running(tmp_path) as world:
        owner, claimers = await world.join(), [await world.join() for _ in range(5)]
        await publish(owner, *(key_package(b"%d" % n) for n in range(100)))
        asked = [await claimers[n % 5].begin(claim(owner.someone)) for n in range(100)]
        given = [answer.devices[0].key_package.key_package for answer in await asyncio.gather(*asked)]
        assert sorted(given) == sorted(b"%d" % n for n in range(100))
        assert (await publish(owner)).one_time_key_packages == 0


async def test_a_claim_says_whose_they_are(tmp_path):
    async with running(tmp_path) as world:
        owner, other = await world.join(handle="bob"), await world.join()
        await publish(owner, key_package(b"kp"))
        answer = await other.ask(pb.RecipientKeysRequest(who=pb.Who(handle="Bob"), suite=1))
        assert (answer.account_id, answer.account_key) == (owner.someone.account.id, owner.someone.account.public)
        (device,) = answer.devices
        assert device.device_id == owner.someone.certificate.device_id
        assert device.device_certificate == owner.someone.certificate.encode()
        assert (device.key_package.key_package, device.key_package.last_resort) == (b"kp", False)


async def test_the_last_resort_is_given_when_nothing_else_is_left_and_its_owner_is_told(tmp_path):
    """Hazard A19."""
    async with running(tmp_path) as world:
        owner, other = await world.join(), await world.join()
        left = await publish(owner, key_package(b"once"), key_package(b"for ever", last_resort=True))
        assert (left.one_time_key_packages, left.last_resort_used) == (1, False)
        answers = [await other.ask(claim(owner.someone)) for _ in range(3)]
        given = [answer.devices[0].key_package for answer in answers]
        assert [(p.key_package, p.last_resort) for p in given] == [
            (b"once", False),
            (b"for ever", True),
            (b"for ever", True),
        ]
        again = await (await world.connect()).login(owner.someone)
        assert (again.one_time_key_packages, again.last_resort_used) == (0, True)
        owner = await world.back(owner.someone)
        assert (await publish(owner, key_package(b"for ever", last_resort=True))).last_resort_used
        assert not (await publish(owner, key_package(b"fresh", last_resort=True))).last_resort_used
        assert (await other.ask(claim(owner.someone))).devices[0].key_package.key_package == b"fresh"


async def test_one_that_was_given_out_never_comes_back(tmp_path):
    async with running(tmp_path) as world:
        owner, other = await world.join(), await world.join()
        once = key_package(b"once")
        await publish(owner, once)
        await other.ask(claim(owner.someone))
        assert (await publish(owner, once, once)).one_time_key_packages == 0
        with pytest.raises(errors.NoKeyPackages):
            await other.ask(claim(owner.someone))
    async with running(tmp_path) as world:
        owner = await world.back(owner.someone)
        assert (await publish(owner, once)).one_time_key_packages == 0


async def test_publishing_twice_is_publishing_once(tmp_path):
    async with running(tmp_path) as world:
        owner = await world.join()
        packages = [key_package(b"%d" % n) for n in range(3)]
        await publish(owner, *packages)
        assert (await publish(owner, *packages)).one_time_key_packages == 3


async def test_suites_are_kept_apart(tmp_path):
    async with running(tmp_path) as world:
        owner, other = await world.join(), await world.join()
        await publish(owner, key_package(b"one", suite=1), key_package(b"pq", suite=0xF001))
        assert (await other.ask(claim(owner.someone, 0xF001))).devices[0].key_package.key_package == b"pq"
        with pytest.raises(errors.NoKeyPackages):
            await other.ask(claim(owner.someone, 2))


async def test_an_expired_one_is_never_given(tmp_path):
    """Hazard A18."""
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        owner, other = await world.join(), await world.join()
        await publish(owner, key_package(b"short", expires_in_s=60), key_package(b"long", expires_in_s=600))
        clock.forward(200)
        assert (await publish(owner)).one_time_key_packages == 1
        assert (await other.ask(claim(owner.someone))).devices[0].key_package.key_package == b"long"
        with pytest.raises(errors.NoKeyPackages):
            await other.ask(claim(owner.someone))


@pytest.mark.parametrize("expires_in_s", [-5, limits.KEY_PACKAGE_MAX_RANGE_S + 60])
async def test_one_that_is_over_or_never_ends_is_not_taken(tmp_path, expires_in_s):
    async with running(tmp_path) as world:
        owner = await world.join()
        with pytest.raises(errors.BadRequest):
            await publish(owner, key_package(b"kp", expires_in_s=expires_in_s))


async def test_a_device_keeps_only_so_many(tmp_path):
    """Hazard H6."""
    async with running(tmp_path) as world:
        owner = await world.join()
        await publish(owner, *(key_package(b"%d" % n) for n in range(limits.MAX_KEY_PACKAGES_PER_DEVICE)))
        with pytest.raises(errors.QuotaExceeded):
            await publish(owner, key_package(b"one more"))
        assert (await publish(owner)).one_time_key_packages == limits.MAX_KEY_PACKAGES_PER_DEVICE


async def test_every_device_gives_one_and_the_asking_one_none(tmp_path):
    async with running(tmp_path) as world:
        phone, other = await world.join(), await world.join()
        laptop = await world.join(Someone.new(phone.someone.account))
        await publish(phone, key_package(b"phone"))
        answer = await other.ask(claim(phone.someone))
        assert [device.HasField("key_package") for device in answer.devices] == [True, False]
        await publish(phone, key_package(b"phone 2"))
        own = await laptop.ask(claim(phone.someone))
        assert [device.device_id for device in own.devices] == [phone.someone.certificate.device_id]


async def test_a_device_renews_its_certificate_with_its_own_key_only(tmp_path):
    async with running(tmp_path) as world:
        owner, other = await world.join(), await world.join()
        renewed = DeviceCertificate.issue(owner.someone.account, owner.someone.device.public, time.time() + 1)
        await owner.ask(pb.PublishKeys(device_certificate=renewed.encode()))
        found = await other.ask(pb.SenderKeysRequest(who=pb.Who(account_id=owner.someone.account.id)))
        assert list(found.device_certificates) == [renewed.encode()]
        for wrong in (Someone.new(owner.someone.account).certificate, other.someone.certificate):
            with pytest.raises(errors.BadCertificate):
                await owner.ask(pb.PublishKeys(device_certificate=wrong.encode()))


async def test_claims_are_slow_enough_that_nobody_is_drained(tmp_path):
    clock = Moves()
    async with running(tmp_path, clock=clock) as world:
        owner, eve = await world.join(), await world.join()
        await publish(owner, key_package(b"for ever", last_resort=True))
        burst = int(limits.RATE_CLAIMS[1])
        asked = [await eve.begin(claim(owner.someone)) for _ in range(burst + 1)]
        answers = await asyncio.gather(*asked)
        assert [type(answer) for answer in answers] == [pb.RecipientKeys] * burst + [pb.Error]
        assert (answers[-1].code, answers[-1].retry_after_s) == ("rate-limited", 1)
        eve = await world.back(eve.someone)
        with pytest.raises(errors.RateLimited):
            await eve.ask(claim(owner.someone))
        clock.forward(1)
        await eve.ask(claim(owner.someone))
