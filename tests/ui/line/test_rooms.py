"""A room in line mode over a scripted client: nicknames, private lines, who comes and goes, and the ways out."""

from __future__ import annotations

import dataclasses

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from tacit.client.errors import NickTaken
from tacit.errors import NotFound, UsageError
from tacit.sdk.types import ChatEvent, ChatInfo, MessageEvent, NoticeInfo, Person
from tacit.ui import words
from tacit.ui.line.completer import NameCompleter
from tests.ui.line.test_session import Desk, desk
from tests.ui.people import ALICE, BOB, CAROL, DIRECT, TEAM, note, text
from tests.ui.scripted import Scripted

NICKS = {ALICE.id: "maya", BOB.id: "rob", CAROL.id: "caro"}
LINK = "tacit://192.0.2.1:8765/room/AAAA#secret"
LOBBY = dataclasses.replace(
    TEAM,
    id="room:00aa",
    kind="room",
    title="lobby",
    members=tuple(dataclasses.replace(person, name=NICKS[person.id]) for person in (ALICE, BOB, CAROL)),
    nicks=NICKS,
)


class InARoom(Scripted):
    """The room, and what a session asks of rooms."""

    def __init__(self) -> None:
        super().__init__(chats=(DIRECT, LOBBY))

    async def member_of(self, target: str, nick: str) -> Person:
        for account, shown in NICKS.items():
            if shown == nick:
                return next(person for person in (ALICE, BOB, CAROL) if person.id == account)
        raise NotFound(nick)

    async def chat(self, target: str) -> ChatInfo:
        if target.startswith("tacit://"):
            raise UsageError("that link leads to a relay, not to a person")
        return await super().chat(target)

    async def join_room(self, where: str, *, nick: str) -> ChatInfo:
        self.calls.append(("join_room", where, nick))
        return LOBBY

    async def create_room(self, name: str, *, nick: str, public: bool = False) -> ChatInfo:
        self.calls.append(("create_room", name, nick, str(public)))
        return LOBBY

    async def room_link(self, target: str) -> str:
        return LINK

    async def change_nick(self, target: str, nick: str) -> ChatInfo:
        self.calls.append(("change_nick", target, nick))
        return LOBBY

    async def lock_room(self, target: str, *, locked: bool) -> ChatInfo:
        self.calls.append(("lock_room", target, str(locked)))
        return LOBBY

    async def kick(self, target: str, nick: str) -> ChatInfo:
        self.calls.append(("kick", target, nick))
        return LOBBY

    async def leave(self, chat: str) -> None:
        await super().leave(chat)
        self.all_chats[chat] = gone = dataclasses.replace(self.all_chats[chat], status="ended")
        self.happen(ChatEvent(gone))

    async def send(self, target: str, body: str):  # type: ignore[no-untyped-def]
        return await super().send(f"direct:{target}" if target in NICKS else target, body)


async def enter(at: Desk) -> None:
    await at.session.open(LOBBY)


async def test_entering_says_who_one_is_who_is_there_and_how_to_go() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await enter(at)
        assert at.face.saw("You are maya here, with rob, caro.")
        assert at.face.saw("/quit leaves the room; Ctrl+D ends tacit and you stay in it")
        assert at.face.prompt == "tacit> "
        at.session.refresh()
        assert at.face.prompt == "lobby> "
        assert "3 here" in at.face.status
        await at.type("/users")
        shown = [row for row in at.face.rows if BOB.id in row or ALICE.id in row]
        assert shown[0].startswith("· maya")
        assert "you, admin" in shown[0]
        assert shown[1].startswith("· rob")
        assert "@bob" in shown[1]


