"""What ``tacit listen`` prints of what is there already, with a client that is scripted."""

from __future__ import annotations

import dataclasses

import pytest

from tacit.cli.commands.listen import Listener
from tacit.cli.output import Output
from tests.ui.people import BOB, DIRECT, note
from tests.ui.scripted import Scripted


async def test_notices_hide_no_unread_line(capsys: pytest.CaptureFixture[str]) -> None:
    me = Scripted(chats=(dataclasses.replace(DIRECT, unread=2),))
    me.lines = []
    for body in ("old", "fresh", "fresher"):
        me.hear(body)
        rows = range(me.lines[-1].row + 1, me.lines[-1].row + 31)
        me.lines += [note(row, "renamed", by=BOB, name="x") for row in rows]
    await Listener(me.as_client, Output(json=False), count=2).run()
    told = capsys.readouterr().out
    assert "old" not in told
    assert told.index("fresh") < told.index("fresher")
