from __future__ import annotations

from pathlib import Path

import pytest

from tacit import limits
from tacit.identity import AccountKey
from tacit.relay.config import BadRelayConfig, RelayConfig
from tacit.relay.delivery import Console
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Moves, Someone
from tests.relay.phones import NUMBER, OTHER, POLICY, ask, delivered, enrol, show, with_phones


async def test_a_code_proves_a_number_and_opens_the_door(monkeypatch, tmp_path):
    async with with_phones(monkeypatch, tmp_path) as (world, phones):
        someone = Someone.new()
        peer = await world.connect()
        assert peer.hello.registration == "phone"
        with pytest.raises(errors.PhoneNeeded):
            await peer.register(someone)
        with pytest.raises(errors.PhoneCodeSent) as sent:
            await peer.register(someone, phone=NUMBER, handle="maya")
        await delivered(world)
        assert phones.messages == [
            (
                NUMBER,
                f"Your code for relay.example is {phones.code()}. It is good for ten minutes."
                " Nobody will ever ask you for it.",
            )
        ]
        accepted = await peer.ask(pb.SubmitOtp(request=sent.value.otp_request, code=phones.code()))
        peer.challenge = accepted.next_challenge
        answer = await peer.register(someone, phone=NUMBER, otp_request=sent.value.otp_request, handle="maya")
        assert answer.handle == "maya"
        await peer.login(someone)


async def test_a_number_is_read_as_people_write_it(monkeypatch):
    async with with_phones(monkeypatch, phone_region="DE") as (world, phones):
        for written in (NUMBER, "0151 23456789", "+49 151-23456789"):
            await ask(world, Someone.new(), written)
        assert {number for number, _ in phones.messages} == {NUMBER}


@pytest.mark.parametrize(
    ("written", "refusal"),
    [
        ("0151 23456789", errors.BadPhone),
        ("+4915", errors.BadPhone),
        ("+49301234567", errors.BadPhone),
        ("+491801234567", errors.BadPhone),
        ("hello", errors.BadPhone),
        ("+4915123456789x", errors.BadPhone),
        ("+33612345678", errors.PhoneRefused),
        ("+" + "1" * 15, errors.BadPhone),
        ("+" + "1" * 16, errors.TooLarge),
    ],
    ids=["no-country", "short", "land-line", "shared-cost", "word", "junk", "other-country", "nowhere", "long"],
)
async def test_no_code_goes_to_any_other_number(monkeypatch, written, refusal):
    async with with_phones(monkeypatch) as (world, phones):
        with pytest.raises(refusal):
            await (await world.connect()).register(Someone.new(), phone=written)
        await delivered(world)
        assert phones.messages == []


async def test_who_is_registered_needs_no_number_any_more(monkeypatch, tmp_path):
    async with with_phones(monkeypatch, tmp_path) as (world, phones):
        someone = Someone.new()
        await enrol(world, phones, someone)
        await (await world.connect()).register(someone)
        await (await world.connect()).register(Someone.new(someone.account))
        assert len(phones.messages) == 1
    async with with_phones(monkeypatch, tmp_path) as (world, phones):
        await world.back(someone)
        with pytest.raises(errors.PhoneTaken):
            await enrol(world, phones, Someone.new())


async def test_a_code_is_for_one_account_one_number_and_one_time(monkeypatch):
    async with with_phones(monkeypatch) as (world, phones):
        someone, eve = Someone.new(), Someone.new()
        request = await ask(world, someone)
        with pytest.raises(errors.PhoneCodeExpired):
            await (await world.connect()).register(someone, phone=NUMBER, otp_request=request)
        await show(world, request, phones.code())
        for thief, number in ((eve, NUMBER), (someone, OTHER)):
            with pytest.raises(errors.PhoneCodeExpired):
                await (await world.connect()).register(thief, phone=number, otp_request=request)
        with pytest.raises(errors.PhoneCodeExpired):
            await show(world, request, phones.code())
        await (await world.connect()).register(someone, phone=NUMBER, otp_request=request)
        with pytest.raises(errors.PhoneCodeExpired):
            await (await world.connect()).register(eve, phone=NUMBER, otp_request=request)


async def test_a_code_is_good_for_ten_minutes(monkeypatch):
    clock = Moves()
    async with with_phones(monkeypatch, clock=clock) as (world, phones):
        someone = Someone.new()
        request = await ask(world, someone)
        clock.forward(limits.OTP_LIFETIME_S - 1)
        await show(world, request, phones.code())
        clock.forward(1)
        with pytest.raises(errors.PhoneCodeExpired):
            await (await world.connect()).register(someone, phone=NUMBER, otp_request=request)


