from __future__ import annotations

import pytest

from tacit.ui.line.commands import BY_WORD, COMMANDS, Do, Refused, Say, parse, split
from tacit.ui.line.deeds import DEEDS


def test_every_command_is_done_somewhere_and_no_word_means_two() -> None:
    assert set(DEEDS) == {command.name for command in COMMANDS}
    assert len(BY_WORD) == sum(1 + len(command.aliases) for command in COMMANDS)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("hello there", Say("hello there")),
        ("  indented", Say("  indented")),
        ("//etc/passwd", Say("/etc/passwd")),
        ("exit", Do(BY_WORD["quit"], ())),
        ("exit now", Say("exit now")),
        ("/q", Do(BY_WORD["quit"], ())),
        ("/MSG bob hi there, it's me", Do(BY_WORD["msg"], ("bob", "hi there, it's me"))),
        ('/msg "Carol from work" "quoted" text', Do(BY_WORD["msg"], ("Carol from work", '"quoted" text'))),
        ("/open my team", Do(BY_WORD["open"], ("my team",))),
        ('/open "my team"', Do(BY_WORD["open"], ("my team",))),
        ('/create "my team" bob carol', Do(BY_WORD["create"], ("my team", "bob", "carol"))),
        ("/verify bob 12345 67890", Do(BY_WORD["verify"], ("bob", "12345 67890"))),
        ("/invite  bob ", Do(BY_WORD["invite"], ("bob",))),
    ],
)
def test_lines_are_taken_apart(line: str, meant: object) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/invte bob", "Did you mean /invite?"),
        ("/etc/passwd", "begin with // to send a slash"),
        ("/", "There is no command /."),
        ("/msg", "Type it as /msg WHO [TEXT]"),
        ("/leave now", "Type it as /leave"),
        ('/create "my', "quotation mark"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_never_sent(line: str, words: str) -> None:
    refused = parse(line)
    assert isinstance(refused, Refused)
    assert words in refused.sentence


def test_splitting() -> None:
    assert split("", 2) == ()
    assert split("a b c", 2) == ("a", "b c")
    assert split('"a b" c', -1) == ("a b", "c")
    assert split('"a', -1) is None
