from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.identity import BadCode, MistypedWord
from tacit.identity.pairing_codes import PairingCode, format_code, parse_code
from tacit.identity.words import all_words
from tacit.testing.entropy import SeededEntropy

CODE = "A3F2B1-maple-orbit-lantern"


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        "a3f2b1 maple orbit lantern",
        "  A3F2B1  Maple\tORBIT - lantern\n",
        "a3f2b1-mapl-orbi-lant",
        "A3F2B1, maple, orbit, lantern.",
        "A3F2BI-maple-orbit-lantern",
        "a3f2bl_maple_orbit_lantern",
    ],
)
def test_a_code_is_read_however_it_was_written_down(typed):
    assert format_code(parse_code(typed)) == CODE


@pytest.mark.parametrize(
    "typed",
    ["", "A3F2B1", "A3F2B1-maple-orbit", "maple-orbit-lantern", "A3F2B-maple-orbit-lantern", "G3F2B1-maple-orbit-moss",
     "A3F2B1" + "-maple" * 9, "\u0661\u0662\u0663456-maple-orbit-lantern", "-" * 1000],
)  # fmt: skip
def test_what_is_no_code_is_refused(typed):
    with pytest.raises(BadCode):
        parse_code(typed)


def test_a_mistyped_word_is_answered_with_the_nearest():
    with pytest.raises(MistypedWord) as refused:
        parse_code("A3F2B1-mpale-orbit-lantern")
    assert refused.value.nearest[0] == "maple"
    assert "maple" in refused.value.sentence


@given(st.text(max_size=60))
def test_any_text_is_a_code_or_refused(text):
    try:
        code = parse_code(text)
    except (BadCode, MistypedWord):
        return
    assert parse_code(format_code(code)) == code


def test_the_words_have_nothing_to_do_with_the_name():
    made = [PairingCode.make("A3F2B1", SeededEntropy(seed, "codes")) for seed in range(50)]
    assert len({code.words.reveal() for code in made}) == 50


def test_every_word_is_as_likely_as_any_other():
    """Five bytes give 40 bits, of which 33 are shown: no word is favoured by a remainder."""
    chance = random.Random(3)
    count = dict.fromkeys(all_words(), 0)
    for _ in range(20_000):
        for word in PairingCode.make("000000", lambda size: chance.randbytes(size)).words.reveal().decode().split("-"):
            count[word] += 1
    assert min(count.values()) > 5
    assert max(count.values()) < 70


def test_a_code_does_not_show_its_words_by_accident():
    assert "maple" not in repr(parse_code(CODE))


def test_a_name_of_another_shape_makes_no_code():
    with pytest.raises(BadCode):
        PairingCode.make("a3f2b1", SeededEntropy(1, "x"))