async def test_a_new_code_takes_the_place_of_the_one_before(monkeypatch):
    async with with_phones(monkeypatch) as (world, phones):
        someone = Someone.new()
        first = await ask(world, someone)
        earlier = phones.code()
        second = await ask(world, someone)
        with pytest.raises(errors.PhoneCodeExpired):
            await show(world, first, earlier)
        await show(world, second, phones.code())


async def test_a_code_may_be_typed_with_spaces_and_nothing_else_is_forgiven(monkeypatch):
    async with with_phones(monkeypatch) as (world, phones):
        request = await ask(world, Someone.new())
        code = phones.code()
        for wrong in ("", code[:5], code + "0", "\u0660\u0661\u0662\u0663\u0664\u0665"):
            with pytest.raises(errors.PhoneCodeWrong):
                await show(world, request, wrong)
        await show(world, request, f" {code[:3]} {code[3:]}")


async def test_an_invitation_and_a_number_may_both_be_needed_and_a_refusal_uses_neither(monkeypatch):
    async with with_phones(monkeypatch, registration="invite+phone") as (world, phones):
        someone, token = Someone.new(), await world.relay.invite()
        with pytest.raises(errors.InviteNeeded):
            await (await world.connect()).register(someone, phone=NUMBER)
        with pytest.raises(errors.PhoneNeeded):
            await (await world.connect()).register(someone, invite=token)
        await enrol(world, phones, someone, invite=token)
        with pytest.raises(errors.InviteInvalid):
            await (await world.connect()).register(Someone.new(), phone=OTHER, invite=token)
        assert len(phones.messages) == 1


async def test_a_taken_name_is_told_before_anything_is_sent(monkeypatch):
    async with with_phones(monkeypatch) as (world, phones):
        await enrol(world, phones, Someone.new(), handle="maya")
        with pytest.raises(errors.HandleTaken):
            await (await world.connect()).register(Someone.new(), phone=OTHER, handle="maya")
        assert len(phones.messages) == 1


async def test_a_gateway_that_fails_is_left_alone_for_a_minute_and_nobody_comes_in_meanwhile(monkeypatch):
    clock = Moves()
    async with with_phones(monkeypatch, clock=clock) as (world, phones):
        phones.failing = 3
        for last in range(3):
            await ask(world, Someone.new(), f"+491512345{last}789")
        with pytest.raises(errors.PhonePaused) as paused:
            await (await world.connect()).register(Someone.new(), phone=NUMBER)
        assert paused.value.retry_after_s == 60
        clock.forward(60)
        await enrol(world, phones, Someone.new())
        assert world.relay._running().metrics.codes_not_delivered == 3


async def test_a_deleted_account_lets_go_of_its_number(monkeypatch, tmp_path):
    from tacit.relay.store import accounts, departures

    async with with_phones(monkeypatch, tmp_path) as (world, phones):
        someone = Someone.new()
        await enrol(world, phones, someone)

        def delete(db):
            account = accounts.find_account(db, someone.account.id)
            departures.delete(db, account.row, 1)

        await world.relay._running().store.change(delete)
        await enrol(world, phones, Someone.new())


async def test_only_a_keyed_hash_of_a_number_reaches_the_disk_and_nothing_the_log(monkeypatch, tmp_path, caplog):
    caplog.set_level("DEBUG", logger="tacit")
    async with with_phones(monkeypatch, tmp_path) as (world, phones):
        await enrol(world, phones, Someone.new())
        phones.failing = 1
        await ask(world, Someone.new(), OTHER)
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    for secret in (NUMBER[1:], NUMBER[3:], phones.code(), OTHER[3:]):
        assert secret.encode() not in kept
        assert secret not in caplog.text
    assert "code-not-delivered" in caplog.text


# ---- finding people by number ----


