"""A session at a face: what a person sees of it, and what typed lines do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tacit.errors import ExitCode
from tacit.sdk.session import Paired, SessionEnded, SessionText
from tacit.ui.layout import Layout
from tacit.ui.line.pair import PairTalk, event_data
from tacit.ui.line.pair_code import CodeCompleter
from tacit.ui.line.pair_words import guest_failed
from tacit.ui.rows import UNICODE_GLYPHS, plain

PHRASE = ("maple", "orbit", "lantern")


class Scripted:
    """A session whose other side is the test."""

    def __init__(self) -> None:
        self.check_phrase = PHRASE
        self.sent: list[str] = []
        self.happening: asyncio.Queue[Any] = asyncio.Queue()
        self.happening.put_nowait(Paired(PHRASE))

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def events(self):
        while True:
            event = await self.happening.get()
            yield event
            if isinstance(event, SessionEnded):
                return

    async def end(self) -> None:
        self.happening.put_nowait(SessionEnded("closed", "The session is over."))

    def hears(self, text: str) -> None:
        self.happening.put_nowait(SessionText(text, 0, 1))

    def ends(self, code: Any) -> None:
        self.happening.put_nowait(SessionEnded(code, f"It ended: {code}."))


class Paper:
    """A face that writes everything down and reads lines that were typed before."""

    def __init__(self, lines: list[str | None], *, interactive: bool = True) -> None:
        self.interactive, self.echoes = interactive, False
        self.layout = Layout(width=70, glyphs=UNICODE_GLYPHS)
        self.rows: list[str] = []
        self.prompts: list[tuple[str, str]] = []
        self._lines: Iterator[str | None] = iter(lines)

    async def read(self) -> str | None:
        await asyncio.sleep(0)
        try:
            return next(self._lines)
        except StopIteration:
            return await asyncio.Event().wait() and None

    def show(self, rows: Any) -> None:
        self.rows += [plain(row) for row in rows]

    say = show

    def event(self, event: Any) -> None:
        raise AssertionError("an event of another kind")

    def refresh(self, prompt: str, status: str) -> None:
        self.prompts.append((prompt, status))

    def clear(self) -> None:
        self.rows.clear()

    async def close(self) -> None:
        self.rows.append("closed")


async def play(lines: list[str | None], script: Any = None, **how: Any) -> tuple[Scripted, Paper, ExitCode, list[Any]]:
    session, face, told = Scripted(), Paper(lines, **how), list[Any]()
    if script is not None:
        script(session)
    talk = PairTalk(session, face, told.append)  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        code = await talk.run()
    return session, face, code, told


async def test_the_phrase_is_the_first_thing_to_see():
    _, face, code, _ = await play([None])
    assert face.rows[0].endswith("Check phrase: maple orbit lantern")
    assert "if theirs differ, somebody is in between" in " ".join(face.rows[:3]).replace("· ", "")
    assert face.prompts == [("session> ", "check phrase: maple orbit lantern")]
    assert face.rows[-1] == "closed"
    assert code is ExitCode.OK


async def test_lines_go_and_come_and_show_whose_they_are():
    session, face, _, told = await play(
        ["hello", "  ", "//slash", None], lambda session: session.hears("hi\x1b]0;you\x07\n21:00 you │ forged")
    )
    assert session.sent == ["hello", "/slash"]
    text = "\n".join(face.rows)
    assert "you │ hello" in text
    assert "you │ /slash" in text
    assert "them │ hi" in text
    assert "\x1b" not in text
    forged = next(row for row in face.rows if "forged" in row)
    assert forged.index("│") < forged.index("21:00"), "it stands where a peer's text stands"
    assert [value["event"] for value in told] == ["text", "ended"]


@pytest.mark.parametrize("word", ["/quit", "/exit now", "/QUIT", "exit"])
async def test_words_that_end_it(word: str):
    session, face, code, _ = await play([word, "not sent"])
    assert session.sent == []
    assert any("The session is over." in row for row in face.rows)
    assert code is ExitCode.OK


async def test_in_a_pipe_exit_is_a_line_like_any_other():
    session, _, _, _ = await play(["exit", None], interactive=False)
    assert session.sent == ["exit"]


async def test_commands_explain_themselves():
    session, face, _, _ = await play(["/help", "/check", "/nonsense of two", None])
    text = "\n".join(face.rows)
    assert "show the check phrase once more" in text
    assert text.count("Check phrase: maple orbit lantern") == 2
    assert "There is no command /nonsense." in text
    assert session.sent == []


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("goodbye", ExitCode.OK),
        ("quiet", ExitCode.OK),
        ("left", ExitCode.NETWORK),
        ("relay-lost", ExitCode.NETWORK),
        ("shutting-down", ExitCode.NETWORK),
        ("broken", ExitCode.UNTRUSTED),
        ("third", ExitCode.UNTRUSTED),
    ],
)
async def test_why_it_ended_is_told_and_is_the_exit_code(code: str, exit_code: ExitCode):
    _, face, found, told = await play([], lambda session: session.ends(code))
    assert found is exit_code
    assert any(f"It ended: {code}." in row for row in face.rows)
    attack = exit_code is ExitCode.UNTRUSTED
    assert any(row.startswith("!") for row in face.rows) is attack
    assert told == [{"event": "ended", "code": code, "sentence": f"It ended: {code}."}]


def test_events_are_data():
    assert event_data(SessionText("x", 5, 2)) == {"event": "text", "text": "x", "sent_at_ms": 5, "number": 2}
    assert event_data(Paired(PHRASE)) == {"event": "paired", "check_phrase": PHRASE}


def test_who_failed_is_told_in_words():
    assert guest_failed("wrong-words", 1).endswith("The code is good for one more.")
    assert guest_failed("malformed", 0) == (
        "Somebody came who did not keep to the rules, and was sent away. The code is no longer good."
    )


def test_tab_completes_the_words_of_a_code_with_hyphens_or_spaces():
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    for typed in ("A3F2B1-maple-orbi", "A3F2B1 maple orbi"):
        found = list(CodeCompleter().get_completions(Document(typed), CompleteEvent()))
        assert [completion.text for completion in found] == ["A3F2B1-maple-orbit"]
        assert found[0].start_position == -len(typed)
    assert list(CodeCompleter().get_completions(Document("A3F2B1"), CompleteEvent())) == []
