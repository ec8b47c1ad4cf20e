"""D10, D11, D12: codes are not guessed, messages are not sent at somebody's cost, and numbers are not listed."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tacit import limits
from tacit.relay.backups import back_up
from tacit.relay.phone_codes import PhoneCodes
from tacit.relay.phone_sends import PhoneSends
from tacit.relay.rates import Rate
from tacit.relay.watch import sweep
from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.hazards.guests import tell
from tests.relay.peers import Moves, Someone
from tests.relay.phones import NUMBER, OTHER, Phones, ask, delivered, enrol, show, with_phones

EVE, VICTIM = b"eve" + bytes(13), b"victim's number" + bytes(17)


# ---- D10 ----


def guessing(tries: int) -> tuple[int, int, int]:
    """One number under fire, a try a second, whoever asks: how many tries counted, how many were right, codes sent."""
    clock, dice = Moves(0.0), random.Random(10)
    codes, sends = PhoneCodes(clock, dice.randbytes), PhoneSends(clock, limits.PHONE_SENDS_PER_DAY)
    counted = right = sent = 0
    request = ""
    for _ in range(tries):
        clock.forward(1)
        try:
            codes.submit(request, f"{dice.randrange(10**6):06}")
        except errors.PhoneCodeWrong:
            counted += 1
        except errors.PhoneCodeExpired:
            try:
                sends.take(VICTIM, VICTIM[:4], alarmed=False)
            except errors.RateLimited:
                continue
            request, _ = codes.ask(EVE, VICTIM)
            sent += 1
        else:
            right += 1
    return counted, right, sent


@pytest.mark.parametrize("tries", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_d10_of_a_million_tries_a_few_hundred_count(tries: int) -> None:
    """Eleven and a half days of a try in every second; whoever could try them all would have been right once."""
    counted, right, sent = guessing(tries)
    rate, burst = limits.RATE_CODES_OF_NUMBER
    assert sent <= burst + rate * tries
    assert counted + right <= limits.MAX_OTP_TRIES * sent
    assert right == 0
    tell(f"D10: of {tries} tries {counted} counted, against {sent} codes")


async def test_d10_five_tries_burn_a_code_and_the_right_one_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_phones(monkeypatch) as (world, phones):
        request = await ask(world, Someone.new())
        wrong = [code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code != phones.code()]
        for number in range(limits.MAX_OTP_TRIES):
            last = number == limits.MAX_OTP_TRIES - 1
            with pytest.raises(errors.PhoneCodeExpired if last else errors.PhoneCodeWrong):
                await show(world, request, wrong[number])
        with pytest.raises(errors.PhoneCodeExpired):
            await show(world, request, phones.code())


async def test_d10_an_address_has_so_many_tries_however_many_connections_and_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with with_phones(monkeypatch, clock=Moves(), exempt_addresses="192.0.2.255") as (world, _):
        fates = []
        for _ in range(100):
            peer = await world.connect(address="198.51.100.7")
            try:
                await peer.ask(pb.SubmitOtp(request="made up", code="123456"))
            except errors.RelayError as refusal:
                fates.append(refusal.code)
            await peer.close()
        counted = fates.index("rate-limited")
        assert set(fates[:counted]) == {"phone-code-expired"}
        assert set(fates[counted:]) == {"rate-limited"}
        assert counted == limits.RATE_OTP_TRIES_OF_ADDRESS[1]


async def test_d10_a_connection_has_three_tries_and_a_code_that_was_sent_is_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with with_phones(monkeypatch) as (world, phones):
        peer, someone = await world.connect(), Someone.new()
        for number in (NUMBER, OTHER, "+4915123459999"):
            with pytest.raises(errors.PhoneCodeSent) as sent:
                await peer.register(someone, phone=number)
        for _ in range(limits.MAX_LOGIN_FAILURES):
            with pytest.raises(errors.PhoneCodeWrong):
                await peer.ask(pb.SubmitOtp(request=sent.value.otp_request, code="no"))
        await peer.wait_ended()
        await delivered(world)
        assert len(phones.messages) == 3


def test_d10_a_wrong_code_takes_as_long_whether_one_digit_is_right_or_five() -> None:
    codes = PhoneCodes(Moves(0.0), random.Random(1).randbytes)
    request, code = codes.ask(EVE, VICTIM)
    other = "".join(str((int(digit) + 1) % 10) for digit in code)
    took: dict[str, list[float]] = {code[:5] + other[5]: [], code[0] + other[1:]: [], other: []}
    for _ in range(600):
        for guess, times in took.items():
            codes._open[request].tries = limits.MAX_OTP_TRIES
            began = time.perf_counter()
            with pytest.raises(errors.PhoneCodeWrong):
                codes.submit(request, guess)
            times.append(time.perf_counter() - began)
    usual = [undisturbed(times) for times in took.values()]
    assert max(usual) < 1.5 * min(usual)


def undisturbed(times: list[float]) -> float:
    """What something takes when the machine does nothing else meanwhile: the lower quarter of many times."""
    return statistics.quantiles(times, n=4)[0]


# ---- D11 ----


async def asked_for(world: Any, phones: Phones, numbers: Any, **options: Any) -> dict[str, int]:
    """What became of asking for a code for each number, each from an address and an account of its own."""
    fates: dict[str, int] = {}
    someone = Someone.new()
    for place, number in enumerate(numbers):
        address = f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"
        peer = await world.connect(address=address)
        try:
            await peer.register(someone, phone=number, **options)
        except errors.RelayError as refusal:
            fates[refusal.code] = fates.get(refusal.code, 0) + 1
        await peer.close()
    await delivered(world)
    return fates


FAR_FROM_HERE = {"exempt_addresses": "192.0.2.255", "registrations_per_hour": 10**9}


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.long)])
async def test_d11_ten_thousand_numbers_of_one_block_get_no_more_than_the_block_may_have(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    async with with_phones(monkeypatch, clock=Moves(), phone_sends_per_day=10_000, **FAR_FROM_HERE) as (world, phones):
        fates = await asked_for(world, phones, (f"+4915123{last:06}" for last in range(450_000, 450_000 + count)))
    assert len(phones.messages) == fates["phone-code-sent"] == limits.RATE_CODES_OF_PREFIX[1]
    assert fates["rate-limited"] == count - fates["phone-code-sent"]


async def test_d11_a_day_has_so_many_messages_whatever_the_numbers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Moves()
    numbers = (f"+49151{place:04}6789" for place in itertools.count(2345))
    async with with_phones(monkeypatch, clock=clock, phone_sends_per_day=40, **FAR_FROM_HERE) as (world, phones):
        fates = await asked_for(world, phones, itertools.islice(numbers, 60))
        # The alarm came after the first codes had expired unseen; here none has yet.
        assert (len(phones.messages), fates) == (40, {"phone-code-sent": 40, "phone-paused": 20})
        assert "codes-used-up" in caplog.text
        clock.forward(limits.DAY_S)
        fates = await asked_for(world, phones, itertools.islice(numbers, 30))
        # All forty of yesterday have expired unseen: a quarter of the day's messages is what is left.
        assert fates == {"phone-code-sent": 10, "phone-paused": 20}
        assert "codes-not-shown" in caplog.text


async def test_d11_a_restart_gives_no_message_back_and_the_day_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = Moves()
    numbers = (f"+49151{place:04}6789" for place in itertools.count(2345))

    options: Any = {"clock": clock, "phone_sends_per_day": 10, **FAR_FROM_HERE}
    async with with_phones(monkeypatch, tmp_path, **options) as run:
        assert await asked_for(*run, itertools.islice(numbers, 7)) == {"phone-code-sent": 7}
    clock.forward(limits.DAY_S // 2)
    async with with_phones(monkeypatch, tmp_path, **options) as run:
        assert await asked_for(*run, itertools.islice(numbers, 5)) == {"phone-code-sent": 3, "phone-paused": 2}
    async with with_phones(monkeypatch, tmp_path, **options) as run:
        assert await asked_for(*run, itertools.islice(numbers, 1)) == {"phone-paused": 1}
        clock.forward(limits.DAY_S // 2 + limits.HOUR_S)
        assert await asked_for(*run, itertools.islice(numbers, 9)) == {"phone-code-sent": 7, "phone-paused": 2}
    with closing(sqlite3.connect(tmp_path / "relay.db")) as db:
        kept = db.execute("SELECT messages FROM phone_sends ORDER BY hour").fetchall()
    assert kept == [(3,), (7,)], "nothing but counts, and none of yesterday"


async def test_d11_a_restart_gives_no_number_and_no_block_a_message_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is kept for that is a hash under the relay's key, until it is of no use, and never in a backup."""
    clock = Moves()
    options: Any = {"clock": clock, **FAR_FROM_HERE}
    few, block = [NUMBER] * 5, [f"+4915124{last:06}" for last in range(450_000, 450_025)]
    for sent in (3, 0):
        async with with_phones(monkeypatch, tmp_path, **options) as run:
            assert (await asked_for(*run, few)).get("phone-code-sent", 0) == sent
    for sent in (20, 0):
        async with with_phones(monkeypatch, tmp_path, **options) as run:
            assert (await asked_for(*run, block)).get("phone-code-sent", 0) == sent
    back_up(tmp_path, tmp_path / "backup", now_s=0, progress=lambda what, done: None)
    kept, copied = rests(tmp_path / "relay.db"), rests(tmp_path / "backup")
    assert (len(kept), copied) == (2 + 20 + 1, [])
    clock.forward(4 * limits.HOUR_S)
    async with with_phones(monkeypatch, tmp_path, **options) as run:
        assert (await asked_for(*run, few))["phone-code-sent"] == 1
    clock.forward(limits.DAY_S // 2)
    async with with_phones(monkeypatch, tmp_path, **options) as (world, phones):
        await sweep(world.relay._running())
        assert rests(tmp_path / "relay.db") == []
        assert (await asked_for(world, phones, few))["phone-code-sent"] == 3


def rests(file: Path) -> list[bytes]:
    with closing(sqlite3.connect(file)) as db:
        return [key for (key,) in db.execute("SELECT hash FROM phone_rests")]


async def test_d11_a_message_that_cannot_be_counted_does_not_leave(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with with_phones(monkeypatch, tmp_path) as (world, phones):
        with closing(sqlite3.connect(tmp_path / "relay.db")) as db:
            db.execute("CREATE TRIGGER t BEFORE INSERT ON phone_sends BEGIN SELECT RAISE (ABORT, 'bad disk'); END")
        await ask(world, Someone.new())
        assert phones.messages == []
    assert "code-not-delivered" in caplog.text


async def test_d11_codes_that_come_back_end_the_alarm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="tacit")
    clock = Moves()
    numbers = (f"+49151{place:04}6789" for place in itertools.count(2345))
    async with with_phones(monkeypatch, clock=clock, phone_sends_per_day=200, **FAR_FROM_HERE) as (world, phones):
        codes = world.relay._running().phones.codes
        await asked_for(world, phones, itertools.islice(numbers, limits.PHONE_ALARM_SENDS))
        clock.forward(limits.OTP_LIFETIME_S)
        codes.forget()
        assert codes.alarmed
        for number in itertools.islice(numbers, limits.PHONE_ALARM_SENDS // 2):
            assert codes.alarmed
            await enrol(world, phones, Someone.new(), number)
        assert not codes.alarmed
        assert "codes-shown-again" in caplog.text


async def test_d11_an_address_has_so_many_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_phones(monkeypatch, clock=Moves(), exempt_addresses="192.0.2.255") as (world, phones):
        for place in range(2345, 2345 + 20):
            peer = await world.connect(address="198.51.100.7")
            with pytest.raises((errors.PhoneCodeSent, errors.RateLimited)):
                await peer.register(Someone.new(), phone=f"+49151{place:04}6789")
        await delivered(world)
        assert len(phones.messages) == limits.RATE_CODES_OF_ADDRESS[1]


# ---- D12 ----


async def test_d12_a_taken_number_gets_the_same_answer_until_its_owner_says_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with with_phones(monkeypatch) as (world, phones):
        await enrol(world, phones, Someone.new())
        answers = {}
        for number in (NUMBER, OTHER):
            peer, someone = await world.connect(), Someone.new()
            seen: list[pb.RegistrationFailed] = []
            monkeypatch.setattr(peer, "ask", noting(peer, seen))
            with pytest.raises(errors.PhoneCodeSent):
                await peer.register(someone, phone=number)
            (answer,) = seen
            answers[number] = (answer.code, answer.sentence, answer.retry_after_s, len(answer.SerializeToString()))
            await delivered(world)
            await show(world, answer.otp_request, phones.code(number))
            registering = (await world.connect()).register(someone, phone=number, otp_request=answer.otp_request)
            if number == OTHER:
                await registering
            else:
                with pytest.raises(errors.PhoneTaken):
                    await registering
        assert answers[NUMBER] == answers[OTHER]
        owners, newcomers = [text for to, text in phones.messages[1:]]
        assert owners.startswith("Somebody wants to use your number")
        assert newcomers.startswith("Your code")
        assert max(len(owners), len(newcomers)) <= 160


def noting(peer: Any, seen: list[pb.RegistrationFailed]) -> Any:
    """The peer's way to ask, which keeps the answers as they came."""
    ordinary = peer.ask

    async def ask(body: Any) -> Any:
        waiter = await peer.begin(body)
        answer = await waiter
        if isinstance(answer, pb.RegistrationFailed):
            seen.append(answer)
            raise errors.refusal(answer.code, otp_request=answer.otp_request)
        return await ordinary(body)

    return ask


async def test_d12_the_answer_waits_neither_for_the_store_nor_for_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_phones(monkeypatch) as (world, phones):
        await enrol(world, phones, Someone.new())
        gate, ordinary = asyncio.Event(), phones.deliver

        async def deliver(number: str, text: str) -> None:
            await gate.wait()
            await ordinary(number, text)

        monkeypatch.setattr(phones, "deliver", deliver)
        for number in (NUMBER, OTHER):
            with pytest.raises(errors.PhoneCodeSent):
                await (await world.connect()).register(Someone.new(), phone=number)
        assert len(phones.messages) == 1
        gate.set()
        await delivered(world)
        assert len(phones.messages) == 3


@pytest.mark.parametrize("rounds", [40, pytest.param(1_000, marks=pytest.mark.long)])
async def test_d12_the_answers_take_equally_long(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    """In processor time, by turns: whatever else the machine does is in neither. What they wait for is tested above."""
    for rate in ("_OF_NUMBER", "_OF_BLOCK"):
        monkeypatch.setattr(f"tacit.relay.phone_sends.{rate}", Rate(1e9, 1e9))
    async with with_phones(monkeypatch, phone_sends_per_day=10**6) as (world, phones):
        await enrol(world, phones, Someone.new())
        took: dict[str, list[float]] = {NUMBER: [], "+4915223456789": []}
        for _ in range(rounds):
            for number, times in took.items():
                peer, someone = await world.connect(), Someone.new()
                began = time.thread_time()
                with pytest.raises(errors.PhoneCodeSent):
                    await peer.register(someone, phone=number)
                times.append(time.thread_time() - began)
                await delivered(world)
                await peer.close()
        taken, free = (undisturbed(times) for times in took.values())
        tell(f"D12: {taken * 1e3:.2f} ms for a number that is taken, {free * 1e3:.2f} ms for a free one")
        assert 0.8 < taken / free < 1.25
