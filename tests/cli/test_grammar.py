"""One grammar through all commands: nouns and verbs, names of options, words for arguments, sentences of help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import click
import pytest

from tacit.cli.tree import TREE

ARGUMENTS = {
    "WHO": "somebody or a chat of this profile",
    "NAME": "a chat by its name",
    "NEW_NAME": "another name",
    "ROOM": "a room by its name",
    "NICK": "a nickname in a room",
    "LINK": "a link",
    "WHERE": "a link, or a name that stands for one",
    "CODE": "a code that two people share",
    "TEXT": "what to say",
    "ACCOUNT": "an account of a relay",
    "DEVICE": "a device of the account: its ID, or how that begins",
    "INVITE_ID": "an invitation of a relay",
    "BEGINNING": "the beginning of an account of a relay",
    "FILE": "a file",
    "PATH": "where a file goes",
    "SHELL": "bash, zsh or fish",
    "SWITCH": "on or off",
    "COMMAND": "a command of this program",
}
"""Every word that stands for an argument, with its one meaning."""

LISTS = {"chats", "contacts", "requests", "invites", "users", "devices", "rooms"}
"""Nouns in the plural list; every other command is a verb, a noun with verbs, or shows the one thing that it names."""

Path = tuple[str, ...]


def commands(command: click.Command = TREE, path: Path = ()) -> Iterator[tuple[Path, click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


ALL = dict(commands())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_arguments_bear_known_words(path: Path) -> None:
    arguments = [p for p in ALL[path].params if isinstance(p, click.Argument)]
    words = {(p.metavar or p.name or "").upper().strip("[]") for p in arguments}
    assert words <= set(ARGUMENTS)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_sentences_and_begins_with_what_the_command_does(path: Path) -> None:
    command = ALL[path]
    first = " ".join((command.help or "").split("\n\n")[0].split())
    assert first.endswith((".", "...")) or first.rpartition(". ")[2].startswith(("They type", "With --check"))
    assert first[0].isupper()
    assert first.split()[0] not in ("The", "This", "A", "An", "Prints", "Shows", "Lists", "Makes")
    for option in (p for p in command.params if isinstance(p, click.Option) and not p.hidden):
        assert option.help, option.name
        assert option.help[0].isupper()
        assert option.help.partition("  [")[0].endswith((".", "...")), option.help


@pytest.mark.parametrize("path", [path for path in ALL if isinstance(ALL[path], click.Group)], ids=" ".join)
def test_help_lists_subcommands_with_nothing_cut_off(path: Path) -> None:
    command = ALL[path]
    listed = command.get_help(click.Context(command, info_name=" ".join(path))).rpartition("http://...")[2]
    assert "..." not in listed


def test_what_a_shell_shows_beside_a_command_fits_and_says_enough() -> None:
    for path, command in ALL.items():
        shown = command.get_short_help_str()
        assert len(f"{path[-1]}  -- {shown}") <= 80
        assert not shown.endswith("...") or len(shown) > 45, path


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_values_of_options_have_names_that_say_something(path: Path) -> None:
    context = click.Context(ALL[path])
    for option in (p for p in ALL[path].params if isinstance(p, click.Option) and not p.is_flag):
        shown = option.make_metavar(context)
        assert not shown.startswith(("INTEGER", "FLOAT", "BOOLEAN")), (option.name, shown)


def test_an_option_of_one_name_takes_the_same_everywhere() -> None:
    takes = defaultdict(set)
    for path, command in ALL.items():
        for option in (p for p in command.params if isinstance(p, click.Option)):
            takes[option.opts[-1]].add("" if option.is_flag else option.make_metavar(click.Context(command)))
            assert option.opts[-1].startswith("--"), path
            assert option.opts[-1] == option.opts[-1].lower().replace("_", "-")
    different = {name: shown for name, shown in takes.items() if len(shown) > 1}
    # A choice shows what there is to choose; --registration of serve and others may offer more or less.
    assert {name: shown for name, shown in different.items() if not all(s.startswith("[") for s in shown)} == {}


def test_whoever_can_be_made_can_be_listed() -> None:
    for path, command in ALL.items():
        if isinstance(command, click.Group) and "create" in command.commands and path != ("session",):
            assert "list" in command.commands, path
    assert {
        path[-1] for path in ALL if path[-1].endswith("s") and path[-1] not in ("status", "members", "stats")
    } <= LISTS
