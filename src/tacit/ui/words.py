"""The sentences of the terminal face: one place for every word that a person reads there, but for errors and help.

Functions take the SDK's values and return one cleaned line. Names and titles come from others, so each goes through
``clean_line`` here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from tacit.sdk.types import ChatInfo, Connection, MessageStateWord, NoticeInfo, Person, StatusInfo
from tacit.ui.rows import Glyphs
from tacit.ui.text import clean_line

NAME_CELLS: Final = 40
ALARMS: Final = frozenset(
    {"fork", "key-changed", "invalid-commit", "rejected-commit", "behind", "undecryptable", "gap"}
)
"""Notices that must not be overlooked."""

NOTICES: Final = {
    "created": "{by} made the group “{label}”.",
    "created/plain": "{by} began this {place}.",
    "created/room": "{by} made the room “{label}”.",
    "joined": "{who} joined.",
    "joined/you": "{by} added you.",
    "joined/room": "{by} joined.",
    "joined/room/you": "You joined as {label}.",
    "nick": "{by} is called {label} from now on.",
    "nick/you": "You are called {label} from now on.",
    "locked": "{by} locked the room: nobody else comes in.",
    "unlocked": "{by} unlocked the room: its link lets people in again.",
    "added": "{by} added {who}.",
    "removed": "{by} removed {who}.",
    "left": "{person} left.",
    "renamed": "{by} renamed the group to “{label}”.",
    "leave-asked": "{person} asked to leave.",
    "request-accepted": "{person} accepted.",
    "gap": "{missing} missing{because}.",
    "fork": "{by} and you do not see the same conversation: the relay shows different things to different people. "
    "Do not trust it before you know why.",
    "undecryptable": "A message{of} could not be opened{because}. Nothing of it can be shown.",
    "undecryptable/too-many": "More messages could not be opened than are told of one by one. For a while no more are.",
    "invalid-commit/too-many": "More changes were invalid than are told of one by one. For a while no more are.",
    "invalid-commit": "A change of the {place}{of} was invalid and had no effect{because}.",
    "rejected-commit": "{by} tried to change the {place} without the right to; nothing was changed{because}.",
    "key-changed": "{person} shows another key than before. Compare safety numbers before you go on.",
    "behind": "This device cannot follow the {place} any more{because}.",
    "behind/restored": "This profile is an older copy of itself, so it sends nothing here until another member has "
    "changed the keys of the {place}.",
    "behind/own-commit-lost": "This profile is an older copy of itself and has lost a change that it made, so it sends "
    "nothing here until another member has changed the keys of the {place}.",
    "behind/missed-commit": "A change of the {place} never reached this device, so what follows can be neither read "
    "nor sent. Somebody in it can remove and invite you again.",
    "behind/missed-commit/room": "A change of the room never reached this device. It looks for its way back by itself; "
    "what is said until then cannot be read here.",
    "behind/no-way-back": "The others may have gone on where this device cannot follow by itself. Ask somebody in the "
    "room for its link: tacit room join LINK leads you in again.",
    "behind/relay-restored": "The relay was restored from a backup, and the others went on without a change of the "
    "{place} that this device has seen, so what follows can be neither read nor sent. Somebody in it can remove and "
    "invite you again.",
    "behind/log-lost": "The relay does not have this {place} for this device any more, so nothing can be read or sent.",
    "change-failed": "{change} did not go through{because}.",
    "merged-direct": "Both of you began this chat at the same time; it goes on as one.",
    "not-sent": "{unsent} not sent{because}.",
    "account-gone": "The relay says that {who} has no account there any more. What you write here does not reach them.",
    "account-gone/group": "The relay says that {who} has no account there any more. What is written here does not "
    "reach them; they are a member until somebody removes them.",
    "newer-client": "{by} sent something that this version cannot show; an upgrade may help.",
}
"""What happened in a chat, by the notice's code, or by code and reason."""

REASONS: Final = {
    "relay-hole": "the relay has lost or withheld them",
    "relay-damaged": "the relay's disk has spoilt them or had no room for them",
    "relay-went-back": "the relay shows an older state of itself",
    "counter": "they never arrived",
    "newer-client": "it was made by a newer version of tacit",
    "altered": "the relay changed it on the way",
    "disguised": "it came in a way that hides changes",
    "old-epoch": "it was written too long ago",
    "missed-commit": "a change before it is missing",
    "unknown-epoch": "it names keys that the chat does not have yet",
    "ended": "the chat has ended",
    "outsider-refused": "it came from somebody who is not in the chat",
    "outsider": "it came from somebody who is not in the chat",
}

