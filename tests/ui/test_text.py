"""E6, E7 and C9: nothing that others write reaches the terminal as anything but visible text."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.ui.text import MAX_MARKS, cells, clean, clean_line, cut, wrap

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ATTACKS = {
    "title (OSC 0)": "\x1b]0;PWNED\x07",
    "hyperlink (OSC 8)": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "clipboard (OSC 52)": "\x1b]52;c;ZXZpbA==\x07",
    "cursor (CSI)": "\x1b[2A\x1b[2K",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d0;PWNED\x9c",
    "DCS": "\x1bP1$r0m\x1b\\",
    "APC": "\x1b_Gf=100;AAAA\x1b\\",
    "answerback": "\x05",
    "backspace": "secret\x08\x08\x08\x08\x08\x08public",
    "carriage return": "safe\rEVIL",
    "shift out": "\x0e",
    "bell": "\x07",
    "delete": "a\x7f",
    "right to left override": "photo\u202egpj.exe",
    "isolates": "\u2066x\u2069",
    "zero width": "ad\u200bmin\ufeff",
    "tag characters": "ok\U000e0041\U000e0042",
    "line separator": "one\u2028two",
    "lone surrogate": "a\ud800b",
    "hangul filler": "\u3164",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_becomes_visible_and_harmless(attack: str) -> None:
    shown = clean(attack)
    assert not any(unicodedata.category(c) in HIDDEN for c in shown)
    assert "\\" in shown
    shown.encode("utf-8")


@pytest.mark.no_cover
def test_no_code_point_gets_through_as_a_control() -> None:
    """Each after a letter, thousands at once, which takes a third of the time."""
    for start in range(0, sys.maxunicode + 1, 0x1000):
        for character in set(clean("".join(f"x{chr(code)}" for code in range(start, start + 0x1000)))):
            assert character in "\n\u200d" or unicodedata.category(character) not in HIDDEN, hex(ord(character))


def test_ordinary_text_of_many_scripts_is_left_alone() -> None:
    for sentence in ("Grüße, naïve café", "привет", "שלום", "你好吗", "नमस्ते", "👨\u200d👩\u200d👧 ❤️", "a\nb"):
        assert clean(sentence) == sentence


def test_line_ends_and_tabs() -> None:
    assert clean("a\r\nb\tc") == "a\nb    c"
    assert clean_line("  a \n b\t c ") == "a b c"


def test_piled_marks_are_cut_and_counted() -> None:
    assert clean("a" + "\u0301" * 100) == "a" + "\u0301" * MAX_MARKS + f"[+{100 - MAX_MARKS} marks]"
    assert clean("e\u0301x") == "e\u0301x"


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(), st.integers(2, 40))
def test_wrapped_rows_fit_and_lose_nothing_but_blanks(text: str, width: int) -> None:
    safe = clean(text)
    rows = wrap(safe, width)
    assert all(cells(row) <= width for row in rows)
    assert "".join("".join(rows).split()) == "".join(safe.split())


@given(st.text(), st.integers(1, 20))
def test_a_cut_line_fits(text: str, width: int) -> None:
    assert cells(cut(clean_line(text), width)) <= max(width, 1)


def test_a_wide_character_that_does_not_fit_goes_to_the_next_row() -> None:
    assert wrap("你好吗", 4) == ["你好", "吗"]
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]


def test_a_million_characters_are_wrapped_in_reasonable_time() -> None:
    assert len(wrap("x" * 1_000_000, 50)) == 20_000
