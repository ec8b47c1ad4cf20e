"""Two people at one relay, from the code to the goodbye."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace

import pytest

import tacit
from tacit import limits
from tacit.client.content import EmptyText
from tacit.client.errors import TextTooLong
from tacit.client.session import pairing as driving
from tacit.client.session.errors import CodeBurned, NobodyCame, SessionOver, WrongWords
from tacit.clock import SystemClock
from tacit.crypto.errors import StretchingFailed
from tacit.crypto.secret import Secret
from tacit.identity import BadCode, MistypedWord
from tacit.identity import pairing as table_of_states
from tacit.identity.words import all_words
from tacit.sdk.session import GuestFailed, Paired, Session, SessionText, complete_code
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NoSuchRendezvous, SessionsOff
from tests.client.session.table_for_two import QUICK, ending, events, table


def other_words(code):
    name, *words = code.split("-")
    return "-".join([name, *(all_words()[(all_words().index(word) + 1) % 2048] for word in words)])


async def test_two_with_a_code_talk_and_see_the_same_phrase():
    async with table() as here, here.pair() as (one, other):
        assert one.check_phrase == other.check_phrase
        assert len(one.check_phrase) == 3
        assert set(one.check_phrase) <= set(all_words())
        for number, (sender, receiver) in enumerate([(one, other), (other, one), (one, other), (one, other)]):
            await sender.send(f"line {number} é\n\x1b[31m")
            heard = await events(receiver, SessionText)
            assert heard.text == f"line {number} é\n\x1b[31m"


async def test_tacit_shows_it():
    assert tacit.Session is Session


async def test_the_code_may_be_typed_as_it_was_heard():
    async with table() as here, here.create() as one:
        typed = one.code.lower().replace("-", "  ")
        async with here.join(typed) as other:
            assert await one.ready() == other.check_phrase


async def test_whoever_ends_it_is_told_from_a_lost_connection():
    async with table() as here:
        async with here.pair() as (one, other):
            await one.send("last word")
            await one.end()
            assert (await events(other, SessionText)).text == "last word"
            assert await ending(other) == "goodbye"
            assert await ending(one) == "closed"
        async with here.pair() as (one, other):
            await other.end()
            assert await ending(one) == "goodbye"
        async with here.pair() as (one, other):
            one._inner._line._link.abort()
            assert await ending(other) == "left"
            assert await ending(one) == "relay-lost"


async def test_a_relay_that_stops_ends_it():
    async with table() as here, here.pair() as (one, other):
        await here.world.relay.stop()
        assert [await ending(one), await ending(other)] == ["shutting-down", "shutting-down"]


async def test_nothing_is_said_before_or_after():
    async with table() as here, here.create() as one:
        with pytest.raises(SessionOver):
            await one.send("anybody?")
        async with here.join(one.code) as other:
            await one.ready()
            await one.end()
            assert await ending(other) == "goodbye"
            for side in (one, other):
                with pytest.raises(SessionOver):
                    await side.send("still there?")


async def test_a_text_that_cannot_be_sent_changes_nothing():
    async with table() as here, here.pair() as (one, other):
        for bad, refusal in (("", EmptyText), ("x" * (limits.MAX_TEXT_BYTES + 1), TextTooLong)):
            with pytest.raises(refusal):
                await one.send(bad)
        await one.send("good")
        heard = await events(other, SessionText)
        assert (heard.text, heard.number) == ("good", 1)


async def test_wrong_words_cost_a_try_and_the_right_ones_still_work():
    async with table() as here, here.create() as one:
        for left in (2, 1):
            with pytest.raises(WrongWords):
                async with here.join(other_words(one.code)):
                    pass
            failed = await events(one, GuestFailed)
            assert (failed.code, failed.left) == ("wrong-words", left)
        async with here.join(one.code) as other:
            assert (await events(one, Paired)).check_phrase == other.check_phrase


async def test_three_wrong_tries_burn_the_code():
    async with table() as here, here.create() as one:
        for _ in range(limits.PAIRING_ATTEMPTS):
            with pytest.raises(WrongWords):
                async with here.join(other_words(one.code)):
                    pass
        with pytest.raises(CodeBurned):
            await one.ready()
        with pytest.raises(NoSuchRendezvous):
            async with here.join(one.code):
                pass


async def test_a_code_is_for_two():
    async with table() as here, here.pair() as (one, other):
        with pytest.raises(NoSuchRendezvous):
            async with here.join(one.code):
                pass
        await one.send("undisturbed")
        assert (await events(other, SessionText)).text == "undisturbed"


async def test_a_guest_who_comes_and_goes_costs_a_try_and_no_stretching(monkeypatch):
    stretched = []
    derive = driving.derive_passphrase_key

    def counted(*given):
        stretched.append(1)
        return derive(*given)

    monkeypatch.setattr(driving, "derive_passphrase_key", counted)
    async with table() as here, here.create() as one:
        name = one.code.split("-")[0]
        for left in (2, 1):
            stranger = await here.world.connect()
            await stranger.ask(pb.JoinRendezvous(name=name))
            await stranger.close()
            failed = await events(one, GuestFailed)
            assert (failed.code, failed.left) == ("gone", left)
        assert not stretched
        async with here.join(one.code):
            await one.ready()
        assert len(stretched) == 2


async def test_strangers_make_who_waits_stretch_three_times_at_the_most(monkeypatch):
    stretched = []
    derive = driving.derive_passphrase_key
    monkeypatch.setattr(driving, "derive_passphrase_key", lambda *given: stretched.append(1) or derive(*given))
    async with table() as here, here.create() as one:
        name = one.code.split("-")[0]
        for _ in range(limits.PAIRING_ATTEMPTS):
            stranger = await here.world.connect()
            await stranger.ask(pb.JoinRendezvous(name=name))
            for _ in range(5):
                await stranger.begin(pb.PassOn(payload=b"\x02" + bytes(64) + b"\x40\x40" + bytes(64) + bytes(48)))
            await stranger.wait_ended()
        with pytest.raises(CodeBurned):
            await one.ready()
    assert len(stretched) == limits.PAIRING_ATTEMPTS


async def test_what_is_no_code_is_refused_before_anybody_is_asked():
    async with table() as here:
        for typed, refusal in (("A3F2B1", BadCode), ("A3F2B1-maple-orbit-lanturn", MistypedWord)):
            with pytest.raises(refusal):
                async with here.join(typed):
                    pass
        assert here.world.relay._context.metrics.connections_opened == 0


async def test_nobody_comes(monkeypatch):
    monkeypatch.setattr(table_of_states, "RENDEZVOUS_S", 0.05)
    async with table() as here, here.create() as one:
        with pytest.raises(NobodyCame):
            await one.ready()


async def test_an_operator_who_has_it_off():
    async with table(sessions=False) as here:
        with pytest.raises(SessionsOff):
            async with here.create():
                pass


async def test_texts_leave_in_order_whoever_sends_at_once():
    async with table() as here, here.pair() as (one, other):
        await asyncio.gather(*(one.send(f"{number}") for number in range(30)), other.send("meanwhile"))
        heard = [await events(other, SessionText) for _ in range(30)]
        assert [(text.text, text.number) for text in heard] == [(f"{n}", n + 1) for n in range(30)]


class Impatient(SystemClock):
    """A clock whose sleepers are woken after a hundredth of the time."""

    def __init__(self):
        self.naps = []

    async def sleep(self, delay_s):
        self.naps.append(delay_s)
        await asyncio.sleep(delay_s / 100)


class Wrong(SystemClock):
    """A clock that somebody set years ago."""

    def __init__(self, seconds):
        self.seconds = seconds

    def now_s(self):
        return super().now_s() + self.seconds


@pytest.mark.parametrize("years", [-5, 5])
async def test_clocks_need_not_agree(years):
    async with table() as here:
        parts = replace(here.parts(), clock=Wrong(years * 365 * limits.DAY_S))
        async with here.create() as one, Session.join(here.link, one.code, parts=parts, hardness=QUICK) as other:
            assert await one.ready() == other.check_phrase
            await one.send("what time is it?")
            assert (await events(other, SessionText)).text == "what time is it?"
        async with Session.create(here.link, parts=parts, hardness=QUICK) as one, here.join(one.code) as other:
            assert await one.ready() == other.check_phrase


async def test_where_memory_is_short_both_are_told(monkeypatch):
    def no_memory(*_):
        raise StretchingFailed

    async with table() as here, here.create() as one:
        monkeypatch.setattr(driving, "derive_passphrase_key", no_memory)
        with pytest.raises(StretchingFailed):
            async with here.join(one.code):
                pass
        assert (await events(one, GuestFailed)).code == "gone"


async def test_a_talk_that_is_faster_than_the_relay_lets_pass_loses_nothing():
    clock = Impatient()
    async with table() as here:
        parts = replace(here.parts(), clock=clock)
        async with (
            Session.create(here.link, parts=parts, hardness=QUICK) as one,
            here.join(one.code) as other,
        ):
            await one.ready()
            (place,) = here.world.relay._context.meetings._places.values()
            began_s = clock.monotonic_s()
            bucket = place.host._buckets._buckets["pass_on"]
            bucket._tokens, bucket._at_s = -5.0, began_s
            for number in range(3):
                await one.send(f"{number}")
            heard = [(await events(other, SessionText)).text for _ in range(3)]
            assert heard == ["0", "1", "2"]
            assert clock.monotonic_s() - began_s >= 5 / limits.RATE_PASSED[0]
            assert not clock.naps, "the relay waits, and nobody asks again"


async def test_a_reader_who_sleeps_holds_the_other_up_and_loses_nothing(monkeypatch):
    monkeypatch.setattr(limits, "SESSION_EVENTS", 5)
    async with table() as here, here.pair() as (one, other):
        for number in range(40):
            await one.send(f"{number}")
        assert len(other._inner._events) <= 6
        heard = [(await events(other, SessionText)).text for _ in range(40)]
        assert heard == [f"{number}" for number in range(40)]


async def test_at_the_end_no_secret_of_it_is_left():
    """Every ``Secret`` that was made for it is gone once both sides are closed, whoever still holds the object."""
    async with table() as here:
        before = _secrets()
        async with here.pair() as (one, other):
            await one.send("x")
            await events(other, SessionText)
            during = len(_secrets())
        left = [found for found in _secrets() if all(found is not known for known in before)]
        assert during > len(before) + 20
        assert [len(secret) for secret in left if len(secret)] == []
        assert one._inner._talk is other._inner._talk is None


def _secrets():
    gc.collect()
    return [found for found in gc.get_objects() if isinstance(found, Secret)]


def test_a_code_is_completed_word_by_word():
    assert complete_code("A3F2B1-maple-orbi") == ["A3F2B1-maple-orbit"]
    assert complete_code("A3F2B1-lant") == ["A3F2B1-lantern"]
    assert complete_code("A3F2B1") == []
    assert complete_code("A3F2B1-") == []


async def test_the_hardness_is_that_of_the_limits_unless_a_test_says_otherwise():
    assert (driving.HARDNESS.time_cost, driving.HARDNESS.memory_kib, driving.HARDNESS.lanes) == (
        limits.PAIRING_TIME_COST,
        limits.PAIRING_MEMORY_KIB,
        limits.PAIRING_LANES,
    )
    assert QUICK != driving.HARDNESS
