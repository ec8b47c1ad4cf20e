"""Accounts: RSA and Ed25519 mix, which nobody notices but for what is shown of the key; and devices come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tacit.client.own_devices import OwnDevice, find_device
from tacit.crypto.eddsa import ED25519
from tacit.errors import TacitError, UsageError
from tacit.identity import AccountKey, DeviceCertificate
from tacit.identity.ids import DeviceId
from tacit.relay import rates
from tacit.sdk.accounts import AccountFile
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire.errors import DeviceRevoked, RateLimited


def brought_along(bits: int = 2048) -> AccountFile:
    key = rsa.generate_private_key(65537, bits)
    return AccountFile(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@story
async def test_both_kinds_of_keys_mix_in_one_group_through_all_of_its_changes(world: World) -> None:
    ron, adi = [await world.person(name, key=brought_along()) for name in ("ron", "adi")]
    eddy, dan = await world.people("eddy", "dan")
    everybody = [ron, adi, eddy, dan]
    for one in everybody:
        for other in everybody:
            if one is not other:
                await one.client.add_contact(other.at)
    assert [(await person.client.account()).key for person in everybody] == [
        "rsa 2048",
        "rsa 2048",
        "ed25519",
        "ed25519",
    ]
    chat = await ron.creates("mixed", eddy)
    await world.shortly()
    await ron.client.invite(chat, adi.at)
    await world.shortly()
    await ron.client.invite(chat, dan.at)
    await world.shortly()
    for person in everybody:
        await person.says(chat, f"I am {person.name}")
        await world.shortly()
    for person in everybody:
        assert [line.split(": ", 1)[1] for line in await person.hears(chat)][-1] == "I am dan"
    await ron.client.remove(chat, eddy.at)
    await world.shortly()
    await dan.says(chat, "without eddy")
    await world.shortly()
    assert (await adi.hears(chat))[-1] == "dan: without eddy"
    assert (await eddy.hears(chat))[-1] == "dan: I am dan"
    views = [await person.chat(chat) for person in (ron, adi, dan)]
    assert len({view.epoch for view in views}) == 1
    for one, other in ((ron, dan), (adi, eddy), (ron, adi)):
        numbers = [await one.client.safety_number(other.at), await other.client.safety_number(one.at)]
        assert numbers[0].digits == numbers[1].digits
        await one.client.verify(other.at, " ".join(numbers[1].digits))
        assert (await one.client.person(other.at)).verified


@story
async def test_a_direct_chat_between_both_kinds_goes_on_after_both_were_away(world: World) -> None:
    ron = await world.person("ron", key=brought_along())
    eddy = await world.person("eddy")
    for one, other in ((ron, eddy), (eddy, ron)):
        await one.client.add_contact(other.at)
    await eddy.says(ron, "to an RSA key")
    await world.shortly()
    await ron.stop()
    await eddy.says(ron, "while he is away")
    await eddy.stop()
    await world.shortly()
    await ron.start()
    await world.shortly()
    await ron.says(eddy, "an answer")
    await eddy.start()
    await world.shortly()
    assert await ron.hears(eddy) == ["eddy: to an RSA key", "eddy: while he is away", "me: an answer"]
    assert await eddy.hears(ron) == ["me: to an RSA key", "me: while he is away", "ron: an answer"]


@story
async def test_a_device_that_its_owner_has_revoked_is_out_and_the_person_comes_back_without_it(world: World) -> None:
    key = brought_along()
    phone = await world.person("ron", key=key)
    laptop = await world.further_device("laptop", key)
    adi = await world.person("adi")
    for one, other in ((phone, adi), (laptop, adi), (adi, phone)):
        await one.client.add_contact(other.at)
    chat = await adi.creates("ours", phone)
    await world.shortly()
    await adi.says(chat, "to both machines")
    await world.shortly()
    assert (await laptop.hears(chat))[-1] == (await phone.hears(chat))[-1] == "adi: to both machines"

    lost = (await laptop.client.account()).device
    for text, refused in ((lost, "own-device"), ("", "no-such-device"), ("not one", "no-such-device")):
        with pytest.raises(TacitError) as caught:
            await laptop.client.revoke_device(text)
        assert caught.value.code == refused
    (own,) = [device for device in (await laptop.client.account(devices=True)).devices or () if device.this]
    with pytest.raises(OwnDevice):
        await laptop.client.revoke_device(own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(rates.RATES, "sender_keys", rates.Rate(0.1, 1.0))
        await world.advance(30)
        found = await phone.client.other_device(lost[:9].upper())
        with pytest.raises(RateLimited):
            await phone.client.revoke_device(lost)
        assert await phone.client.revoke_device(found) == found  # of what was found the relay is not asked again
        assert found.id == lost
        await world.advance(30)
    with pytest.raises(DeviceRevoked):
        await laptop.client.wait_online(0)
    assert [device.this for device in (await phone.client.account(devices=True)).devices or ()] == [True]
    await adi.says(chat, "to the phone")
    await world.shortly()
    assert (await phone.hears(chat))[-1] == "adi: to the phone"
    assert (await laptop.hears(chat))[-1] == "adi: to both machines"
    # Out of the group, and in again with the devices that are left.
    await adi.client.remove(chat, phone.at)
    await world.shortly()
    await adi.client.invite(chat, phone.at)
    await world.shortly()
    await phone.says(chat, "here I am")
    await world.shortly()
    assert (await adi.hears(chat))[-1] == "ron: here I am"
    assert (await laptop.hears(chat))[-1] == "adi: to both machines"


@pytest.mark.parametrize(("typed", "code"), [("a", "ambiguous-device"), ("ab", ""), ("AC ", ""), ("ad", "own-device")])
def test_a_device_is_named_by_how_its_id_begins(typed: str, code: str) -> None:
    account = AccountKey.generate(lambda size: b"\x07" * size)
    some = DeviceCertificate.issue(account, ED25519.generate(lambda size: b"\x08" * size).public, 0)
    ids = {begins: DeviceId(bytes.fromhex(begins) + some.device_id[1:]) for begins in ("ab", "ac", "ad")}
    certificates = [replace(some, device_id=device_id) for device_id in ids.values()]
    if not code:
        assert find_device(certificates, typed, own=ids["ad"]).device_id == ids[typed.strip().lower()]
        return
    with pytest.raises(UsageError) as caught:
        find_device(certificates, typed, own=ids["ad"])
    assert caught.value.code == code