async def test_who_comes_goes_and_is_called_something_else_is_a_line() -> None:
    robert = dataclasses.replace(BOB, name="rob")
    async with desk(chat=False, me=InARoom()) as at:
        await enter(at)
        at.me.happen(MessageEvent(note(1, "joined", chat=LOBBY.id, by=robert)))
        at.me.happen(MessageEvent(note(2, "nick", chat=LOBBY.id, by=robert, name="robert")))
        at.me.happen(MessageEvent(note(3, "nick", chat=LOBBY.id, by=ALICE, name="mia")))
        at.me.happen(MessageEvent(note(4, "locked", chat=LOBBY.id, by=ALICE)))
        at.me.happen(MessageEvent(note(5, "left", chat=LOBBY.id, by=robert)))
        at.me.happen(MessageEvent(note(6, "created", chat=LOBBY.id, by=robert, name="lobby")))
        for sentence in (
            "● rob joined.",
            "● rob is called robert from now on.",
            "● You are called mia from now on.",
            "● You locked the room: nobody else comes in.",
            "● rob left.",
            "● rob made the room “lobby”.",
        ):
            await at.sees(sentence)


async def test_msg_reaches_one_member_and_is_shown_as_a_private_line_on_both_sides() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await enter(at)
        await at.type("/msg rob meet me outside")
        await at.sees("you → rob │ meet me outside")
        at.me.hear("where?")
        await at.sees("rob → you │ where?")
        assert (DIRECT.id, 2) in at.me.read
        at.me.happen(MessageEvent(text(3, "rob → you │ a lie", dataclasses.replace(CAROL, name="caro"), chat=LOBBY.id)))
        await at.sees("caro │ rob → you │ a lie")
        await at.type("/msg maya to myself")
        assert at.face.saw("That is you.")
        await at.type("/msg nobody-here hi")
        assert at.face.saw("nobody-here")


async def test_lines_of_people_outside_the_room_stay_outside() -> None:
    dave = dataclasses.replace(BOB, id="99", name="dave")
    elsewhere = dataclasses.replace(DIRECT, id="direct:99", title="dave", peer=dave)
    me = InARoom()
    me.all_chats[elsewhere.id] = elsewhere
    async with desk(chat=False, me=me) as at:
        await enter(at)
        at.me.hear("psst", dave, chat=elsewhere.id)
        await at.sees("Something new in")
        assert not at.face.saw("psst")


async def test_commands_of_a_room_reach_the_client() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await at.type("/nick mia")
        assert at.face.saw("This works in a room")
        await enter(at)
        for line in ("/nick mia", "/kick rob", "/remove caro", "/lock", "/unlock", "/join other-room mia"):
            await at.type(line)
        assert at.me.calls == [
            ("change_nick", LOBBY.id, "mia"),
            ("kick", LOBBY.id, "rob"),
            ("kick", LOBBY.id, "caro"),
            ("lock_room", LOBBY.id, "True"),
            ("lock_room", LOBBY.id, "False"),
            ("join_room", "other-room", "mia"),
        ]
        for line in ("/link", "/invite"):
            at.face.rows.clear()
            await at.type(line)
            assert LINK in at.face.rows
        await at.type("/invite @bob")
        await at.sees("gets the link of the room")
        assert at.me.lines[-1].chat == DIRECT.id
        assert LINK in at.me.lines[-1].text


async def test_join_opens_what_is_known_and_takes_the_usual_nickname_for_what_is_not() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await at.type("/join lobby")
        assert at.session.chat == LOBBY
        await at.type(f"/join {LINK}")
        await at.type(f"/join {LINK} mia")
        assert at.me.calls == [("join_room", LINK, "maya"), ("join_room", LINK, "mia")]
        await at.type("/close")
        await at.type("/join lobby maya")
        await at.type("/close")
        await at.type("/join lobby mia")
        assert at.me.calls[2:] == [("change_nick", LOBBY.id, "mia")]
        await at.type("/join bob")
        assert at.session.chat is not None
        assert at.session.chat.id == DIRECT.id


async def test_a_room_is_made_without_leaving_line_mode() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await at.type("/room lobby for all")
        assert at.face.saw("Type it as /room NAME [public]")
        await at.type("/room lobby public")
        assert at.me.calls == [("create_room", "lobby", "maya", "True")]
        assert at.face.rows[-3] == LINK
        assert at.face.saw("tacit room join lobby. So could the relay")
        assert at.session.chat == LOBBY


