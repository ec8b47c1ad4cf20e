"""Nicknames of a room: what one may look like, when two look alike, and where a leaf shows it.

Every member judges every commit by this, so it must come out the same everywhere: letters and digits are those that
Unicode had in version 3.2, whose tables every Python carries, and not those of the Python that happens to run.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import chain, count
from typing import Final

from tacit.client.core.group_info import ExtensionLike

NICK_EXTENSION: Final = 0xF7A1
"""A private-use extension type, in leaves. Source: RFC 9420 §17.3"""

MAX_NICK_CHARS: Final = 24

_UNICODE: Final = unicodedata.ucd_3_2_0
_LETTERS: Final = frozenset({"Ll", "Lu", "Lt", "Lm", "Lo", "Nd"})
_MARKS: Final = frozenset("-_")

_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u1885\u1886")
"""Letters by their category that show nothing, or nothing of their own."""

FOLDED: Final = str.maketrans(
    {
        **dict.fromkeys("i1ı|", "l"),
        **dict.fromkeys("0ø", "o"),
        **dict.fromkeys("_", "-"),
        **dict(zip("łđħŧɑɡ", "ldhtag", strict=True)),
        **dict(zip("ʏɪʟɴʀʙʜɢɩǀ", "yllnrbhgll", strict=True)),
        # Greek
        **dict(zip("αβγεηικνορςστυχω", "abyenlkvopcotuxw", strict=True)),
        # Cyrillic
        **dict(zip("авгеԁһіјкмнопрѕстуүѵхьґӏ", "abredhljkmhonpsctyyvxbrl", strict=True)),
        # Kana: of one shape in both, like an ideograph, or the same in small
        **dict(zip("ヘリー一二口囗力夕卜八工千才", "へり--ニロロカタトハエチオ", strict=True)),
        **dict(
            zip(
                "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ",
                "あいうえおつやゆよわアイウエオツヤユヨワカケ",
                strict=True,
            )
        ),
        # Armenian
        **dict(zip("օոսհց", "onuhg", strict=True)),
        # Cherokee
        **dict(zip("ᎠᎡᎢᎥᎩᎪᎫᎬᎱᎳᎷᎻᏀᏂᏃᏒᏔᏙᏚᏞᏟᏢᏦᏧᏳᏴ", "drtlyajerwmhghzrwvslcpkdgb", strict=True)),
    }
)
"""Letters and digits that are easily taken for one another, each to one of them, after case and accents are gone."""

PAIRS: Final = (("rn", "m"), ("vv", "w"))
"""The same of two letters."""


@lru_cache(maxsize=4096)
def is_nick(text: str) -> bool:
    """Whether this is a well-formed nickname.

    1 to 24 letters, digits, hyphens and underscores, one of them no mark, normalized (NFKC). Accents count as a part of
    their letter only where Unicode has the two as one character.
    """
    if not 0 < len(text) <= MAX_NICK_CHARS or _UNICODE.normalize("NFKC", text) != text:
        return False
    if not _BLANK.isdisjoint(text) or _MARKS.issuperset(text):
        return False
    return all(c in _MARKS or _UNICODE.category(c) in _LETTERS for c in text)


def normalized(text: str) -> str:
    """What somebody has typed, in the form in which it may be a nickname."""
    return _UNICODE.normalize("NFKC", text.strip())


@lru_cache(maxsize=4096)
def skeleton(nick: str) -> str:
    """What is left of a nickname without case, accents and look-alikes: two with the same one are too much alike.

    A table of our own, of what is most easily mixed up in six scripts; not all of UTS #39.
    """
    plain = _UNICODE.normalize("NFKD", _UNICODE.normalize("NFKC", nick).casefold())
    folded = "".join(c for c in plain if _UNICODE.category(c) != "Mn").translate(FOLDED)
    for pair, one in PAIRS:
        folded = folded.replace(pair, one)
    return folded


def free_nick(wanted: str, taken: Collection[str]) -> str:
    """The wanted nickname, or one like it that nobody in ``taken`` is called."""
    skeletons = {skeleton(nick) for nick in taken}
    endings = chain([""], map(str, count(2)))  # some of them may come to the same: 11 and 1l, say
    candidates = (wanted[: MAX_NICK_CHARS - len(ending)] + ending for ending in endings)
    return next(nick for nick in candidates if skeleton(nick) not in skeletons)


def nick_in(extensions: Iterable[ExtensionLike]) -> str:
    """The nickname that a leaf shows; empty when it shows none, several, or one that is not well-formed."""
    found = [e.extension_data for e in extensions if e.extension_type == NICK_EXTENSION]
    return _read(found[0]) if len(found) == 1 else ""


@lru_cache(maxsize=4096)
def _read(data: bytes) -> str:
    try:
        nick = data.decode()
    except UnicodeDecodeError:
        return ""
    return nick if is_nick(nick) else ""
