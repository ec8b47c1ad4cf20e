"""The group of a session, as values: what can be said in it, and that nothing else can."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit import limits
from tacit.client.session.errors import SessionBroken, ThirdInSession
from tacit.client.session.talk import Goodbye, Heard, Talk, ThrowAway, enter_group, make_group
from tacit.crypto.secret import Secret
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.identity import authenticate_leaf
from tacit.testing.entropy import SeededEntropy

NOW_S = 1_800_000_000.0
ENTROPY = SeededEntropy(1, "talk")


def couple() -> tuple[Talk, Talk]:
    waiting, coming = (ThrowAway.make(now_s=NOW_S, entropy=ENTROPY) for _ in range(2))
    bundle = coming.key_package(now_s=NOW_S, entropy=ENTROPY)
    psk_id, psk = ENTROPY(32), Secret(ENTROPY(48))
    one, welcome = make_group(waiting, bundle.key_package_bytes, psk_id, psk, now_s=NOW_S, entropy=ENTROPY)
    return one, enter_group(bundle, waiting.certificate, welcome, psk_id, psk)


ONE, OTHER = couple()


def say(talk: Talk, text: str = "x") -> tuple[Talk, bytes]:
    return talk.say(text, now_ms=1_800_000_000_000, entropy=ENTROPY)


def test_both_are_in_the_same_group_of_the_default_suite():
    assert ONE.authenticator == OTHER.authenticator
    assert ONE.group.suite.id == DEFAULT_SUITE
    assert ONE.check_phrase(b"t" * 32) == OTHER.check_phrase(b"t" * 32)
    assert ONE.check_phrase(b"t" * 32) != ONE.check_phrase(b"u" * 32)


def test_what_is_said_is_heard_and_counted():
    one, other = ONE, OTHER
    for number in range(1, 5):
        one, payload = say(one, f"line {number}")
        other, heard = other.hear(payload)
        assert heard == Heard(f"line {number}", 1_800_000_000_000, number)


def test_lengths_say_little():
    sizes = {len(say(ONE, "x" * length)[1]) for length in range(1, 400)}
    assert len(sizes) < 40


def test_hearing_changes_nothing_of_what_was():
    _, payload = say(ONE)
    first, _ = OTHER.hear(payload)
    again, _ = OTHER.hear(payload)
    assert first.heard == again.heard == 1
    assert OTHER.heard == 0
    with pytest.raises(SessionBroken):
        first.hear(payload)


def test_a_goodbye_is_of_the_other_and_of_nobody_else():
    payload = ONE.goodbye(entropy=ENTROPY)
    after, said = OTHER.hear(payload)
    assert said == Goodbye()
    with pytest.raises(SessionBroken):
        ONE.hear(payload)
    assert after.heard == 0


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_end_it(data: bytes):
    with pytest.raises((SessionBroken, ThirdInSession)):
        OTHER.hear(data)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_line_or_a_goodbye_with_one_bit_changed_ends_it(data: st.DataObject):
    _, line = say(ONE, "some text")
    payload = data.draw(st.sampled_from((line, ONE.goodbye(entropy=ENTROPY))))
    at = data.draw(st.integers(0, len(payload) * 8 - 1))
    changed = bytearray(payload)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises(SessionBroken):
        OTHER.hear(bytes(changed))


def test_a_line_of_another_session_ends_it():
    stranger, _ = couple()
    with pytest.raises(SessionBroken):
        OTHER.hear(say(stranger)[1])


def test_a_throw_away_identity_stands_for_nobody():
    """Its account key signed one certificate and was never kept, so nobody can sign another, or log in with it."""
    made = ThrowAway.make(now_s=NOW_S, entropy=ENTROPY)
    assert set(ThrowAway.__slots__) == {"certificate", "private"}
    other = ThrowAway.make(now_s=NOW_S, entropy=ENTROPY)
    leaf = made.key_package(now_s=NOW_S, entropy=ENTROPY).key_package.leaf_node
    found = authenticate_leaf(None, leaf, NOW_S)
    assert found.account_key not in other.certificate
    assert "private" not in repr(made.private)


def test_a_text_as_long_as_may_be_fits_what_is_passed_on():
    _, payload = say(ONE, "x" * limits.MAX_TEXT_BYTES)
    assert len(payload) <= limits.MAX_MESSAGE_BYTES