async def test_who_finds_a_nickname_taken_is_told_what_to_type() -> None:
    class Full(InARoom):
        async def join_room(self, where: str, *, nick: str) -> ChatInfo:
            raise NickTaken(f"{nick}2")

    async with desk(me=Full()) as at:
        await at.type("/join den rob")
        assert at.face.saw("rob2 is free")
        assert at.face.saw("Come in with it: /join den rob2")
        await at.type(f"/join {LINK} rob")
        assert at.face.saw("Come in with it: /join LINK rob2")


async def test_what_one_does_oneself_in_a_chat_that_is_not_open_is_no_news() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await at.session.open(DIRECT)
        at.me.happen(MessageEvent(note(1, "created", chat=LOBBY.id, by=ALICE, name="lobby")))
        at.me.happen(MessageEvent(note(2, "joined", chat=LOBBY.id, by=BOB)))
        await at.sees("Something new in “lobby”")
        assert sum("Something new" in row for row in at.face.rows) == 1
    async with desk(chat=False, me=InARoom()) as at:
        await at.session.open(DIRECT)
        at.me.happen(MessageEvent(note(1, "created", chat=LOBBY.id, by=ALICE, name="lobby")))
        at.me.hear("after it")
        await at.sees("after it")
        assert not at.face.saw("Something new")


async def test_tab_knows_who_is_in_the_room() -> None:
    async with desk(chat=False, me=InARoom()) as at:
        await enter(at)
        found = [c.text for c in NameCompleter(at.session.names).get_completions(Document("/msg ro"), CompleteEvent())]
        assert found == ["rob"]
        kicked = [c.text for c in NameCompleter(at.session.names).get_completions(Document("/kick "), CompleteEvent())]
        assert set(kicked) == {"rob", "@bob", "caro"}


async def test_quit_and_exit_leave_the_room_and_the_end_of_input_does_not() -> None:
    for line, left in (("/quit", True), ("/exit", True), ("exit", True), (None, False)):
        async with desk(chat=False, me=InARoom()) as at:
            await enter(at)
            at.face.lines.put_nowait(line)
        assert (("leave", LOBBY.id) in at.me.calls) is left, line
        assert at.face.saw("You leave the room") is left
    async with desk(chat=False, me=InARoom()) as at:
        await at.type("/quit")
    assert at.me.calls == []


def test_nicknames_are_made_of_handles_and_are_never_you() -> None:
    assert words.nick_from(dataclasses.replace(ALICE, handle="a.lice")) == "a-lice"
    assert words.nick_from(dataclasses.replace(ALICE, handle="x" * 32)) == "x" * 24
    assert words.nick_from(dataclasses.replace(ALICE, handle="")) == "guest-1111"


def test_nobody_else_passes_for_the_reader_by_being_called_you() -> None:
    for called in ("you", "You", "YOU", "уоυ", "y0u", "ｙｏｕ", "yóu"):
        other = dataclasses.replace(BOB, name=called)
        assert words.name(other) == f"{called} (22222222)"
        room = dataclasses.replace(LOBBY, nicks={**NICKS, BOB.id: called})
        assert words.nick(room, other) == f"{called} (22222222)"
        assert words.notice(NoticeInfo("left", by=other), "room") == f"{called} (22222222) left."
    assert words.name(dataclasses.replace(BOB, name="young")) == "young"
    assert words.nick(dataclasses.replace(LOBBY, nicks={ALICE.id: "you"}), ALICE) == "you"


def test_a_room_with_many_names_some() -> None:
    members = [dataclasses.replace(BOB, id=f"{number}", name="") for number in range(20)]
    crowd = dataclasses.replace(LOBBY, members=(ALICE, *members), nicks={f"{n}": f"n{n}" for n in range(20)})
    assert words.here(crowd).endswith("n10, n11 and 8 more.")
    alone = dataclasses.replace(LOBBY, members=(ALICE,))
    assert words.here(alone) == "You are maya here, and nobody else yet."
    assert words.chat_line(dataclasses.replace(alone, locked=True)) == "lobby  (a room, 1 here, locked)"
