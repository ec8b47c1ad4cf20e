"""The table of pairing by code, walked by the honest, the clumsy and the hostile."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit import limits
from tacit.crypto.secret import Secret
from tacit.errors import DecodeError
from tacit.identity import pairing, pairing_keys
from tacit.identity.pairing import TABLE, Event, Failure, Role, State, Waiting
from tacit.identity.pairing_codes import parse_code
from tacit.identity.pairing_messages import Acceptance, Confirmation, Greeting, Offer, decode_message, encode_message
from tacit.identity.words import all_words
from tests.identity.couple import CODE, RELAY_KEY, Side, converse, epoch, stretch

MESSAGES = 4
OTHER_CODE = "A3F2B1-maple-orbit-moss"


def couple(**how):
    return Side.creator(**how), Side.joiner(**how)


def honest_messages():
    return converse(*couple())


def test_two_with_the_same_code_trust_the_same_thing():
    creator, joiner = couple()
    said = converse(creator, joiner)
    assert [type(decode_message(message)) for message in said] == [Greeting, Offer, Acceptance, Confirmation]
    assert (creator.state, joiner.state) == (State.PAIRED, State.PAIRED)
    assert creator.trusted == joiner.trusted != []


def test_nobody_trusts_a_key_before_the_other_has_confirmed():
    creator, joiner = couple()
    (offer,) = joiner.receive(creator.sent[0])
    assert joiner.trusted == []
    (acceptance,) = creator.receive(offer)
    assert creator.trusted == []
    (confirmation,) = joiner.receive(acceptance)
    assert joiner.trusted
    assert creator.trusted == []
    creator.receive(confirmation)
    assert creator.trusted


def test_wrong_words_make_no_group_and_tell_the_guest_nothing():
    creator, joiner = Side.creator(), Side.joiner(OTHER_CODE)
    said = converse(creator, joiner)
    assert len(said) == 2
    assert creator.failure is Failure.WRONG_WORDS
    assert "MakeGroup" not in creator.done
    assert creator.trusted == joiner.trusted == []


def test_a_guest_has_one_guess():
    """Whoever failed is not heard again, not even with the right words."""
    creator = Side.creator()
    wrong, right = Side.joiner(OTHER_CODE), Side.joiner(seed=2)
    (first,) = wrong.receive(creator.sent[0])
    (second,) = right.receive(creator.sent[0])
    assert creator.receive(first) == []
    stretched = creator.done.count("Stretch")
    assert creator.receive(second) == []
    assert (creator.state, creator.failure) == (State.FAILED, Failure.WRONG_WORDS)
    assert creator.done.count("Stretch") == stretched == 1


def test_a_stranger_who_offers_nothing_causes_no_stretching():
    creator = Side.creator()
    for junk in (b"", b"\x02", b"\x09" + bytes(200), encode_message(Greeting(1, bytes(32)))):
        assert Side.creator().receive(junk) == []
        creator.receive(junk)
    assert creator.done == ["Send"]


@pytest.mark.parametrize("lost", range(MESSAGES))
def test_a_lost_message_leaves_nobody_in_trust_who_has_not_been_confirmed(lost):
    creator, joiner = couple()
    converse(creator, joiner, lambda _, number, message: [] if number == lost else [message])
    assert creator.trusted == []
    assert bool(joiner.trusted) is (lost == 3)
    for side in (creator, joiner):
        side.now_s = limits.PAIRING_S + 1
        assert pairing.is_over_time(side.pairing, side.now_s) is (side.state is not State.PAIRED)


@pytest.mark.parametrize("repeated", range(MESSAGES))
def test_a_message_that_comes_twice_ends_it(repeated):
    creator, joiner = couple()
    said = converse(creator, joiner, lambda _, number, message: [message] * (2 if number == repeated else 1))
    receiver = joiner if repeated in (0, 2) else creator
    assert receiver.failure is Failure.OUT_OF_ORDER
    assert receiver.done.count("Stretch") <= 1
    assert said


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(range(MESSAGES), 2)))
def test_messages_of_another_pairing_do_not_fit(first, second):
    """Everything that was said in one pairing with the same words is worthless in another, wherever it is put."""
    before = honest_messages()
    creator, joiner = couple(seed=2)
    converse(creator, joiner, lambda _, number, message: [before[second] if number == first else message])
    assert creator.trusted == []
    assert not (creator.trusted and joiner.trusted)
    if first != 3:
        assert joiner.trusted == []


@pytest.mark.parametrize("number", range(MESSAGES))
def test_the_same_message_of_another_pairing_does_not_fit(number):
    before = honest_messages()
    creator, joiner = couple(seed=2)
    converse(creator, joiner, lambda _, place, message: [before[number] if place == number else message])
    assert creator.trusted == []
    if number != 3:
        assert joiner.trusted == []


@pytest.mark.parametrize("number", range(MESSAGES))
def test_nothing_comes_back_to_its_sender_to_any_use(number):
    creator, joiner = couple()
    said = honest_messages()
    for side in (creator, joiner):
        side.receive(said[number])
        assert side.trusted == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, MESSAGES - 1), st.data())
def test_a_message_with_one_bit_changed_is_worthless(number, data):
    at = data.draw(st.integers(0, len(honest_messages()[number]) * 8 - 1))

    def meddle(_, place, message):
        if place != number:
            return [message]
        changed = bytearray(message)
        changed[at // 8] ^= 1 << at % 8
        return [bytes(changed)]

    creator, joiner = couple()
    converse(creator, joiner, meddle)
    assert creator.trusted == []
    if number != 3:
        assert joiner.trusted == []
    assert State.FAILED in (creator.state, joiner.state)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=30))
def test_messages_of_two_pairings_in_any_order_never_make_two_trust_different_things(moves):
    """A relay that holds messages back, swaps and repeats them, of two pairings with the same code."""
    sides = [*couple(), *couple(seed=2)]
    for _, choice in moves:
        said = [message for side in sides for message in side.sent]
        sides[choice % 4].receive(said[choice * 7 % len(said)])
    for side in sides:
        assert len(side.trusted) <= 1
    trusted = [(side.pairing.role, side.trusted[0]) for side in sides if side.trusted]
    assert len(set(trusted)) == len(trusted)
    for role, context in trusted:
        # Who waits trusts only what one who came has confirmed, word for word.
        if role is Role.CREATOR:
            assert (Role.JOINER, context) in trusted


@pytest.mark.parametrize(
    "different",
    [{"relay_key": bytes(32)}, {"code": "A3F2B2-maple-orbit-lantern"}, {"code": "A3F2B1-maple-lantern-orbit"}],
)
def test_another_relay_another_rendezvous_or_another_order_of_words_does_not_pair(different):
    creator, joiner = Side.creator(), Side.joiner(**different)
    converse(creator, joiner)
    assert creator.failure is Failure.WRONG_WORDS
    assert creator.trusted == joiner.trusted == []


def test_another_version_is_told_and_nothing_is_stretched_for_it():
    joiner = Side.joiner()
    joiner.receive(encode_message(Greeting(2, bytes(32))))
    assert joiner.failure is Failure.OTHER_VERSION
    assert joiner.done == []


def test_who_only_waits_cannot_be_played_with_the_guests_own_mac():
    """Reflection: the MAC of an offer is not that of an acceptance, though the key is of the same words."""
    creator, joiner = couple()
    (offer,) = joiner.receive(creator.sent[0])
    mac = decode_message(offer).mac
    joiner.receive(encode_message(Acceptance(b"creator", b"welcome", mac)))
    assert joiner.failure is Failure.WRONG_WORDS


def test_a_guest_cannot_change_the_number_it_has_bound_itself_to():
    """Otherwise it could try numbers until the check phrase is one that it wants."""
    creator, joiner = couple()

    def meddle(_, place, message):
        if place != 3:
            return [message]
        moved = joiner.pairing
        assert moved.state is State.PAIRED
        return [encode_message(Confirmation(bytes(32), decode_message(message).mac))]

    converse(creator, joiner, meddle)
    assert creator.failure is Failure.WRONG_WORDS


def test_the_number_stays_hidden_until_the_group_is_made():
    creator, joiner = couple()
    (offer,) = joiner.receive(creator.sent[0])
    number = joiner.pairing.number.reveal()
    (acceptance,) = creator.receive(offer)
    assert number not in creator.sent[0] + offer + acceptance
    (confirmation,) = joiner.receive(acceptance)
    assert number in confirmation


def test_a_group_without_the_words_in_its_keys_is_not_confirmed():
    """A creator that knew the MAC key and not the PSK, which no honest program can be."""
    creator, joiner = couple()
    (offer,) = joiner.receive(creator.sent[0])
    read = decode_message(offer)
    stretched = stretch(parse_code(CODE).words, _salt(creator, joiner))
    moved = pairing.receive(creator.pairing, offer, now_s=0.0).pairing
    step = pairing.stretched(moved, stretched, now_s=0.0)
    wrong = epoch(read.key_package, b"welcome", Secret(bytes(48)))
    step = pairing.group_made(step.pairing, b"creator", bytes(80) + step.effects[0].psk_id, wrong, now_s=0.0)
    creator.pairing = step.pairing
    (confirmation,) = joiner.receive(step.effects[0].message)
    creator.receive(confirmation)
    assert creator.failure is Failure.WRONG_WORDS


def _salt(creator, joiner):
    return pairing_keys.begin(RELAY_KEY, "A3F2B1", creator.pairing.nonce, joiner.pairing.nonce)


@pytest.mark.parametrize("place", range(MESSAGES))
def test_who_is_not_through_within_a_minute_is_out(place):
    creator, joiner = couple()

    def late(_, number, message):
        if number == place:
            creator.now_s = joiner.now_s = limits.PAIRING_S + 0.1
        return [message]

    converse(creator, joiner, late)
    assert creator.trusted == []
    assert Failure.TOO_SLOW in (creator.failure, joiner.failure)


def test_stretching_that_takes_too_long_is_too_late():
    creator, joiner = couple()
    (offer,) = joiner.receive(creator.sent[0])
    moved = pairing.receive(creator.pairing, offer, now_s=1.0)
    step = pairing.stretched(moved.pairing, Secret(bytes(32)), now_s=limits.PAIRING_S + 0.1)
    assert step.pairing.failure is Failure.TOO_SLOW
    assert step.effects == ()


def test_what_is_over_holds_no_secrets():
    paired = couple()
    converse(*paired)
    failed = Side.creator(), Side.joiner(OTHER_CODE)
    converse(*failed)
    for side in (*paired, failed[0]):
        assert side.pairing.keys is None
        for secret in (side.pairing.code.words, side.pairing.number, side.pairing.authenticator):
            assert len(secret) == 0


EVENTS_OF_WORK = {Event.STRETCHED, Event.GROUP_MADE, Event.ENTERED}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("role", Role)
def test_whatever_is_not_in_the_table_fails(role, state):
    """The table itself, one event after the other, with a pairing that was put into the state by force."""
    side = (Side.creator() if role is Role.CREATOR else Side.joiner()).pairing
    stand = replace(side, state=state, failure=Failure.GONE if state is State.FAILED else None)
    said = dict(
        zip((Event.GREETING, Event.OFFER, Event.ACCEPTANCE, Event.CONFIRMATION), honest_messages(), strict=True)
    )
    work = {
        Event.STRETCHED: lambda: pairing.stretched(stand, Secret(bytes(32)), now_s=0.0),
        Event.GROUP_MADE: lambda: pairing.group_made(stand, b"", b"", Secret(b""), now_s=0.0),
        Event.ENTERED: lambda: pairing.entered(stand, Secret(b""), now_s=0.0),
    }
    for event in Event:
        step = work[event]() if event in EVENTS_OF_WORK else pairing.receive(stand, said[event], now_s=0.0)
        if (role, state, event) not in TABLE:
            assert step.pairing.state is State.FAILED
            assert step.effects == ()
            assert step.pairing.failure is (Failure.GONE if state is State.FAILED else Failure.OUT_OF_ORDER)


def test_every_state_but_the_last_two_leads_on_and_none_leads_back():
    order = list(State)
    for (_, state, _), after in TABLE.items():
        assert after is not State.FAILED
        assert state is not after
    ends = {state for state in order if not any(before is state for (_, before, _) in TABLE)}
    assert ends == {State.PAIRED, State.FAILED}
    for role in Role:
        walk = [state for (who, state, _) in TABLE if who is role]
        assert len(walk) == len(set(walk)) == 4


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_malformed(data):
    try:
        message = decode_message(data)
    except DecodeError:
        assert Side.creator().receive(data) == []
        return
    assert encode_message(message) == data


def test_fields_past_their_bounds_are_malformed():
    for message in (
        Offer(bytes(32), bytes(32), bytes(limits.MAX_KEY_PACKAGE_BYTES + 1), bytes(48)),
        Acceptance(bytes(limits.MAX_CERTIFICATE_BYTES + 1), b"", bytes(48)),
        Acceptance(b"", bytes(limits.MAX_MESSAGE_BYTES), bytes(48)),
    ):
        with pytest.raises(DecodeError):
            decode_message(encode_message(message))


def test_a_code_is_good_for_three_guests_and_ten_minutes():
    waiting = Waiting.since(100.0)
    assert waiting.is_good(100.0 + limits.RENDEZVOUS_S - 1)
    assert not waiting.is_good(100.0 + limits.RENDEZVOUS_S)
    for _ in range(limits.PAIRING_ATTEMPTS):
        assert waiting.is_good(101.0)
        waiting = waiting.after_failure()
    assert waiting.is_burned
    assert not waiting.is_good(101.0)


def test_what_pairing_holds_is_silent():
    creator, joiner = couple()
    converse(creator, joiner)
    for words in ("maple", "lantern"):
        assert words not in repr((creator.pairing, joiner.pairing, Side.creator().pairing))


def test_guessing_at_many_codes_at_once_gets_three_guesses_at_each():
    """D4: codes as weak as one word, 300 of them waiting, a guesser at each: as many hits as chance gives."""
    chance, codes, hits, guesses = random.Random(11), 300, 0, 0
    weak = all_words()[:64]
    for seed in range(codes):
        words, waiting = f"maple-orbit-{chance.choice(weak)}", Waiting.since(0.0)
        while waiting.is_good(1.0):
            guesses += 1
            creator = Side.creator(f"A3F2B1-{words}", seed=seed)
            guest = Side.joiner(f"A3F2B1-maple-orbit-{chance.choice(weak)}", seed=guesses)
            converse(creator, guest)
            if creator.trusted:
                hits += 1
                break
            waiting = waiting.after_failure()
    assert guesses <= codes * limits.PAIRING_ATTEMPTS
    # One in 64 each time: 14 of 900 on the average, and 29 at four standard deviations.
    assert 1 <= hits <= 29
