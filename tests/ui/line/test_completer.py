from __future__ import annotations

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from tacit.ui.line.completer import NameCompleter, Names
from tests.ui.people import ALICE, BOB, CAROL, TEAM


def complete(line: str) -> list[str]:
    names = Names(people=(BOB, CAROL), chats=(TEAM,), requests=(), members=(ALICE, BOB))
    found = NameCompleter(names).get_completions(Document(line), CompleteEvent())
    return [line[: len(line) + each.start_position] + each.text for each in found]


def test_commands() -> None:
    assert complete("/inv") == ["/invite"]
    assert "/users" in complete("/")


def test_people_and_chats() -> None:
    assert complete("/msg @b") == ["/msg @bob"]
    assert complete("/invite Ca") == ['/invite "Carol from work"']
    assert complete("/open te") == ["/open team"]
    assert complete('/open "Carol fr') == ['/open "Carol from work"']
    assert complete("/remove @") == ["/remove @bob"]
    assert complete("/create x @b") == ["/create x @bob"]


def test_text_completes_names_after_an_at_sign_and_nothing_else() -> None:
    assert complete("hi @b") == ["hi @bob"]
    assert complete("hi te") == []
    assert complete("/msg @bob hel") == []
    assert complete("/nothing x") == []
