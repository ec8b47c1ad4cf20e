"""People with RSA keys and people with Ed25519 keys: nobody notices, but for what a person is shown of the key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tacit.sdk.accounts import AccountFile
from tacit.testing.story import story
from tacit.testing.world import World


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
