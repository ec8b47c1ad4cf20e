"""The slash commands as a table, and how a typed line is taken apart. Refuses to do any of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Completion: TypeAlias = Literal["", "person", "chat", "any", "request", "member", "command", "on-off"]


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command."""

    name: str
    aliases: tuple[str, ...]
    usage: str
    """What follows the name: a word in capitals for each argument, brackets where it may be left out."""
    summary: str
    least: int = 0
    """How many arguments it needs."""
    most: int = 0
    """How many words it takes apart; the last one keeps the rest of the line as it stands."""
    completes: tuple[Completion, ...] = ()
    """What each argument names; the last one counts for all further ones."""


COMMANDS: Final = (
    Command("help", ("h", "?"), "[COMMAND]", "show the commands, or one of them", 0, 1, ("command",)),
    Command("msg", ("m",), "WHO [TEXT]", "write to somebody without leaving this chat", 1, 2, ("any",)),
    Command("open", ("o", "chat", "query"), "WHO|GROUP", "go to a chat, or begin one", 1, 1, ("any",)),
    Command("join", ("j",), "LINK|NAME [NICK]", "come into a room, by its link or a public name", 1, 2, ("any",)),
    Command("close", (), "", "go back to where you belong to no chat"),
    Command("chats", ("list", "rooms"), "", "list your chats and rooms"),
    Command("users", ("members", "names"), "", "list who is in this chat"),
    Command("who", ("whois",), "[WHO]", "show who somebody is", 0, 1, ("person",)),
    Command("history", (), "[LINES]", "show earlier lines again", 0, 1),
    Command("create", (), "NAME [WHO ...]", "make a group and invite people", 1, -1, ("", "person")),
    Command("room", (), "NAME [public]", "make a room, which people come into with its link", 1, 2),
    Command("invite", ("add",), "WHO", "add somebody to this group, or send them this room's link", 0, 1, ("person",)),
    Command("remove", ("kick",), "WHO", "remove somebody from this group or room", 1, 1, ("member",)),
    Command("rename", ("topic", "subject"), "NAME", "give this group another name", 1, 1),
    Command("nick", (), "NICK", "be called something else in this room", 1, 1),
    Command("lock", (), "", "let nobody else into this room"),
    Command("unlock", (), "", "let people into this room again"),
    Command("leave", ("part",), "", "leave this group or room"),
    Command("requests", (), "", "list who asks to talk to you"),
    Command("accept", ("a", "y", "yes"), "[WHO]", "say yes to a request", 0, 1, ("request",)),
    Command("refuse", ("decline",), "[WHO]", "say no to a request", 0, 1, ("request",)),
    Command("contacts", ("people",), "", "list the people you know"),
    Command("call", (), "WHO NAME", "call somebody by a name of your own", 2, 2, ("person",)),
    Command("block", ("ignore",), "WHO", "take nothing more from somebody", 1, 1, ("person",)),
    Command("unblock", ("unignore",), "WHO", "undo /block", 1, 1, ("person",)),
    Command("safety", ("fingerprint",), "[WHO]", "show the safety number to compare", 0, 1, ("person",)),
    Command("verify", ("trust",), "[WHO] [DIGITS|yes]", "mark somebody as verified after comparing", 0, 2, ("person",)),
    Command("link", (), "", "show the link of this room, or yours for others, with a QR code"),
    Command("receipts", (), "on|off", "tell others when you have received and read", 1, 1, ("on-off",)),
    Command("status", (), "", "show how everything stands"),
    Command("clear", (), "", "clear the screen"),
    Command("quit", ("q", "exit", "bye"), "", "end; in a room, leave it too"),
)

BY_WORD: Final = {word: command for command in COMMANDS for word in (command.name, *command.aliases)}


@dataclass(frozen=True, slots=True)
class Say:
    """Text to send."""

    text: str


@dataclass(frozen=True, slots=True)
class Do:
    """A command and its arguments."""

    command: Command
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is neither: what is wrong, and what might have been meant."""

    sentence: str


Typed: TypeAlias = Say | Do | Refused


def parse(line: str) -> Typed:
    """Take a typed line apart.

    ``/word`` is a command, a leading ``//`` sends one slash, plain ``exit`` ends; anything else is text.
    """
    stripped = line.strip()
    if stripped == "exit":
        return Do(BY_WORD["quit"], ())
    if stripped.startswith("//"):
        return Say(stripped[1:])
    if not stripped.startswith("/"):
        return Say(line.rstrip())
    word, _, rest = stripped[1:].partition(" ")
    command = BY_WORD.get(word.lower())
    if command is None:
        return Refused(_unknown(word))
    return _arguments(command, rest.strip())


def nearest(word: str) -> Command | None:
    """Return the command whose name or alias is most like ``word``."""
    found = difflib.get_close_matches(word.lower(), [known for known in BY_WORD if len(known) > 1], n=1, cutoff=0.5)
    return BY_WORD[found[0]] if found else None


def usage(command: Command) -> str:
    """Return how a command is typed."""
    return f"/{command.name} {command.usage}".rstrip()


def _unknown(word: str) -> str:
    close = nearest(word)
    meant = f" Did you mean /{close.name}?" if close else ""
    return f"There is no command /{word}.{meant} /help lists them; begin with // to send a slash."


def _arguments(command: Command, rest: str) -> Do | Refused:
    args = split(rest, command.most)
    if args is None:
        return Refused('A quotation mark is missing: "like this".')
    if len(args) < command.least or (command.most == 0 and rest):
        return Refused(f"Type it as {usage(command)}")
    return Do(command, args)


def split(rest: str, most: int) -> tuple[str, ...] | None:
    """Split into at most ``most`` words (-1: any number); quotes hold words together; None if one is left open.

    The last of a limited number of words is the rest of the line, freed of quotes only when they surround all of it.
    """
    args: list[str] = []
    while rest:
        if len(args) == most - 1:
            args.append(rest[1:-1] if len(rest) > 1 and rest[0] == rest[-1] == '"' else rest)
            break
        if rest.startswith('"'):
            word, closed, rest = rest[1:].partition('"')
            if not closed:
                return None
        else:
            word, _, rest = rest.partition(" ")
        args.append(word)
        rest = rest.lstrip()
    return tuple(args)
