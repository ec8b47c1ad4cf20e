"""What happens in the demo, told as it happens, with what the relay stored beside every message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tacit.cli.demo.evidence import Relay
from tacit.cli.demo.people import PeerFailed, Person

SHOWN_BYTES: Final = 24
TITLE: Final = "hollyhock committee"
FIRST: Final = "the marzipan lighthouse opens at midnight"
ANSWER: Final = "understood, bringing two umbrellas"
BEFORE: Final = "before carol comes: nasturtiums first"
WELCOME: Final = "welcome, dear gardeners"
THURSDAY: Final = "thursday suits the beekeepers"
AWAY: Final = "postponed until the wisteria blooms"
AFTER: Final = "between ourselves: a rhubarb surprise"

SECRETS: Final = (TITLE, FIRST, ANSWER, BEFORE, WELCOME, THURSDAY, AWAY, AFTER)
"""What nobody but the people may know."""

RARE: Final = ("hollyhock", "marzipan", "umbrellas", "nasturtiums", "gardeners", "beekeepers", "wisteria", "rhubarb")
"""A word of each that no program holds by itself."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message, and what the relay kept of it."""

    sender: str
    chat: str
    text: str
    stored_bytes: int
    stored_hex: str
    """The end of the ciphertext."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to hold."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(slots=True)
class Report:
    """What came of the demo."""

    said: list[Said] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Everything held."""
        return bool(self.checks) and all(check.ok for check in self.checks)


class Story:
    """Directs three people and keeps account."""

    def __init__(self, relay: Relay, everybody: list[Person], tell: Callable[[str], None]) -> None:
        self.relay, self.tell = relay, tell
        self.alice, self.bob, self.carol = everybody
        self.report = Report()

    async def play(self) -> None:
        """Play it all. Raises ``PeerFailed`` when somebody cannot do what they should."""
        await self._direct()
        await self._group()
        await self._offline()
        await self._remove()
        self._search("at the end")

    async def _direct(self) -> None:
        self.tell("Alice writes to Bob, whom she has never met. Bob sees a request and says yes.")
        alice, bob = self.alice, self.bob
        await self._say(alice, "@bob", FIRST, hold=[bob], hear=())
        await bob.do("accept")
        await bob.do("hear", chat="@alice", text=FIRST)
        await self._say(bob, "@alice", ANSWER, hold=[alice], hear=[(alice, "@bob")])

    async def _group(self) -> None:
        self.tell("Alice makes a group, invites Bob, and later adds Carol, who says yes.")
        alice, bob, carol = self.alice, self.bob, self.carol
        await alice.do("create-group", title=TITLE, who=["@bob"])
        await self._say(alice, TITLE, BEFORE, hold=[bob], hear=[(bob, TITLE)])
        await alice.do("invite", chat=TITLE, who="@carol")
        await carol.do("accept")
        await self._say(bob, TITLE, WELCOME, hold=[carol], hear=[(alice, TITLE), (carol, TITLE)])
        await self._say(carol, TITLE, THURSDAY, hold=[bob], hear=[(alice, TITLE), (bob, TITLE)])
        texts = await carol.do("texts", chat=TITLE)
        self._check("Carol cannot read what was said before she came", BEFORE not in texts)

    async def _offline(self) -> None:
        self.tell("Bob's machine goes off. Alice writes meanwhile. The relay keeps it until Bob is back.")
        alice, bob, carol = self.alice, self.bob, self.carol
        await bob.go()
        await self._say(alice, TITLE, AWAY, hold=[], hear=[(carol, TITLE)])
        self._search("while a message waits for Bob")
        await bob.come()
        await bob.do("hear", chat=TITLE, text=AWAY)
        texts = await bob.do("texts", chat=TITLE)
        self._check("Bob gets what was said while he was away, once", texts.count(AWAY) == 1)

    async def _remove(self) -> None:
        self.tell("Alice removes Carol.")
        alice, bob, carol = self.alice, self.bob, self.carol
        await alice.do("remove", chat=TITLE, who="@carol")
        await carol.do("notice", chat=TITLE, code="removed")
        await self._say(alice, TITLE, AFTER, hold=[bob], hear=[(bob, TITLE)])
        texts = await carol.do("texts", chat=TITLE)
        self._check("Carol cannot read what is said after she was removed", AFTER not in texts)

    async def _say(self, sender: Person, to: str, text: str, *, hold: list[Person], hear: Any) -> None:
        """Have somebody say something, look at what the relay stored while a reader is held, and see it arrive."""
        known = self.relay.positions()
        with _Held(hold):
            await sender.do("send", to=to, text=text)
            stored = self.relay.newest_message(sender.name, known)
        if stored is None:
            raise PeerFailed("the relay has nothing of a message that somebody has yet to read")
        tail = stored.payload[-SHOWN_BYTES:].hex()
        said = Said(sender.name, to, text, len(stored.payload), tail)
        self.report.said.append(said)
        self.tell(f"  {sender.name} to {to}: “{text}”\n    the relay keeps {len(stored.payload)} bytes: …{tail}")
        if text.encode() in stored.payload:
            self._check("what the relay stored is not what was said", False, text)
        await asyncio.gather(*(person.do("hear", chat=chat, text=text) for person, chat in hear))

    def _search(self, when: str) -> None:
        """Look for every word everywhere, and for a name that the relay does know, to see that looking works."""
        words, relay = [text.encode() for text in (*SECRETS, *RARE)], self.relay
        places = {"files": relay.in_files, "log": relay.in_log, "database": relay.in_database}
        for place, search in places.items():
            found = search(words)
            self._check(f"no word in the relay's {place} {when}", not found, _listed(found))
        self._check(f"the search finds what is in the database {when}", b"alice" in relay.in_database([b"alice"]))
        memory = relay.in_memory(words)
        if memory is None:
            self.tell("  (this machine does not let us look into the memory of another process)")
        else:
            self._check(f"no word in the memory of the relay's process {when}", not memory, _listed(memory))
            self._check(f"the search finds what is in memory {when}", bool(relay.in_memory([b"relay.db"])))

    def _check(self, name: str, ok: bool, detail: str = "") -> None:
        self.report.checks.append(Check(name, ok, detail))
        self.tell(f"  {'ok  ' if ok else 'FAILED'} {name}{f': {detail}' if detail else ''}")


class _Held:
    """Holds several people at once."""

    def __init__(self, held: list[Person]) -> None:
        self._held = [person.held() for person in held]

    def __enter__(self) -> None:
        for held in self._held:
            held.__enter__()

    def __exit__(self, *error: Any) -> None:
        for held in self._held:
            held.__exit__(*error)


def _listed(words: set[bytes]) -> str:
    return ", ".join(sorted(word.decode() for word in words))
