"""How a line of a chat lies on the screen, so that no text of a peer can pass for anything else.

Every row of a peer's text begins with a time or with blanks, then a name column, then the bar; it is wrapped here, so
the terminal never carries it on at the left edge. Notices have their own glyph where the bar would be, and what tacit
itself says begins at the left edge. No text of a peer can reach either place.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tacit import limits
from tacit.sdk.types import ChatKindWord, MessageInfo, Person
from tacit.ui import words
from tacit.ui.rows import NAME_STYLES, Glyphs, Part, Row, Style
from tacit.ui.text import cells, clean, clean_line, cut, wrap

MAX_ROWS: Final = 60
"""Rows that one message takes on a live screen; the rest is told, and shown by ``tacit history``."""

_TIME_CELLS: Final = 5
_UNWRAPPED: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Layout:
    """The frame that lines are put into. ``width`` 0 means that nothing is wrapped; ``zone`` None is local time."""

    width: int
    glyphs: Glyphs
    zone: dt.tzinfo | None = None
    max_rows: int = MAX_ROWS

    @property
    def name_cells(self) -> int:
        """Cells of the column of names."""
        return min(16, max(4, self.width // 6)) if self.width else 16

    @property
    def text_cells(self) -> int:
        """Cells of a peer's text on one row; the last column of the screen stays empty."""
        return self.width - 1 - _TIME_CELLS - 1 - self.name_cells - 3 if self.width else _UNWRAPPED

    @property
    def talk_cells(self) -> int:
        """Cells of one row of what tacit itself says."""
        return self.width - 3 if self.width else _UNWRAPPED

    def local(self, at_ms: int) -> dt.datetime:
        """The moment in the zone of the reader."""
        try:
            return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).astimezone(self.zone)
        except (OverflowError, ValueError, OSError):
            return dt.datetime.fromtimestamp(0, dt.UTC)


def shown_at_ms(message: MessageInfo) -> int:
    """When a line was written, as far as the sender's clock can be believed: not after it came, nor ages before."""
    age_ms = message.received_at_ms - message.sent_at_ms
    return message.sent_at_ms if 0 <= age_ms <= limits.RETENTION_S * 1000 else message.received_at_ms


def message_rows(
    message: MessageInfo, layout: Layout, *, kind: ChatKindWord = "group", marks: bool = False, between: str = ""
) -> list[Row]:
    """Lay out one line of history; ``marks`` adds how far own messages have come.

    ``between`` says that it is for one person alone, in the column of names, where no text of a peer can pass for it.
    """
    if message.notice is not None:
        return _notice_rows(message, layout, kind)
    at = f"{layout.local(shown_at_ms(message)):%H:%M}"
    style, label = (_name(message, layout)[0], cut(between, layout.name_cells)) if between else _name(message, layout)
    state = words.mark(message.state, layout.glyphs) if marks and message.mine else ""
    texts = wrap(clean(message.text), layout.text_cells)
    blank = " " * layout.name_cells
    edge = " " * (layout.name_cells - cells(label) - cells(state))
    bar: Part = ("dim", f" {layout.glyphs.bar} ")
    rows: list[Row] = [(("dim", f"{at} {state}"), (style, edge + label), bar, ("", texts[0]))]
    rows += [(("dim", f"{'':{_TIME_CELLS}} {blank}"), bar, ("", text)) for text in texts[1 : layout.max_rows]]
    if len(texts) > layout.max_rows:
        more = f"{len(texts) - layout.max_rows} more rows: /history with a number shows all"
        rows.append((("notice", f"{'':{_TIME_CELLS}} {blank} {layout.glyphs.notice} {more}"),))
    return rows


def talk_rows(text: str, layout: Layout, *, style: Style = "", error: bool = False) -> list[Row]:
    """Lay out what tacit itself says; ``text`` is cleaned here once more."""
    glyph = layout.glyphs.error if error else layout.glyphs.talk
    edge: Style = "alarm" if error else "dim"
    return [((edge, f"{glyph} "), (style, row)) for row in wrap(clean(text), layout.talk_cells)]


