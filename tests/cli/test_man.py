"""The manual: every page is what the tree of commands says now, and programs that read manuals find nothing wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest

from tacit.cli.man import EXIT_CODES, pages
from tacit.cli.tree import TREE
from tacit.errors import ExitCode
from tests.cli.tacit_command import World
from tests.ops.needed import needed

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "man"


def test_the_pages_are_what_the_commands_say() -> None:
    written = {page.name: page.read_text("utf-8") for page in MANUAL.glob("*.1")}
    assert written == pages(), "./dev man writes them again"


@pytest.mark.processes
def test_programs_that_read_manuals_find_nothing_wrong() -> None:
    """But for the date: a generated page has none that would be true."""
    mandoc = needed("mandoc", "Debian's mandoc")
    done = subprocess.run([mandoc, "-Tlint", *MANUAL.glob("*.1")], capture_output=True, text=True, check=False)
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []
    assert done.stderr == ""


@pytest.mark.processes
def test_a_page_shows_every_option_and_every_summary_as_typed() -> None:
    mandoc = needed("mandoc", "Debian's mandoc")
    context = click.Context(TREE)
    for name in TREE.list_commands(context):
        command = TREE.get_command(context, name)
        assert command is not None
        page = MANUAL / (f"tacit-{name}.1" if isinstance(command, click.Group) else "tacit.1")
        shown = subprocess.run([mandoc, "-Tutf8", "-O", "width=200", page], capture_output=True, text=True, check=True)
        flat = " ".join(unstruck(shown.stdout).split())
        inner = list(command.commands.values()) if isinstance(command, click.Group) else [command]
        for each in inner:
            for option in (p for p in each.params if isinstance(p, click.Option) and not p.hidden):
                assert option.opts[0] in flat, (name, option)
            assert " ".join((each.help or "").split("\n\n")[0].split()) in flat


def unstruck(text: str) -> str:
    """Without the backspaces that make letters bold or underlined."""
    while "\b" in text:
        at = text.index("\b")
        text = text[: at - 1] + text[at + 1 :]
    return text


def test_every_exit_code_has_its_meaning() -> None:
    assert set(EXIT_CODES) == set(ExitCode)


def test_help_is_the_same_either_way_round(world: World) -> None:
    assert world.ok("help", "group", "invite").out == world.ok("group", "invite", "--help").out
    assert world.ok("help").out == world.ok("--help").out
    wrong = world.tacit("help", "group", "inviet")
    assert (wrong.code, "Did you mean 'invite'?" in wrong.err) == (2, True)
    assert world.tacit("help", "send", "more").code == 2