CHANGES: Final = {
    "invite": "The invitation of {who}",
    "remove": "The removal of {who}",
    "rename": "The new name",
    "leave": "Leaving",
    "nick": "The new nickname",
    "lock": "Locking the room",
    "unlock": "Unlocking the room",
}


_LOOK_ALIKES: Final = str.maketrans(
    {**dict.fromkeys("уүγƴ", "y"), **dict.fromkeys("оοօ0", "o"), **dict.fromkeys("υսʋ", "u")}
)
"""Letters of other scripts that look like those of the word you."""

MANY_NICKS: Final = 12
"""People of a room who are named on entering; /users lists them all."""

NICK_QUESTION: Final = "Your nickname in the room: letters, digits, - and _, up to 24."
MAKING_ROOM: Final = "Making the room."
PUBLIC_ROOM: Final = (
    "Everybody at this relay comes in with: tacit room join {name}. So could the relay: it holds the key to the door."
)
WAITING_FOR_ROOM: Final = "Waiting for the relay to let us into the room."
ROOM_LINK: Final = "Others come in with: tacit room join LINK"
YOUR_LINK: Final = "Your link for others:"
LEAVING_ROOM: Final = "You leave the room. To end tacit and stay in it: Ctrl+D."
ASKED: Final = "{name} is asked to talk to you; what you write here is theirs to read once they say yes."
NICK_IS_FREE: Final = "Come in with it: /join {where} {nick}"
SENT_AS_TEXT: Final = "That went out as a line like any other. The command is /{word}."
COMMANDS_WITHOUT_SLASH: Final = frozenset({"help", "quit", "users", "leave", "status"})
"""Lines that were most likely meant as commands; they are sent all the same, for nobody can know."""

WAITING_FOR_RELAY: Final = "Waiting for the relay to take what was written. Ctrl+C stops waiting; it goes out later."


def name(person: Person | None) -> str:
    """What to call a person in a sentence."""
    if person is None:
        return "somebody"
    if person.status == "self":
        return "you"
    return _not_you(clean_line(person.name, NAME_CELLS) or person.id[:8], person)


def typed(person: Person) -> str:
    """A person's name as it is typed in a command."""
    word = name(person)
    return f'"{word}"' if " " in word else word