def table_rows(pairs: Sequence[tuple[str, str]], layout: Layout) -> list[Row]:
    """Lay out labels and words in two columns, the words wrapped beside their label."""
    left = max((cells(clean_line(label)) for label, _ in pairs), default=0)
    if layout.width:
        left = min(left, max(10, layout.talk_cells // 2))
    rows: list[Row] = []
    for label, text in pairs:
        label = cut(clean_line(label), left)
        pad = " " * (left - cells(label) + 2)
        for index, part in enumerate(wrap(clean(text), layout.talk_cells - left - 2)):
            edge = f"{layout.glyphs.talk} "
            rows.append((("dim", edge), ("key", label if index == 0 else " " * cells(label)), ("", pad + part)))
    return rows


def link_row(link: str) -> Row:
    """A link of one's own: alone, at the left edge and not wrapped here, so that it can be copied in one piece."""
    return (("key", clean_line(link)),)


def rule_row(text: str, layout: Layout) -> Row:
    """A separator with words in it, such as a day."""
    rule = layout.glyphs.rule
    width = min(layout.width - 1, 72) if layout.width else 60
    line = f"{rule * 4} {clean_line(text, max(width - 12, 8))} "
    return (("dim", line + rule * max(width - cells(line), 0)),)


def day_row(at_ms: int, layout: Layout) -> Row:
    """The separator before the first line of a day."""
    day = layout.local(at_ms)
    return rule_row(f"{day:%A}, {day.day} {day:%B %Y}", layout)


def code_rows(rows: Sequence[str], layout: Layout) -> list[Row]:
    """Frame the rows of a QR code."""
    return [(("dim", f"{layout.glyphs.talk} "), ("code", row)) for row in rows]


class Pages:
    """Puts day separators between lines, remembering the day reached."""

    __slots__ = ("_day",)

    def __init__(self) -> None:
        self._day: dt.date | None = None

    def rows(
        self,
        message: MessageInfo,
        layout: Layout,
        *,
        kind: ChatKindWord = "group",
        marks: bool = False,
        between: str = "",
    ) -> list[Row]:
        """Lay out one line, after a separator when its day is another than that of the line before."""
        line = message_rows(message, layout, kind=kind, marks=marks, between=between)
        return [*self.turn(message, layout), *line]

    def turn(self, message: MessageInfo, layout: Layout) -> list[Row]:
        """The separator that is due before a line, if any."""
        at_ms = shown_at_ms(message)
        day = layout.local(at_ms).date()
        if day == self._day:
            return []
        self._day = day
        return [day_row(at_ms, layout)]


def name_style(person: Person | None) -> Style:
    """A colour that stays with a person."""
    if person is None or person.status == "self":
        return "you"
    return NAME_STYLES[zlib.crc32(person.id.encode()) % len(NAME_STYLES)]


def _name(message: MessageInfo, layout: Layout) -> tuple[Style, str]:
    if message.mine:
        return "you", cut("you", layout.name_cells)
    return name_style(message.sender), cut(words.name(message.sender), layout.name_cells)


def _notice_rows(message: MessageInfo, layout: Layout, kind: ChatKindWord) -> list[Row]:
    notice = message.notice
    if notice is None:
        return []
    alarm = notice.code in words.ALARMS
    glyph = layout.glyphs.alarm if alarm else layout.glyphs.notice
    style: Style = "alarm" if alarm else "notice"
    at = f"{layout.local(message.received_at_ms):%H:%M}"
    blank = " " * layout.name_cells
    texts = wrap(words.notice(notice, kind), layout.text_cells)
    rows: list[Row] = []
    for index, text in enumerate(texts):
        edge = f"{at} {blank} {glyph} " if index == 0 else f"{'':{_TIME_CELLS}} {blank}   "
        rows.append((("dim", edge[:_TIME_CELLS]), (style, edge[_TIME_CELLS:] + text)))
    return rows
