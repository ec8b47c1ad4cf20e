"""The prompt and the status line below it: quiet words on how the open chat and the connection stand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tacit.ui import words
from tacit.ui.text import cut

if TYPE_CHECKING:
    from tacit.ui.line.session import Session

_PROMPT_CELLS: Final = 18


def prompt(session: Session) -> str:
    """Who a typed line goes to."""
    return f"{cut(words.title(session.chat), _PROMPT_CELLS)}> " if session.chat else "tacit> "


def status_line(session: Session) -> str:
    """The most important first, since narrow terminals cut the end off."""
    dash = f" {session.face.layout.glyphs.dash} "
    return dash.join(
        fact for fact in (_connection(session), _progress(session), _chat(session), _asking(session)) if fact
    )


def _connection(session: Session) -> str:
    connection = session.connection
    if connection.state == "offline" and session.retry_at:
        return f"offline, next try {words.in_seconds(session.retry_at - asyncio.get_running_loop().time())}"
    return connection.state


def _progress(session: Session) -> str:
    waiting = sum(state == "queued" for state in session.own.values())
    if waiting:
        return f"{waiting} waiting here"
    return words.state(next(reversed(session.own.values())), session.face.layout.glyphs) if session.own else ""


def _chat(session: Session) -> str:
    chat = session.chat
    if chat is None:
        return ""
    if chat.status != "active":
        return {"requested": "a request", "leaving": "leaving", "ended": "ended"}[chat.status]
    if chat.kind != "direct":
        return words.members(chat)
    return words.trust(chat.peer) if chat.peer else ""


def _asking(session: Session) -> str:
    return f"{len(session.asking)} asking to talk" if session.asking else ""