async def test_two_who_want_to_be_found_find_each_other_by_number(monkeypatch):
    async with with_phones(monkeypatch, find_by_phone=True) as (world, phones):
        alice, bob = Someone.new(), Someone.new()
        await enrol(world, phones, alice, findable=True)
        await enrol(world, phones, bob, OTHER, findable=True)
        peer = await world.back(bob)
        found = await peer.ask(pb.SenderKeysRequest(who=pb.Who(phone=NUMBER)))
        assert found.account_id == alice.account.id
        # The owner changes her mind, by her own number and key; nobody else can.
        await (await world.connect()).register(bob, phone=NUMBER, findable=False)
        assert await peer.ask(pb.SenderKeysRequest(who=pb.Who(phone=NUMBER)))
        await (await world.connect()).register(alice, phone=NUMBER, findable=False)
        with pytest.raises(errors.NoSuchAccount):
            await peer.ask(pb.SenderKeysRequest(who=pb.Who(phone=NUMBER)))


@pytest.mark.parametrize(
    ("allowed", "alice_wants", "bob_wants"),
    [(False, True, True), (True, False, True), (True, True, False), (True, False, False)],
)
async def test_nobody_is_found_unless_all_three_allow_it(monkeypatch, allowed, alice_wants, bob_wants):
    async with with_phones(monkeypatch, find_by_phone=allowed) as (world, phones):
        alice, bob = Someone.new(), Someone.new()
        await enrol(world, phones, alice, findable=alice_wants)
        await enrol(world, phones, bob, OTHER, findable=bob_wants)
        peer = await world.back(bob)
        # Taken, free, malformed and from elsewhere: one answer.
        for number in (NUMBER, "+4915123451111", "nonsense", "+33612345678"):
            for request in (pb.SenderKeysRequest, pb.RecipientKeysRequest):
                with pytest.raises(errors.NoSuchAccount):
                    await peer.ask(request(who=pb.Who(phone=number)))


async def test_looking_numbers_up_is_slow(monkeypatch):
    burst = int(limits.RATE_PHONE_LOOKUPS[1])
    async with with_phones(monkeypatch, find_by_phone=True, clock=Moves()) as (world, phones):
        bob = Someone.new()
        await enrol(world, phones, bob, findable=True)
        peer = await world.back(bob)
        for last in range(burst):
            with pytest.raises(errors.NoSuchAccount):
                await peer.ask(pb.SenderKeysRequest(who=pb.Who(phone=f"+49151234{last:05}")))
        with pytest.raises(errors.RateLimited):
            await peer.ask(pb.SenderKeysRequest(who=pb.Who(phone=NUMBER)))
        assert await peer.ask(pb.SenderKeysRequest(who=pb.Who(account_id=bob.account.id)))


# ---- configuration ----


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone_route": None}, "phone_route"),
        ({"phone_countries": ""}, "phone_countries"),
        ({"phone_countries": "DE, XX"}, "phone_countries"),
        ({"phone_region": "FR"}, "phone_region"),
        ({"phone_sends_per_day": 0}, "phone_sends_per_day"),
        ({"registration": "open", "find_by_phone": True}, "find_by_phone"),
        ({"registration": "letter"}, "registration"),
    ],
)
def test_a_configuration_that_would_send_anywhere_or_nowhere_is_refused(changes, field):
    RelayConfig(None, **POLICY)
    with pytest.raises(BadRelayConfig) as refused:
        RelayConfig(None, **POLICY | changes)
    assert field in dict(refused.value.mistakes)


def test_sending_is_off_unless_the_operator_turns_it_on():
    config = RelayConfig(None)
    assert not config.needs_phone
    assert (config.phone_route, config.phone_countries, config.find_by_phone) == (None, "", False)


async def test_a_relay_without_numbers_takes_no_codes(monkeypatch):
    async with with_phones(monkeypatch, registration="open") as (world, phones):
        with pytest.raises(errors.Unsupported):
            await show(world, "x", "123456")
        await (await world.connect()).register(Someone.new(), phone=NUMBER)
        assert phones.messages == []


async def test_an_rsa_account_registers_and_adds_a_device(monkeypatch, tmp_path: Path):
    async with with_phones(monkeypatch, tmp_path, registration="open") as (world, _):
        account = AccountKey.generate(lambda size: bytes(size), "rsa")
        first = await world.join(Someone.new(account), handle="rivest")
        await world.join(Someone.new(account))
        found = await first.ask(pb.SenderKeysRequest(who=pb.Who(handle="rivest")))
        assert (found.account_key, len(found.device_certificates)) == (account.public, 2)


def test_the_console_says_that_it_is_for_trying_out(capsys):
    import asyncio

    from tacit.relay.delivery import open_route

    delivery = open_route(Console(), Moves(), lambda size: bytes(size))
    asyncio.run(delivery.deliver(NUMBER, "Your code"))
    assert "for trying out" in capsys.readouterr().err
