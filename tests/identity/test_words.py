"""The word list keeps what it promises, and forgives slips."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.crypto.secret import Secret
from tacit.identity import MistypedWord
from tacit.identity.words import PHRASE_BYTES, all_words, completions, nearest, phrase, read_word, slips

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def one_slip_away(word):
    """Everything that one slip makes of a word."""
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    yield from (left + right[1:] for left, right in halves if right)
    yield from (left + letter + right for left, right in halves for letter in LETTERS)
    yield from (left + letter + right[1:] for left, right in halves if right for letter in LETTERS)
    yield from (left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1)


def test_there_are_2048_words_of_four_to_eight_letters_in_order():
    words = all_words()
    assert len(words) == len(set(words)) == 2048
    assert list(words) == sorted(words)
    assert all(4 <= len(word) <= 8 and set(word) <= set(LETTERS) for word in words)


def test_four_letters_tell_every_word_from_every_other():
    assert len({word[:4] for word in all_words()}) == 2048


def test_no_slip_makes_one_word_of_another():
    words = set(all_words())
    assert [word for word in words if (set(one_slip_away(word)) - {word}) & words] == []


def test_the_list_is_the_one_that_check_phrases_are_made_with():
    """Who changes it breaks the phrases between two versions: then the version of pairing must change, too."""
    told = hashlib.sha256("\n".join(all_words()).encode()).hexdigest()
    assert told == "12cbd299dac78b0b118c3444d3195e971cfb5f4880d2b5c59be33b4a003e265d"


@given(st.binary(min_size=PHRASE_BYTES, max_size=PHRASE_BYTES))
def test_a_phrase_shows_the_first_33_bits(secret):
    number = 0
    for word in phrase(Secret(secret)):
        number = number << 11 | all_words().index(word)
    assert number == int.from_bytes(secret, "big") >> 7


@given(st.sampled_from(all_words()), st.randoms(use_true_random=False))
def test_a_word_is_read_whatever_its_case_and_by_its_first_letters(word, chance):
    typed = "".join(chance.choice((letter.upper(), letter)) for letter in word)
    assert read_word(typed) == word
    assert read_word(typed[: chance.randint(4, len(word))]) == word


@pytest.mark.parametrize("typed", ["", "map", "mapl3", "xyzzy", "orbitt", "mäple"])
def test_what_is_no_word_is_refused_with_the_nearest(typed):
    with pytest.raises(MistypedWord) as refused:
        read_word(typed)
    assert len(refused.value.nearest) == 3
    assert set(refused.value.nearest) <= set(all_words())


def test_a_word_with_one_slip_is_named_first():
    chance = random.Random(5)
    for word in chance.sample(all_words(), 5):
        typed = chance.choice([slip for slip in one_slip_away(word) if slip and slip != word])
        assert slips(typed, nearest(typed)[0]) == 1
        assert word in nearest(typed)


def test_a_mistyped_word_cannot_write_on_the_screen():
    with pytest.raises(MistypedWord) as refused:
        read_word("\x1b]0;owned\x07" + "a" * 1000)
    assert refused.value.sentence.isprintable()
    assert len(refused.value.sentence) < 200


def test_completions_are_the_words_that_begin_so():
    assert completions("LANT") == ["lantern"]
    assert completions("") == list(all_words())
