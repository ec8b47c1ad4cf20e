"""What is remembered of numbers, and for how long."""

from __future__ import annotations

import base64
import hmac
import random

import pytest

from tacit.limits import DAY_S, HOUR_S
from tacit.relay.phone_codes import PhoneCodes
from tacit.relay.phone_sends import PhoneSends
from tacit.wire.errors import PhoneCodeExpired, PhonePaused, RateLimited
from tests.relay.peers import Moves


def test_nothing_is_remembered_of_a_number_that_is_left_alone_and_of_one_that_got_nothing() -> None:
    clock = Moves(0.0)
    sends = PhoneSends(clock, 100)
    for number in range(30):
        try:
            sends.take(bytes([number]), b"block", alarmed=False)
        except RateLimited:
            assert number == 20
            break
    assert (len(sends._numbers), len(sends._blocks)) == (20, 1)
    for _ in range(5):
        with pytest.raises(RateLimited):
            sends.take(b"another", b"block", alarmed=False)
    assert len(sends._numbers) == 20
    clock.forward(DAY_S)
    sends.forget()
    assert (len(sends._numbers), len(sends._blocks)) == (0, 0)
    sends.take(b"one", b"block", alarmed=False)
    clock.forward(HOUR_S)
    sends.forget()
    assert len(sends._numbers) == 1


def test_a_day_that_is_used_up_says_when_it_goes_on() -> None:
    clock = Moves(0.0)
    sends = PhoneSends(clock, 2)
    sends.take(b"1", b"1", alarmed=False)
    clock.forward(HOUR_S)
    sends.take(b"2", b"2", alarmed=False)
    with pytest.raises(PhonePaused) as paused:
        sends.take(b"3", b"3", alarmed=False)
    assert paused.value.retry_after_s == DAY_S - HOUR_S
    clock.forward(DAY_S - HOUR_S)
    sends.take(b"3", b"3", alarmed=False)


@pytest.mark.parametrize("fraction", range(4))
def test_after_a_restart_a_number_has_its_next_message_to_the_second(fraction: int) -> None:
    """Whatever the clock says below that: seconds since 1970 leave a float little room behind the point."""
    now_s = 1_795_000_000
    sends = PhoneSends(Moves(now_s + fraction * 2**-22), 100)
    sends.recall({}, {b"number": now_s + 8 * HOUR_S}, now_s)
    sends.take(b"number", b"block", alarmed=False)
    with pytest.raises(RateLimited):
        sends.take(b"number", b"block", alarmed=False)


def test_open_codes_are_few_and_the_old_ones_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacit.relay.phone_codes.MAX_OTP_REQUESTS", 3)
    clock = Moves(0.0)
    drawn = iter(range(1000))
    codes = PhoneCodes(clock, lambda size: next(drawn).to_bytes(size))
    opened = [codes.ask(bytes([number]), b"number")[0] for number in range(3)]
    with pytest.raises(PhonePaused):
        codes.ask(b"x", b"number")
    assert len(codes) == 3
    codes.ask(b"\x00", b"number")  # asked for again: in the place of its own
    assert len(codes) == 3
    clock.forward(10 * 60)
    codes.ask(b"x", b"number")
    assert len(codes) == 1
    for request in opened:
        with pytest.raises(PhoneCodeExpired):
            codes.submit(request, "000000")


def test_a_code_is_not_shown_with_what_is_open() -> None:
    codes = PhoneCodes(Moves(0.0), lambda size: bytes(range(size)))
    request, code = codes.ask(b"account", b"number")
    assert code not in repr(codes._open[request])
    assert codes._open[request].secret not in repr(codes._open[request])


def test_a_code_is_that_of_rfc_6238_for_the_moment_in_which_it_was_asked_for() -> None:
    """By the RFC's own formula, with a secret for each request. Source: RFC 4226 §5.3; RFC 6238 §4.2"""
    codes = PhoneCodes(Moves(5_000.0), random.Random(3).randbytes)
    secrets = set()
    for account in (b"one", b"other"):
        request, code = codes.ask(account, b"number")
        secret = base64.b32decode(codes._open[request].secret)
        digest = hmac.digest(secret, bytes(8), "sha256")
        place = digest[-1] & 0xF
        assert code == f"{(int.from_bytes(digest[place : place + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"
        secrets.add(secret)
    assert len(secrets) == 2
