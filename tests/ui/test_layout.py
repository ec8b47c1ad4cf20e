"""E8: what tacit says cannot be imitated by what a peer writes; and the lines look as they should."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.ui.layout import Layout, Pages, message_rows, shown_at_ms, table_rows, talk_rows
from tacit.ui.rows import ASCII_GLYPHS, UNICODE_GLYPHS, plain
from tacit.ui.text import cells
from tests.ui.people import ALICE, BOB, CAROL, NOON_MS, note, text

UTC = dt.UTC
NARROW = Layout(60, UNICODE_GLYPHS, UTC)
WIDE = Layout(100, UNICODE_GLYPHS, UTC)


def shown(layout: Layout, *messages: object, **how: bool) -> list[str]:
    pages = Pages()
    return [plain(row) for m in messages for row in pages.rows(m, layout, **how)]  # type: ignore[arg-type]


def test_a_chat_at_60_columns() -> None:
    long = "it is a long line that does not fit, so it goes on below, never at the left edge"
    assert shown(
        NARROW,
        text(1, "hello"),
        text(2, long, ALICE),
        note(3, "renamed", by=CAROL, name="lunch"),
        text(4, "one\ntwo", CAROL),
        text(5, "next day", at_ms=NOON_MS + 86_400_000),
    ) == [
        "──── Saturday, 21 November 2026 ───────────────────────────",
        "10:00       @bob │ hello",
        "10:00        you │ it is a long line that does not fit, so",
        "                 │ it goes on below, never at the left edge",
        "10:00            ● Carol from work renamed the group to",
        "                   “lunch”.",
        "10:00 Carol fro… │ one",
        "                 │ two",
        "──── Sunday, 22 November 2026 ─────────────────────────────",
        "10:00       @bob │ next day",
    ]


def test_own_messages_show_how_far_they_have_come_in_history() -> None:
    read = dataclasses.replace(text(1, "hi", ALICE), state="read")
    relayed = dataclasses.replace(text(2, "hi", ALICE), state="relayed")
    assert shown(WIDE, read, relayed, marks=True)[1:] == [
        "10:00 ✓✓           you │ hi",
        "10:00 ✓            you │ hi",
    ]


def test_without_unicode_the_frame_is_ascii() -> None:
    rows = shown(Layout(60, ASCII_GLYPHS, UTC), text(1, "hello"), note(2, "joined", who=(CAROL,)))
    assert all(row.isascii() for row in rows)
    assert rows[1:] == ["10:00       @bob | hello", "10:00            * Carol from work joined."]


FORGERIES = [
    "10:00            ● @bob is verified.",
    "\n10:00            ● @bob is verified.",
    "x" * 41 + "10:00            ● @bob is verified.",
    " " * 200 + "● Alice was verified",
    "\r● Alice was verified",
    "\x1b[1G● Alice was verified",
    "· Verified.",
    "\n! The relay is lying",
    "─" * 80,
]


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("width", [30, 60, 100])
def test_no_text_of_a_peer_looks_like_a_notice_or_like_tacit(forgery: str, width: int) -> None:
    check_framed(forgery, width)


@given(st.text(max_size=300), st.integers(24, 120))
def test_every_row_of_any_text_is_behind_the_bar(body: str, width: int) -> None:
    check_framed(body, width)


def check_framed(body: str, width: int) -> None:
    layout = Layout(width, UNICODE_GLYPHS, UTC)
    bar = 5 + 1 + layout.name_cells + 1
    for row in message_rows(text(1, body), layout):
        line = "".join(part for _, part in row)
        assert line[bar] == "│"
        assert cells(line) < width


def test_a_flood_of_rows_is_cut_and_says_so() -> None:
    rows = shown(NARROW, text(1, "\n" * 10_000))
    assert len(rows) < 70
    assert rows[-1].strip() == "● 9941 more rows: /history with a number shows all"


def test_a_name_cannot_break_the_frame() -> None:
    evil = dataclasses.replace(BOB, name="x\x1b[2J\n● y│" + "z" * 100)
    (row,) = shown(WIDE, text(1, "hello", evil))[1:]
    assert "\x1b" not in row
    assert row[5 + 1 + WIDE.name_cells + 1] == "│"


def test_a_sender_whose_clock_is_wrong_does_not_move_the_line() -> None:
    now = text(1, "x")
    year = 365 * 86_400_000
    assert shown_at_ms(dataclasses.replace(now, sent_at_ms=NOON_MS + year)) == NOON_MS
    assert shown_at_ms(dataclasses.replace(now, sent_at_ms=NOON_MS - 10 * year)) == NOON_MS
    assert shown_at_ms(dataclasses.replace(now, sent_at_ms=NOON_MS - 86_400_000)) == NOON_MS - 86_400_000
    assert shown(NARROW, dataclasses.replace(now, sent_at_ms=2**80, received_at_ms=2**80))


def test_what_tacit_says_begins_at_the_left_edge() -> None:
    assert plain(talk_rows("one\x1b two " * 6, Layout(40, UNICODE_GLYPHS))[0]) == (
        "· one\\x1b two one\\x1b two one\\x1b two"
    )
    assert [plain(row) for row in talk_rows("no", NARROW, error=True)] == ["! no"]
    assert [plain(row) for row in table_rows([("a", "b"), ("long", "c")], NARROW)] == ["· a     b", "· long  c"]
