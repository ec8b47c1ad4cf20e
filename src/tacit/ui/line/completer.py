"""Tab completion of commands, people and chats, over names that the session keeps up to date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from tacit.sdk.types import ChatInfo, Person
from tacit.ui.line.commands import BY_WORD, COMMANDS
from tacit.ui.text import clean_line


@dataclass(slots=True)
class Names:
    """What can be named at the moment."""

    people: Sequence[Person] = ()
    chats: Sequence[ChatInfo] = ()
    requests: Sequence[ChatInfo] = ()
    members: Sequence[Person] = ()

    def of(self, kind: str) -> list[str]:
        """Return the names of one kind of argument, each as it can be typed."""
        match kind:
            case "person":
                return _people(self.people)
            case "member":
                return _people(self.members)
            case "chat":
                return _titles(self.chats)
            case "any":
                return _people(self.members) + _people(self.people) + _titles(self.chats)
            case "request":
                return _people([chat.invited_by for chat in self.requests if chat.invited_by])
            case "command":
                return [command.name for command in COMMANDS]
            case "on-off":
                return ["on", "off"]
            case _:
                return []


class NameCompleter(Completer):
    """Completes the word before the cursor."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what the word being typed may become."""
        before = document.text_before_cursor
        if not before.startswith("/"):
            word = before.rpartition(" ")[2]
            if word.startswith("@"):
                yield from _matches(word, _people(self.names.members or self.names.people))
            return
        head, blank, rest = before[1:].partition(" ")
        if not blank:
            yield from _matches(head, [command.name for command in COMMANDS])
            return
        command = BY_WORD.get(head.lower())
        if command is None or not command.completes:
            return
        words = [rest] if command.most == 1 else rest.split(" ")
        kind = command.completes[min(len(words), len(command.completes)) - 1]
        if 0 < command.most < len(words):
            return
        yield from _matches(words[-1], self.names.of(kind))


def _matches(start: str, words: Iterable[str]) -> Iterable[Completion]:
    for word in dict.fromkeys(words):
        if word.lower().lstrip('"').startswith(start.lower().lstrip('"')):
            yield Completion(word, start_position=-len(start))


def _people(people: Iterable[Person]) -> list[str]:
    words: list[str] = []
    for person in people:
        if person.status == "self":
            continue
        words.append(_typed(person.name))
        if person.handle:
            words.append(f"@{person.handle}")
    return words


def _titles(chats: Iterable[ChatInfo]) -> list[str]:
    return [_typed(chat.title) for chat in chats if chat.kind != "direct"]


def _typed(name: str) -> str:
    line = clean_line(name)
    return f'"{line}"' if " " in line else line
