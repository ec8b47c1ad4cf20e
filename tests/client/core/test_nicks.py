from __future__ import annotations

import pytest

from tacit import mls
from tacit.client.core.nicks import (
    MAX_NICK_CHARS,
    NICK_EXTENSION,
    free_nick,
    is_nick,
    nick_in,
    normalized,
    skeleton,
)


@pytest.mark.parametrize("nick", ["maya", "Maya", "a", "7", "x" * 24, "maya-2", "_x_", "Zoë", "мая", "Μάγια", "美雅"])
def test_letters_digits_and_two_marks_make_a_nick(nick: str) -> None:
    assert is_nick(nick)


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "-", "_-", "x" * 25, "a.b", "@maya", "a\n", "a\u200b", "\u202ea", "e\u0301", "ﬁ", "😀", "\x00"],
)
def test_everything_else_does_not(text: str) -> None:
    assert not is_nick(text)


def test_a_letter_that_only_newer_tables_have_is_none() -> None:
    """U+1C90 is a letter since Unicode 11: who has older tables would judge otherwise."""
    assert "\u1c90".isalpha()
    assert not is_nick("\u1c90")


@pytest.mark.parametrize("blank", ["\u115f", "\u1160", "\u3164", "\uffa0", "\u1885"])
def test_a_letter_that_shows_nothing_is_none(blank: str) -> None:
    for text in (blank, f"maya{blank}", f"ma{blank}ya"):
        assert not is_nick(text)
        assert not is_nick(normalized(text))


def test_what_is_typed_is_normalized() -> None:
    assert normalized("  e\u0301va ") == "éva"
    assert is_nick(normalized("ｍａｙａ"))


ALIKE = [
    ("maya", "MAYA", "Maya", "máya", "mауа", "rnaya", "МАУА"),
    ("bill", "bi11", "BILL", "b1ll", "biII", "ЬіӀӀ".lower()),
    ("oleg", "0leg", "οleg", "оleg", "Ø-leg".replace("-", "")),
    ("a_b", "a-b"),
    ("wow", "vvow", "VVOW"),
    ("straße", "strasse", "STRASSE"),
    ("maya", "MAYA", "ᎷᎪᎩᎪ", "mаүа", "maʏa"),
    ("lisa", "ʟɪsa", "ǀisa", "Iisa"),
    ("brian", "ʙʀɪaɴ"),
    ("dave", "ᎠᎪᏙᎬ"),
    ("ニカ", "二力", "ﾆｶ"),
    ("へりロ", "ヘリ口"),
    ("きゃっと", "きやつと"),
    ("タロー", "夕口一"),
    ("ana", "ａｎａ", "ＡＮＡ"),
]


@pytest.mark.parametrize("group", ALIKE)
def test_what_looks_alike_has_one_skeleton(group: tuple[str, ...]) -> None:
    assert len({skeleton(nick) for nick in group}) == 1, {nick: skeleton(nick) for nick in group}


def test_what_looks_different_has_different_ones() -> None:
    names = ["maya", "bob", "alice", "dave", "maya2", "maya3", "мия", "zoe", "美雅", "ソラ", "シラ", "そら"]
    assert len({skeleton(name) for name in names}) == len(names)


def test_a_free_name_is_near_to_the_wanted_one() -> None:
    assert free_nick("maya", ["bob"]) == "maya"
    assert free_nick("maya", ["MAYA", "maya2"]) == "maya3"
    long = "x" * MAX_NICK_CHARS
    assert free_nick(long, [long]) == "x" * 23 + "2"
    assert is_nick(free_nick("maya", ["maya", *(f"maya{n}" for n in range(2, 40))]))


def test_there_is_always_a_free_name() -> None:
    """Two endings may look alike to whoever has cut the names in the tree for it."""
    wanted = "a" * 22 + "lb"
    near = [wanted, *(wanted[:23] + f"{n}" for n in range(2, 10)), wanted[:22] + "10", wanted[:22] + "11"]
    taken = [*near, *(f"other{letter}" for letter in "abcdef")]
    free = free_nick(wanted, taken)
    assert is_nick(free)
    assert skeleton(free) not in {skeleton(nick) for nick in taken}


def test_a_leaf_shows_one_name_or_none() -> None:
    def leaf(*names: bytes) -> tuple[mls.Extension, ...]:
        return tuple(mls.Extension(NICK_EXTENSION, name) for name in names)

    assert nick_in((mls.Extension(0x0A0A, b"x"), *leaf(b"maya"))) == "maya"
    for extensions in ((), leaf(b""), leaf(b"\xff"), leaf(b"a b"), leaf(b"maya", b"maya")):
        assert nick_in(extensions) == ""
