"""A session over a scripted client: what is sent, shown, told and refused."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from tacit.errors import ExitCode, TransportError
from tacit.sdk.types import ChatEvent, Connection, Event, ProblemEvent, RequestEvent
from tacit.ui.layout import Layout
from tacit.ui.line.completer import Names
from tacit.ui.line.deeds import DEEDS
from tacit.ui.line.pipe import PipeFace
from tacit.ui.line.session import Session
from tacit.ui.rows import UNICODE_GLYPHS, Row, plain
from tests.ui.people import BOB, CAROL, DIRECT, TEAM, note
from tests.ui.scripted import REQUEST_CHAT, Scripted


class Paper:
    """A face that keeps what it is shown."""

    interactive = True
    echoes = False
    layout = Layout(100, UNICODE_GLYPHS)

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.prompt = self.status = ""
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def read(self) -> str | None:
        return await self.lines.get()

    def show(self, rows: Sequence[Row]) -> None:
        self.rows += [plain(row) for row in rows]

    def say(self, rows: Sequence[Row]) -> None:
        self.show(rows)

    def event(self, event: Event) -> None: ...

    def refresh(self, prompt: str, status: str) -> None:
        self.prompt, self.status = prompt, status

    def clear(self) -> None:
        self.rows.clear()

    async def close(self) -> None: ...

    def saw(self, words: str) -> bool:
        return any(words in row for row in self.rows)


class Desk:
    """A session that runs beside the test."""

    def __init__(self, me: Scripted, face: Paper, session: Session) -> None:
        self.me, self.face, self.session = me, face, session

    async def type(self, line: str) -> None:
        await self.session.handle(line)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110 - what is waited for happens in this loop
                await asyncio.sleep(0)

    async def sees(self, words: str) -> None:
        await self.until(lambda: self.face.saw(words))


@asynccontextmanager
async def desk(*, chat: bool = True, me: Scripted | None = None) -> AsyncIterator[Desk]:
    me, face, names = me or Scripted(), Paper(), Names()
    session = Session(me.as_client, face, names, DEEDS)
    await session.begin()
    if chat:
        await session.open(DIRECT)
    running = asyncio.create_task(session.run())
    try:
        yield Desk(me, face, session)
    finally:
        face.lines.put_nowait(None)
        await running


async def test_text_is_sent_and_shown_once_and_its_state_is_quiet() -> None:
    async with desk() as at:
        await at.type("hello")
        await at.sees("you │ hello")
        (sent,) = at.me.lines
        at.me.progress(sent.id, "delivered")
        await at.until(lambda: "✓✓ delivered" in at.face.status)
        assert sum("hello" in row for row in at.face.rows) == 1
        assert at.face.prompt == "@bob> "


async def test_what_a_peer_writes_is_shown_and_marked_as_read() -> None:
    async with desk() as at:
        heard = at.me.hear("hi alice")
        await at.sees("@bob │ hi alice")
        await at.until(lambda: (DIRECT.id, heard.row) in at.me.read)


async def test_lines_of_other_chats_are_told_and_not_shown_or_marked_as_read() -> None:
    async with desk() as at:
        at.me.hear("secret plan", chat=TEAM.id)
        at.me.hear("second", chat=TEAM.id)
        await at.sees("Something new in “team”: /open team")
        at.me.hear("here")
        await at.sees("│ here")
        assert not at.face.saw("secret plan")
        assert sum("Something new" in row for row in at.face.rows) == 1
        assert all(chat == DIRECT.id for chat, _ in at.me.read)
        await at.type("/open team")
        await at.sees("│ secret plan")
        assert at.face.prompt == "team> "


async def test_history_and_new_lines_do_not_double() -> None:
    me = Scripted()
    me.hear("before")
    async with desk(me=me) as at:
        me.hear("after")
        await at.sees("│ after")
        assert [row.rpartition("│ ")[2] for row in at.face.rows if "│" in row] == ["before", "after"]


async def test_unread_lines_come_after_a_mark() -> None:
    me = Scripted(chats=(dataclasses.replace(DIRECT, unread=1), TEAM))
    me.lines = []
    me.hear("old")
    me.hear("fresh")
    async with desk(chat=False, me=me) as at:
        await at.session.close_chat()
        await at.session.open(me.all_chats[DIRECT.id])
        old, mark, fresh = [row for row in at.face.rows if "│" in row or " new " in row]
        assert old.endswith("│ old")
        assert " new " in mark
        assert fresh.endswith("│ fresh")


async def test_notices_hide_no_unread_line() -> None:
    me = Scripted(chats=(dataclasses.replace(DIRECT, unread=2), TEAM))
    me.lines = []
    me.hear("old")
    for body in ("fresh", "fresher"):
        me.hear(body)
        me.lines += [note(100 + number, "renamed", by=BOB, name="x") for number in range(30)]
    async with desk(chat=False, me=me) as at:
        await at.session.open(me.all_chats[DIRECT.id])
        shown = [row for row in at.face.rows if "│" in row or " new " in row]
        assert [row.rpartition("│ ")[2].strip(" ─") for row in shown[-3:]] == ["new", "fresh", "fresher"]
        at.face.clear()
        await at.type("/history 50")
        assert at.face.saw("│ fresher")
        assert not at.face.saw(" new ")


@pytest.mark.parametrize("answer", ["y", "/accept", "/accept @carol", "YES"])
async def test_a_request_is_one_line_and_a_yes_enters_the_chat(answer: str) -> None:
    async with desk(chat=False) as at:
        at.me.happen(RequestEvent(REQUEST_CHAT, CAROL))
        await at.sees("wants to talk to you")
        if answer == "/accept @carol":
            answer = f"/accept {REQUEST_CHAT.id}"
        await at.type(answer)
        assert ("accept", REQUEST_CHAT.id) in at.me.calls
        assert at.session.chat is not None
        assert at.session.asking == []


async def test_in_a_chat_y_is_text_even_while_somebody_asks() -> None:
    async with desk() as at:
        at.me.happen(RequestEvent(REQUEST_CHAT, CAROL))
        await at.sees("/accept or /refuse answers")
        await at.type("y")
        await at.sees("you │ y")
        assert not at.me.calls


async def test_a_request_that_is_open_is_answered_there() -> None:
    for answer, left in (("y", False), ("n", True), ("/accept", False)):
        me = Scripted()
        me.waiting = {REQUEST_CHAT.id: REQUEST_CHAT, "other": dataclasses.replace(REQUEST_CHAT, id="other")}
        async with desk(chat=False, me=me) as at:
            await at.session.open(REQUEST_CHAT)
            assert at.face.saw("This is a request: y accepts, n refuses.")
            assert not at.face.saw("/verify")
            await at.type(answer)
            assert [asked for _, asked in at.me.calls] == [REQUEST_CHAT.id]
            assert (at.session.chat is None) is left
            assert not at.face.saw("already")


async def test_a_command_without_its_slash_is_sent_and_told() -> None:
    async with desk() as at:
        await at.type("Help")
        assert at.face.saw("The command is /help.")
        await at.type("help me")
        assert [line.text for line in at.me.lines] == ["Help", "help me"]
        assert sum("The command is" in row for row in at.face.rows) == 1


async def test_a_long_message_is_cut_until_all_of_it_is_asked_for() -> None:
    async with desk() as at:
        at.me.hear("\n".join(f"row {number}" for number in range(70)))
        await at.sees("10 more rows: /history with a number shows all")
        assert not at.face.saw("row 69")
        await at.type("/history 1")
        assert at.face.saw("row 69")


async def test_a_request_can_be_refused() -> None:
    async with desk(chat=False) as at:
        at.me.happen(RequestEvent(REQUEST_CHAT, CAROL))
        await at.sees("wants to talk")
        await at.type("n")
        assert at.me.calls == [("refuse", REQUEST_CHAT.id)]


async def test_in_no_chat_the_first_message_opens_its_chat_but_not_over_a_question() -> None:
    async with desk(chat=False) as at:
        at.me.happen(RequestEvent(REQUEST_CHAT, CAROL))
        await at.sees("wants to talk")
        at.me.hear("psst")
        await at.sees("Something new in @bob")
        assert at.session.chat is None
    async with desk(chat=False) as at:
        at.me.hear("psst")
        await at.sees("@bob │ psst")
        assert at.face.prompt == "@bob> "


async def test_an_unknown_command_is_refused_and_not_sent() -> None:
    async with desk() as at:
        await at.type("/invte bob")
        assert at.face.saw("! There is no command /invte. Did you mean /invite?")
        await at.type("//invte")
        await at.sees("you │ /invte")
        assert len(at.me.lines) == 1


async def test_text_in_no_chat_goes_nowhere() -> None:
    async with desk(chat=False) as at:
        await at.type("hello?")
        assert at.face.saw("! Nobody is here to read that")
        assert at.me.lines == []


async def test_the_connection_is_told_once_with_reason_and_counts_down() -> None:
    async with desk() as at:
        gone = Connection("offline", "connection-refused", "Nothing answers at that address and port.", 8)
        at.me.happen(gone)
        await at.sees("! Nothing answers at that address and port. Next try in 8 s.")
        at.me.happen(dataclasses.replace(gone, retry_in_s=16))
        await at.until(lambda: "next try in 16 s" in at.face.status)
        at.me.happen(Connection("connecting"))
        at.me.happen(Connection("online"))
        await at.sees("· Connected to the relay.")
        assert sum("Nothing answers" in row for row in at.face.rows) == 1


async def test_what_goes_wrong_is_said_with_its_hint_and_the_session_goes_on() -> None:
    class Nope(TransportError):
        """The relay is away."""

        hint = "Wait."

    async with desk() as at:
        at.me.fails = Nope()
        await at.type("hello")
        assert at.face.saw("! The relay is away")
        assert at.face.saw("· Wait.")
        at.me.happen(ProblemEvent("welcome-invalid", "An invitation could not be opened.", "Ask again."))
        await at.sees("! An invitation could not be opened.")
        at.me.fails = None
        await at.type("hello again")
        await at.sees("you │ hello again")


async def test_group_commands_reach_the_client() -> None:
    async with desk() as at:
        await at.type("/invite bob")
        assert at.face.saw("! This works in a group")
        await at.type('/create "my team" @bob')
        await at.type("/invite @carol")
        await at.type("/remove @bob")
        await at.type("/rename our team")
        await at.type("/leave")
        assert [call for call in at.me.calls if call[0] != "open_direct"] == [
            ("create_group", "my team", "@bob"),
            ("invite", "group:new", "@carol"),
            ("remove", "group:new", "@bob"),
            ("rename", "group:new", "our team"),
            ("leave", "group:new"),
        ]


async def test_verifying_by_digits_and_by_word() -> None:
    async with desk() as at:
        await at.type("/safety")
        assert at.face.saw("12345  12345  12345  12345")
        await at.type("/verify 12345 00000")
        assert at.face.saw("! The safety numbers differ")
        assert not at.me.people[BOB.id].verified
        await at.type("/verify " + " ".join(["12345"] * 12))
        assert at.me.people[BOB.id].verified
        assert at.face.saw("is verified")


async def test_every_command_answers_something() -> None:
    for line in ("/help", "/help msg", "/status", "/link", "/chats", "/users", "/who", "/who @bob", "/contacts"):
        async with desk() as at:
            before = len(at.face.rows)
            await at.type(line)
            assert len(at.face.rows) > before, line
    async with desk() as at:
        for line in ("/receipts off", "/call @bob Bobby", "/block @bob", "/unblock @bob", "/requests", "/history 5"):
            before = len(at.face.rows)
            await at.type(line)
            assert len(at.face.rows) > before or line == "/history 5", line
        assert at.me.receipts is False
        assert at.me.people[BOB.id].name == "Bobby"


async def test_notices_have_their_own_glyph_and_alarms_another() -> None:
    async with desk() as at:
        for row, code in enumerate(("joined", "fork"), start=1):
            message = note(row, code, by=BOB, who=(CAROL,))
            at.me.lines.append(message)
            from tacit.sdk.types import MessageEvent

            at.me._queue.put_nowait(MessageEvent(message))
        await at.sees("● Carol from work joined.")
        await at.sees("▲ @bob and you do not see the same")


async def test_a_chat_that_changes_keeps_prompt_and_members_current() -> None:
    async with desk() as at:
        await at.type("/open team")
        smaller = dataclasses.replace(TEAM, title="lunch", members=TEAM.members[:2])
        at.me.all_chats[TEAM.id] = smaller
        at.me.happen(ChatEvent(smaller))
        await at.until(lambda: at.face.prompt == "lunch> ")
        assert "2 members" in at.face.status


async def test_exit_ends_and_says_what_still_waits() -> None:
    me, face = Scripted(), Paper()
    session = Session(me.as_client, face, Names(), DEEDS)
    await session.begin()
    await session.open(DIRECT)
    face.lines.put_nowait("hello")
    face.lines.put_nowait("exit")
    assert await session.run() == ExitCode.OK
    assert face.saw("1 message waits here")


async def test_a_failure_while_following_events_ends_the_session_loudly() -> None:
    class Broken(Scripted):
        async def mark_read(self, target: str, row: int | None = None) -> None:
            raise RuntimeError("disk on fire")

    me, face = Broken(), Paper()
    session = Session(me.as_client, face, Names(), DEEDS)
    await session.begin()
    await session.open(DIRECT)
    me.hear("x")
    with pytest.raises(RuntimeError, match="disk on fire"):
        await session.run()


async def test_msg_writes_elsewhere_and_stays_here() -> None:
    async with desk() as at:
        await at.type("/open team")
        await at.type("/msg @bob psst")
        assert at.face.saw("To @bob: waiting here.")
        assert at.face.prompt == "team> "
        assert at.me.lines[-1].chat == DIRECT.id
        await at.type("/msg @bob")
        assert at.face.prompt == "@bob> "


async def test_open_begins_a_chat_with_somebody_new_and_says_what_that_means() -> None:
    async with desk() as at:
        await at.type('/open "Carol from work"')
        assert ("open_direct", "Carol from work") in at.me.calls
        assert at.face.saw("Carol from work is asked to talk to you")
        await at.type("/open nobody")
        assert at.face.saw("! There is nothing by that name: nobody")
        assert at.face.prompt == "Carol from work> "


async def test_going_nowhere_and_looking_around() -> None:
    async with desk() as at:
        await at.type("/open bob")
        assert at.face.saw("You are in the chat @bob already.")
        await at.type("/close")
        assert at.face.prompt == "tacit> "
        for line in ("/history", "/users", "/safety", "/verify", "/leave"):
            before = len(at.face.rows)
            await at.type(line)
            assert at.face.rows[before].startswith("! "), line
        await at.type("/chats")
        assert at.face.saw("· team  (3 members)")
        await at.type("/open bob")
        await at.type("/history many")
        assert at.face.saw("! Type it as /history [LINES]")


async def test_help_on_one_command_and_on_none() -> None:
    async with desk() as at:
        await at.type("/help kick")
        assert at.face.saw("/remove WHO")
        assert at.face.saw("Also: /kick")
        await at.type("/help inviet")
        assert at.face.saw("Did you mean /invite?")


async def test_with_several_requests_one_has_to_be_named() -> None:
    async with desk(chat=False) as at:
        await at.type("/accept")
        assert at.face.saw("! Nobody is asking.")
        for person in (BOB, CAROL):
            chat = dataclasses.replace(REQUEST_CHAT, id=f"direct:{person.name}", invited_by=person)
            at.me.happen(RequestEvent(chat, person))
        await at.until(lambda: len(at.session.asking) == 2)
        assert "2 asking to talk" in at.face.status
        await at.type("y")
        assert at.face.saw("! Say which: @bob and Carol from work.")
        await at.type(f"/accept direct:{CAROL.name}")
        assert [call[0] for call in at.me.calls] == ["accept"]


async def test_digits_in_a_chat_with_somebody_are_compared_for_them() -> None:
    async with desk() as at:
        await at.type("/verify yes")
        assert at.me.people[BOB.id].verified
        before = len(at.face.rows)
        await at.type("/safety @bob")
        assert not any("Compare it" in row for row in at.face.rows[before:])
        await at.type("/open team")
        await at.type('/verify "Carol from work" yes')
        assert at.face.saw("Carol from work is verified")


# ---- without a terminal ----


async def pipe(me: Scripted, lines: str, *, json: bool = False) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    names = Names()
    session = Session(me.as_client, PipeFace(io.StringIO(lines), out, err, json=json), names, DEEDS)
    await session.begin()
    await session.open(DIRECT)
    code = await session.run()
    return code, out.getvalue(), err.getvalue()


async def test_each_line_of_a_pipe_is_sent_and_waited_for() -> None:
    me = Scripted()
    code, out, err = await pipe(me, "one\n\ntwo\r\n//three")
    assert code == 0
    assert [line.text for line in me.lines] == ["one", "two", "/three"]
    assert [call[0] for call in me.calls] == ["wait_for"] * 3
    assert out == ""
    assert err == ""


async def test_a_pipe_that_holds_a_bad_command_ends_with_the_code_of_usage() -> None:
    me = Scripted()
    code, _, err = await pipe(me, "one\n/nonsense\ntwo\n/quit\nnever")
    assert code == ExitCode.USAGE
    assert "There is no command /nonsense" in err
    assert [line.text for line in me.lines] == ["one", "two"]


async def test_a_pipe_that_the_relay_does_not_take_ends_with_its_code() -> None:
    class Away(Scripted):
        async def wait_for(self, message_id: str, state: str, timeout_s: float) -> object:  # type: ignore[override]
            raise TransportError

    code, _, err = await pipe(Away(), "one\n")
    assert code == ExitCode.NETWORK
    assert "1 message waits here" in err


async def test_a_pipe_prints_what_is_unread_plainly_and_as_json() -> None:
    me = Scripted(chats=(dataclasses.replace(DIRECT, unread=1), TEAM))
    me.hear("you there?\x1b[2J")
    out, err = io.StringIO(), io.StringIO()
    session = Session(me.as_client, PipeFace(io.StringIO(""), out, err), Names(), DEEDS)
    await session.begin()
    await session.open(me.all_chats[DIRECT.id])
    await session.run()
    assert "@bob | you there?\\x1b[2J" in out.getvalue()
    assert "\x1b" not in out.getvalue()
