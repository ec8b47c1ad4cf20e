"""Accounts as programs make them: proved by phone, with RSA keys, from PEM files, on further machines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tacit.client.proving import CodeNeeded, written_phone
from tacit.crypto.errors import UnsupportedKey, WrongPassphrase
from tacit.errors import NotFound, TransportError, UsageError
from tacit.identity import RelayLink, format_link
from tacit.net import FrameLink
from tacit.net.errors import LinkClosed
from tacit.sdk.accounts import AccountFile, CodeWanted
from tacit.sdk.client import Client
from tacit.sdk.parts import Parts
from tacit.wire import errors
from tests.relay.peers import RunningRelay, running
from tests.relay.phones import NUMBER, OTHER, Phones, delivered, with_phones


def link_of(world: RunningRelay, invite: str = "") -> str:
    return format_link(RelayLink("relay.test", 8765, world.relay.fingerprint, invite))


def over(world: RunningRelay) -> Parts:
    async def connect(relay: RelayLink, verify_name: bool) -> FrameLink:
        return world.raw_link()

    return Parts(connect=connect)


async def create(world: RunningRelay, folder: Path, profile: str, name: str = "", **more: Any) -> None:
    fields: dict[str, Any] = {"relay": link_of(world), "passphrase": None, "parts": over(world)} | more
    await Client.create(profile, name=name, data_dir=folder, **fields)


def opened(world: RunningRelay, folder: Path, profile: str) -> Any:
    return Client.open(profile, data_dir=folder, parts=over(world))


class Person:
    """Types what arrives at the phone, or what a test says instead."""

    def __init__(self, world: RunningRelay, phones: Phones, *typed: str) -> None:
        self.world, self.phones, self.typed, self.asked = world, phones, list(typed), list[CodeWanted]()

    async def __call__(self, wanted: CodeWanted) -> str:
        self.asked.append(wanted)
        await delivered(self.world)
        return self.typed.pop(0) if self.typed else self.phones.code(wanted.phone)


# ---- by phone ----


async def test_a_person_types_the_code_that_arrived(monkeypatch, tmp_path):
    async with with_phones(monkeypatch) as (world, phones):
        person = Person(world, phones)
        await create(world, tmp_path, "maya", "maya", phone="+49 151 / 2345-6789", ask_code=person)
        assert person.asked == [CodeWanted(NUMBER, 5)]
        async with opened(world, tmp_path, "maya") as me:
            await me.wait_caught_up()
            assert me.me.handle == "maya"


async def test_a_wrong_code_costs_a_try_and_the_person_is_told_how_many_are_left(monkeypatch, tmp_path):
    async with with_phones(monkeypatch) as (world, phones):
        person = Person(world, phones, "no", "000", "12345")
        await create(world, tmp_path, "maya", phone=NUMBER, ask_code=person)
        assert [(asked.tries_left, asked.was_wrong) for asked in person.asked] == [
            (5, False), (4, True), (3, True), (2, True),
        ]  # fmt: skip
        assert len(phones.messages) == 1


async def test_after_five_wrong_ones_another_code_is_sent(monkeypatch, tmp_path):
    async with with_phones(monkeypatch) as (world, phones):
        person = Person(world, phones, *["wrong"] * 5)
        await create(world, tmp_path, "maya", phone=NUMBER, ask_code=person)
        assert [asked.tries_left for asked in person.asked] == [5, 4, 3, 2, 1, 5]
        assert [asked.has_expired for asked in person.asked] == [False] * 5 + [True]
        assert len(phones.messages) == 2


async def test_an_empty_answer_has_another_code_sent_and_not_for_ever(monkeypatch, tmp_path):
    async with with_phones(monkeypatch) as (world, phones):
        await create(world, tmp_path, "maya", phone=NUMBER, ask_code=Person(world, phones, "", ""))
        assert len(phones.messages) == 3
        with pytest.raises(errors.RateLimited):
            await create(world, tmp_path, "eve", phone=NUMBER, ask_code=Person(world, phones))


async def test_what_is_missing_is_said_and_nothing_is_left_behind(monkeypatch, tmp_path):
    async with with_phones(monkeypatch) as (world, phones):
        for more, failure in (
            ({}, errors.PhoneNeeded),
            ({"phone": NUMBER}, CodeNeeded),
            ({"phone": "not a number"}, errors.BadPhone),
            ({"phone": "+33612345678"}, errors.PhoneRefused),
        ):
            with pytest.raises(failure):
                await create(world, tmp_path, "maya", **more)
            assert not Client.exists("maya", tmp_path)
        await create(world, tmp_path, "maya", phone=NUMBER, ask_code=Person(world, phones))
        with pytest.raises(errors.PhoneTaken):
            await create(world, tmp_path, "eve", phone=NUMBER, ask_code=Person(world, phones))


@pytest.mark.parametrize("lost_answers", [1, 2, 3, 4])
async def test_a_connection_that_is_lost_on_the_way_costs_no_number(monkeypatch, tmp_path, lost_answers):
    """Whatever was lost, the code or the registration may have been taken; the same keys try again."""
    async with with_phones(monkeypatch) as (world, phones):
        monkeypatch.setattr("tacit.client.proving.LOSS_PAUSE_S", 0.0)
        connections = 0

        async def connect(relay: RelayLink, verify_name: bool) -> FrameLink:
            nonlocal connections
            connections += 1
            link = world.raw_link()
            return Losing(link, lost_answers) if connections == 2 else link

        await create(
            world, tmp_path, "maya", "maya", phone=NUMBER, ask_code=Person(world, phones), parts=Parts(connect=connect)
        )
        assert connections == 3
        assert len(phones.messages) == 1


class Losing:
    """A link that ends before the answer of some number arrives."""

    def __init__(self, link: FrameLink, number: int) -> None:
        self._link, self._left = link, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def receive(self) -> bytes:
        frame = await self._link.receive()
        self._left -= 1
        if not self._left:
            self._link.abort()
            raise LinkClosed(1006)
        return frame


async def test_a_relay_that_stays_away_is_given_up(monkeypatch, tmp_path):
    async with with_phones(monkeypatch) as (world, phones):
        monkeypatch.setattr("tacit.client.proving.LOSS_PAUSE_S", 0.0)
        connections = 0

        async def connect(relay: RelayLink, verify_name: bool) -> FrameLink:
            nonlocal connections
            connections += 1
            link = world.raw_link()
            return link if connections == 1 else Losing(link, 1)

        with pytest.raises(TransportError):
            await create(
                world, tmp_path, "maya", phone=NUMBER, ask_code=Person(world, phones), parts=Parts(connect=connect)
            )
        assert connections == 5


@pytest.mark.parametrize("text", ["", "+", "123", "hello", "+49 151 23456789 0123456", "+49x", "\u0660" * 9])
def test_what_is_no_number_is_not_sent(text):
    with pytest.raises(errors.BadPhone):
        written_phone(text)


async def test_people_who_both_want_it_find_each_other_by_number(monkeypatch, tmp_path):
    async with with_phones(monkeypatch, find_by_phone=True) as (world, phones):
        hidden = "+4915123451111"
        for name, number, findable in (("maya", NUMBER, True), ("noor", OTHER, True), ("oskar", hidden, False)):
            await create(world, tmp_path, name, name, phone=number, findable=findable, ask_code=Person(world, phones))
        async with opened(world, tmp_path, "noor") as me:
            await me.wait_online()
            assert (await me.add_contact("+49 151 23456789", "Maya")).handle == "maya"
            for other in (hidden, "+4915123452222"):
                with pytest.raises(NotFound):
                    await me.add_contact(other)
        async with opened(world, tmp_path, "oskar") as me:
            await me.wait_online()
            with pytest.raises(NotFound):
                await me.add_contact(NUMBER)
            # Somebody else's number changes nothing, and his own opens the door without costing him his connection.
            for number in (NUMBER, hidden):
                with pytest.raises(NotFound):
                    await me.add_contact(NUMBER)
                await me.set_findable(number, on=True)
            assert (await me.add_contact(NUMBER)).handle == "maya"
            await me.set_findable(hidden, on=False)
            with pytest.raises(NotFound):
                await me.add_contact(OTHER)
            assert (await me.status()).connection == "online"


# ---- keys ----


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def file_of(key: rsa.RSAPrivateKey) -> AccountFile:
    return AccountFile(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


FORMS = {
    "pkcs8": (PrivateFormat.PKCS8, None),
    "pkcs8-sealed": (PrivateFormat.PKCS8, "horse"),
    "traditional": (PrivateFormat.TraditionalOpenSSL, None),
    "traditional-sealed": (PrivateFormat.TraditionalOpenSSL, "horse"),
}


async def test_an_account_is_the_same_whatever_form_its_key_came_in(tmp_path, key):
    async with running(None) as world:
        ids = set()
        for form, (layout, passphrase) in FORMS.items():
            seal = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
            file = AccountFile(key.private_bytes(Encoding.PEM, layout, seal), passphrase)
            assert file.is_sealed == (passphrase is not None)
            await create(world, tmp_path, form, key=file)
            async with opened(world, tmp_path, form) as me:
                await me.wait_caught_up()
                account = await me.account(devices=True)
                ids.add(account.id)
                assert account.key == "rsa 2048"
                assert [device.id for device in account.devices if device.this] == [account.device]
        assert len(ids) == 1
        assert len(account.devices) == len(FORMS)


async def test_keys_leave_sealed_and_come_back(tmp_path):
    async with running(None) as world:
        for kind, shown in (("ed25519", "ed25519"), ("rsa", "rsa 3072")):
            await create(world, tmp_path, kind, kind, key=kind)
            async with opened(world, tmp_path, kind) as me:
                account = await me.account()
                sealed, bare = await me.export_account_key("a horse"), await me.export_account_key(None)
                with pytest.raises(WrongPassphrase):
                    await me.export_account_key("")
            assert (account.key, account.devices) == (shown, None)
            for pem, passphrase in ((sealed, "a horse"), (bare, None)):
                AccountFile(pem, passphrase).check()
                assert AccountFile(pem).is_sealed == (passphrase is not None)
            with pytest.raises(WrongPassphrase):
                AccountFile(sealed, "another").check()
            await create(world, tmp_path, f"{kind}-again", key=AccountFile(sealed, "a horse"))
            async with opened(world, tmp_path, f"{kind}-again") as me:
                assert ((await me.account()).id, me.me.handle) == (account.id, kind)


async def test_a_key_that_no_account_can_have_makes_no_profile(tmp_path):
    async with running(None) as world:
        small = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(UnsupportedKey, match="1024 bits"):
            await create(world, tmp_path, "small", key=AccountFile(small))
        assert not Client.exists("small", tmp_path)


async def test_a_key_alone_opens_the_door_where_others_need_an_invitation(tmp_path, key):
    """A known account needs neither invitation nor number for a further device."""
    async with running(None, registration="invite") as world:
        link = link_of(world, await world.relay.invite())
        await create(world, tmp_path, "first", "maya", relay=link, key=file_of(key))
        await create(world, tmp_path, "second", key=file_of(key))
        with pytest.raises(errors.InviteNeeded):
            await create(world, tmp_path, "stranger")
        async with opened(world, tmp_path, "second") as me:
            await me.wait_caught_up()
            assert me.me.handle == "maya"


async def becomes(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 - a state of several clients, not an event of one
            await asyncio.sleep(0.02)


async def test_what_a_new_machine_has_of_an_account_and_what_it_has_not(tmp_path, key):
    """New chats reach both machines; what was there before does not appear on the new one by itself."""
    async with running(None) as world:
        await create(world, tmp_path, "alice", "alice", key=file_of(key))
        await create(world, tmp_path, "bob", "bob")
        async with opened(world, tmp_path, "alice") as alice, opened(world, tmp_path, "bob") as bob:
            await alice.add_contact("@bob")
            await bob.add_contact("@alice")
            await bob.send("@alice", "to her first machine")
            await becomes(lambda: heard(alice, "to her first machine"))
            older = (await bob.create_group("before", ["@alice"])).id
            await becomes(lambda: heard_of(alice, older))
            await create(world, tmp_path, "alice2", key=file_of(key))
            async with opened(world, tmp_path, "alice2") as second:
                await second.wait_caught_up()
                assert await second.chats() == []
                await second.add_contact("@bob")
                group = (await bob.create_group("later", ["@alice"])).id
                await bob.send(group, "to both her machines")
                for machine in (alice, second):
                    await becomes(lambda machine=machine: heard(machine, "to both her machines", group))
                await second.send(group, "from the second")
                await becomes(lambda: heard(bob, "from the second", group))
                await becomes(lambda: heard(alice, "from the second", group))
                # To a group from before she is added by an admin who removes her first: an invited member stays as is.
                await bob.invite(older, "@alice")
                await bob.remove(older, "@alice")
                await becomes(lambda: has_left(bob, older))
                await bob.invite(older, "@alice")
                await becomes(lambda: heard_of(second, older))
                await second.send(older, "here too")
                for person in (bob, alice):
                    await becomes(lambda person=person: heard(person, "here too", older))
                # Her own new groups are of the machine that made them, and she cannot invite herself.
                with pytest.raises(UsageError):
                    await alice.invite(older, "@alice")
                own = (await alice.create_group("her own", ["@bob"])).id
                await becomes(lambda: heard_of(bob, own))
                assert sorted(chat.id for chat in await second.chats()) == sorted([older, group])
                # In a direct chat the two machines end up in conversations of their own, of which others keep one.
                await second.send("@bob", "aside, from the second")
                await becomes(lambda: heard(bob, "aside, from the second", "@alice"))
                await bob.send("@alice", "an answer to one of them")
                await becomes(lambda: heard_by_one((alice, second), "an answer to one of them"))


async def heard(me: Client, text: str, chat: str = "@bob") -> bool:
    try:
        return text in {message.text for message in await me.history(chat)}
    except NotFound:
        return False


async def heard_of(me: Client, chat: str) -> bool:
    return chat in {known.id for known in await me.chats()}


async def heard_by_one(machines: tuple[Client, ...], text: str) -> bool:
    return any([await heard(machine, text) for machine in machines])


async def has_left(me: Client, chat: str) -> bool:
    return len((await me.chat(chat)).members) == 1


class Watched:
    """A link of which it is known what went out."""

    def __init__(self, link: FrameLink, sent: list[bytes]) -> None:
        self._link, self._sent = link, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def send(self, frame: bytes) -> None:
        self._sent.append(frame)
        await self._link.send(frame)


async def test_a_number_stays_here_where_the_relay_asks_for_none(tmp_path: Path) -> None:
    sent: list[bytes] = []
    async with running(tmp_path / "relay", registration="open") as world:

        async def connect(relay: RelayLink, verify_name: bool) -> FrameLink:
            return Watched(world.raw_link(), sent)

        parts = Parts(connect=connect)
        await create(world, tmp_path, "maya", "maya", phone=NUMBER, findable=True, parts=parts)
        async with Client.open("maya", data_dir=tmp_path, parts=parts) as maya:
            with pytest.raises(UsageError) as refused:
                await maya.set_findable(NUMBER, on=True)
    assert refused.value.code == "no-phones-here"
    assert any(b"maya" in frame for frame in sent)
    assert not any(NUMBER.encode() in frame for frame in sent)