def names(people: Sequence[Person]) -> str:
    """Several people in a sentence."""
    words = [name(person) for person in people] or ["somebody"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def title(chat: ChatInfo) -> str:
    """What to call a chat."""
    if chat.kind == "direct":
        return name(chat.peer) if chat.peer else clean_line(chat.title, NAME_CELLS)
    return clean_line(chat.title, NAME_CELLS) or chat.id[-8:]


def notice(info: NoticeInfo, kind: str = "group") -> str:
    """A line that no peer wrote, as a sentence."""
    by, who = name(info.by), names(info.who)
    reason = clean_line(info.reason, 160).rstrip(".")
    words = {
        "by": by,
        "who": who,
        "person": who if info.who else by,
        "place": "chat" if kind == "direct" else kind,
        "label": clean_line(info.name, NAME_CELLS),
        "of": f" of {by}" if info.by else "",
        "because": f": {REASONS.get(reason, reason.replace('-', ' '))}" if reason else "",
        "missing": _count(info, "message is", "messages are"),
        "unsent": _count(info, "message was", "messages were"),
        "change": CHANGES.get(info.name, "The change").format(who=who),
        "code": clean_line(info.code, 40).replace("-", " "),
    }
    sentence = NOTICES.get(_notice_key(info, kind, reason), "{code}{because}.").format_map(words)
    is_reader = sentence.startswith("you ") and not sentence.startswith("you (")
    return "You" + sentence[3:] if is_reader else sentence


def state(word: MessageStateWord, glyphs: Glyphs) -> str:
    """How far an own message has come, in two or three words."""
    return {
        "queued": "waiting here",
        "sent": "on its way",
        "relayed": f"{glyphs.sent} on the relay",
        "delivered": f"{glyphs.arrived} delivered",
        "read": f"{glyphs.arrived} read",
        "failed": "not sent",
        "received": "",
    }[word]


def mark(word: MessageStateWord, glyphs: Glyphs) -> str:
    """The same in at most two cells, for history."""
    return {"relayed": glyphs.sent, "delivered": glyphs.arrived, "read": glyphs.arrived, "failed": "x"}.get(word, "")


def connection(event: Connection) -> str:
    """What happened to the connection."""
    if event.state == "online":
        return "Connected to the relay."
    if event.state == "connecting":
        return "Connecting to the relay."
    reason = clean_line(event.sentence, 200).rstrip(".") or "The connection to the relay is gone"
    if not event.retry_in_s:
        return f"{reason}. There will be no other try, and nothing goes out: see tacit status --check."
    return f"{reason}. Next try {in_seconds(event.retry_in_s)}. What you write is kept and goes out later."


def in_seconds(seconds: float) -> str:
    """A short time ahead."""
    return "now" if seconds < 1 else f"in {round(seconds)} s"


def trust(person: Person) -> str:
    """Whether a person's key was compared."""
    return "verified" if person.verified else "not verified"


def request(person: Person, chat: ChatInfo | None = None) -> str:
    """Somebody unknown wants to talk."""
    who = f"{name(person)} ({person.id[:8]})" if person.id[:8] not in person.name else name(person)
    where = ""
    if chat is not None and chat.kind != "direct":
        where = f" in the {chat.kind} “{title(chat)}”" if clean_line(chat.title) else f" in a {chat.kind}"
    return f"{who} wants to talk to you{where}. You see nothing of theirs before you say yes."


def chat_line(chat: ChatInfo) -> str:
    """One chat in a list."""
    about = {"requested": "a request", "active": "", "leaving": "leaving", "ended": "ended"}[chat.status]
    size = members(chat) if chat.kind != "direct" and chat.status == "active" else ""
    kind = "a room" if chat.kind == "room" else ""
    unread = f"{chat.unread} unread" if chat.unread else ""
    facts = ", ".join(fact for fact in (kind, size, about, unread) if fact)
    return f"{title(chat)}  ({facts})" if facts else title(chat)


def members(chat: ChatInfo) -> str:
    """How many are in a group, or in a room, and whether that is locked."""
    if chat.kind == "room":
        return f"{len(chat.members)} here{', locked' if chat.locked else ''}"
    return "1 member" if len(chat.members) == 1 else f"{len(chat.members)} members"


def person_line(person: Person) -> str:
    """One person in a list."""
    handle = f"@{person.handle}" if person.handle else ""
    facts = [fact for fact in ("" if person.name in (handle, person.handle) else handle, person.id) if fact]
    tail = {"blocked": ", blocked", "requested": ", asks to talk", "known": ", met in a group"}.get(person.status, "")
    return f"{clean_line(person.name, NAME_CELLS)}  {'  '.join(facts)}  {trust(person)}{tail}"


def news(chat: ChatInfo) -> str:
    """Something happened in a chat that is not open. Only its members chose a group's title, so it stands in quotes."""
    where = f"“{title(chat)}”" if chat.kind != "direct" else title(chat)
    return f"Something new in {where}: /open {title(chat)}"


def person_facts(person: Person) -> list[tuple[str, str]]:
    """One person, as pairs of label and words."""
    standing = {
        "self": "you",
        "known": "met in a group",
        "requested": "asks to talk",
        "accepted": "you talk",
        "blocked": "blocked",
    }[person.status]
    return [
        ("name", clean_line(person.name)),
        ("handle", f"@{person.handle}" if person.handle else "none"),
        ("account", person.id),
        ("standing", standing),
        *([] if person.status == "self" else [("key", trust(person))]),
    ]


def about(chat: ChatInfo) -> str:
    """What to know on entering a chat."""
    commands = "/help lists the commands."
    if chat.status == "ended":
        return f"This {'chat' if chat.kind == 'direct' else chat.kind} has ended; its history can be read. {commands}"
    if chat.status == "requested":
        return f"This is a request: y accepts, n refuses. You see nothing of theirs before you say yes. {commands}"
    if chat.kind == "room":
        return f"{here(chat)} /quit leaves the room; Ctrl+D ends tacit and you stay in it. {commands}"
    if chat.kind == "group":
        return f"{company(chat)} {commands}"
    if chat.peer is None or chat.peer.verified:
        return f"Verified. {commands}"
    return f"Not verified yet: /verify shows what to compare with {name(chat.peer)}. {commands}"


def company(chat: ChatInfo) -> str:
    """Who is in a group."""
    people = sorted(chat.members, key=lambda person: person.status != "self")
    if len(people) < 2:
        return "Nobody else is here yet: /invite WHO."
    return f"{names(people)}.".replace("you", "You", 1)


def nick(chat: ChatInfo, person: Person | None) -> str:
    """What somebody is called in a room; elsewhere their name."""
    found = clean_line(chat.nicks.get(person.id, "") if person is not None else "", NAME_CELLS)
    if person is None or not found:
        return name(person)
    return found if person.status == "self" else _not_you(found, person)


def own_nick(chat: ChatInfo) -> str:
    """What the owner of this profile is called in a room."""
    return next((nick(chat, person) for person in chat.members if person.status == "self"), "")


def nick_from(person: Person) -> str:
    """A nickname for somebody who has chosen none: their handle, with what nicknames have."""
    word = (person.handle or name(person)).replace(".", "-")
    return word[:24] if word and word != "you" else f"guest-{person.id[:4]}"


def room_invitation(chat: ChatInfo, link: str) -> str:
    """What somebody is sent who is to come into a room."""
    return f"Come into the room “{title(chat)}”: tacit room join {link}"


def here(chat: ChatInfo) -> str:
    """Who is in a room, by nickname, and who one is there oneself."""
    others = [nick(chat, person) for person in chat.members if person.status != "self"]
    more = f" and {len(others) - MANY_NICKS} more" if len(others) > MANY_NICKS else ""
    company = f"with {', '.join(others[:MANY_NICKS])}{more}" if others else "and nobody else yet"
    return f"You are {own_nick(chat)} here, {company}."


def digit_rows(digits: Sequence[str]) -> list[str]:
    """A safety number in rows of four groups."""
    return ["  ".join(digits[index : index + 4]) for index in range(0, len(digits), 4)]


def status_lines(status: StatusInfo) -> list[tuple[str, str]]:
    """How the profile stands, as pairs of label and words."""
    queued = {0: "nothing", 1: "1 message or change"}.get(status.queued, f"{status.queued} messages or changes")
    return [
        ("you", clean_line(status.me.name)),
        ("account", status.me.id),
        ("profile", clean_line(status.profile)),
        ("relay", clean_line(status.relay)),
        ("connection", status.connection),
        ("to go out", queued),
        ("chats", str(status.chats)),
        ("requests", str(status.requests)),
        ("key packages", str(status.key_packages) if status.key_packages >= 0 else "not known"),
        ("receipts", "on" if status.receipts else "off"),
        (
            "store",
            "encrypted, with a passphrase"
            if status.encrypted_at_rest
            else "no passphrase: open to whoever has the files",
        ),
    ]


def _not_you(shown: str, person: Person) -> str:
    """The name of somebody else, never one that passes for the word that stands for the reader."""
    plain = unicodedata.normalize("NFKD", shown).casefold()
    letters = "".join(letter for letter in plain if unicodedata.category(letter) not in ("Mn", "Me"))
    return f"{shown} ({person.id[:8]})" if letters.translate(_LOOK_ALIKES) == "you" else shown


def _notice_key(info: NoticeInfo, kind: str, reason: str) -> str:
    if kind == "room" and info.code in ("joined", "nick"):
        room = "/room" if info.code == "joined" else ""
        return f"{info.code}{room}{'/you' if name(info.by) == 'you' else ''}"
    if info.code == "joined" and (not info.who or name(info.who[0]) == "you"):
        return "joined/you"
    if info.code == "created" and (kind == "direct" or not info.name):
        return "created/plain"
    special = f"{info.code}/{reason or kind}"
    special = f"{special}/{kind}" if f"{special}/{kind}" in NOTICES else special
    return special if special in NOTICES else info.code


def _count(info: NoticeInfo, one: str, many: str) -> str:
    of = f" of {name(info.by)}" if info.by else ""
    noun, _, verb = (one if info.count <= 1 else many).partition(" ")
    return f"{info.count or 'A'} {noun}{of} {verb}"
