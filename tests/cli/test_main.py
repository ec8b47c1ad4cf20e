"""Help, errors and exit codes, before anything is loaded."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import click
import pytest

from tacit.cli.output import beneath, indented
from tacit.cli.tree import SECTIONS, TREE
from tests.cli.tacit_command import World

HEAVY = (
    "aiohttp",
    "tacit.sdk",
    "tacit.client",
    "tacit.relay",
    "tacit.net",
    "prompt_toolkit",
    "msgspec",
    "cryptography",
)


def commands() -> list[tuple[str, ...]]:
    """Every command, groups and their subcommands."""
    found: list[tuple[str, ...]] = []
    context = click.Context(TREE)
    for name in TREE.list_commands(context):
        command = TREE.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.list_commands(context)]
    return found


def test_help_begins_with_three_examples(world: World) -> None:
    lines = world.ok("--help").out.splitlines()
    usage = next(index for index, line in enumerate(lines) if line.startswith("Usage:"))
    assert sum(line.startswith("tacit ") for line in lines[:usage]) == 3
    assert lines[0].startswith("tacit up")


def test_help_of_everything_loads_nothing_heavy() -> None:
    names = [" ".join(path) for section in SECTIONS.values() for path in [(name,) for name in section]]
    script = (
        "import sys, io, contextlib\n"
        "from tacit.cli.tree import TREE\n"
        f"for name in {['', *names]!r}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        TREE.main([*name.split(), '--help'], prog_name='tacit', standalone_mode=False)\n"
        "    assert 'Usage:' in out.getvalue()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_explains_itself_and_takes_the_shared_options(path: tuple[str, ...]) -> None:
    context = click.Context(TREE)
    command: click.Command | None = TREE
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(context, name)
    assert command is not None
    assert command.help
    options = command.get_help(click.Context(command)).partition("\nOptions:\n")[2].partition("\n\n")[0]
    assert all(line.startswith(("  -", "      ")) for line in options.splitlines())
    names = {option for parameter in command.get_params(context) for option in parameter.opts}
    assert {"--json", "--profile", "--data-dir", "--no-input", "--passphrase-fd", "--passphrase-file"} <= names


def test_nothing_at_all_shows_help_and_is_no_success(world: World) -> None:
    ran = world.tacit()
    assert ran.code == 2
    assert ran.out == ""
    assert "tacit up" in ran.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("snd", "@bob", "hi"), "Did you mean 'send'?"),
        (("group", "inviet"), "Did you mean 'invite'?"),
        (("kick", "ann"), "Did you mean 'room kick'?"),
        (("send",), "Missing argument"),
        (("room", "kick"), "Missing argument 'NICK'"),
        (("send", "@bob", "hi", "--wait", "forever"), "forever"),
        (("join", "http://example.org"), "not a tacit link"),
        (("serve", "--port", "99999"), "99999"),
        (("serve", "--retention", "soon"), "no span of time"),
        (("-P", "../../x", "chats"), "profile name"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_code_2_in_words_and_as_json(
    world: World, args: tuple[str, ...], words: str
) -> None:
    plain = world.tacit(*args)
    assert plain.code == 2
    assert words in plain.err
    assert plain.out == ""
    ran = world.tacit(*args, "--json")
    assert ran.code == 2
    assert set(ran.json["error"]) >= {"code", "sentence", "hint"}
    assert words in ran.json["error"]["sentence"]
    assert ran.err == ""


def test_a_code_in_the_place_of_a_link_and_a_link_in_that_of_a_code_are_told_apart(world: World) -> None:
    code = world.tacit("join", "A3F2B1-maple-orbit-lantern")
    assert (code.code, "tacit session join CODE" in code.err) == (2, True)
    link = world.tacit("session", "join", "tacit://192.0.2.1/#x")
    assert (link.code, "not the code of a session" in link.err) == (2, True)


def test_what_went_wrong_is_broken_at_blanks_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "40")
    texts = ("word " * 12, "", "hint " * 12)
    first, *more = beneath("tacit: ", texts, Tty())
    assert (first, {line[:11] for line in more}) == (
        "tacit: word word word word word word",
        {"       word", "       hint"},
    )
    assert sum(line.count("word") + line.count("hint") for line in [first, *more]) == 24
    assert len(beneath("tacit: ", texts, io.StringIO())) == 2
    assert indented("one two\n  ok   three four", 20) == ["one two", "  ok   three", "       four"]
    assert indented("  ok   three four", 0) == ["  ok   three four"]


def test_shared_options_may_stand_before_or_after_the_command(world: World) -> None:
    before = world.tacit("--json", "-P", "nobody", "chats")
    after = world.tacit("chats", "-P", "nobody", "--json")
    assert before == after
    assert before.code == 7
    assert before.json["error"]["code"] == "no-such-profile"


def test_version_and_completion(world: World) -> None:
    assert world.ok("--version").out.startswith("tacit, version ")
    assert world.ok("--version", "--json").json.keys() == world.ok("--json", "--version").json.keys() == {"version"}
    for shell in ("bash", "zsh", "fish"):
        assert "_TACIT_COMPLETE" in world.ok("completion", shell).out
    done = world.tacit(_TACIT_COMPLETE="bash_complete", COMP_WORDS="tacit hist", COMP_CWORD="1")
    assert "plain,history" in done.out


def test_output_that_nobody_reads_any_more_is_no_error(world: World) -> None:
    with world.running("--help") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) in (0, -13)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_an_internal_error_is_a_sentence_and_its_traceback_is_for_the_log(world: World) -> None:
    log = world.folder / "log"
    script = (
        "import tacit.cli.commands.chats as c, tacit.cli.main as m, sys\n"
        "from tacit.cli import running\n"
        "running.client = lambda *a, **k: 1 / 0\n"
        f"m.main(['chats', '--json', '-vv', '--log-file', {str(log)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=world.env, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "internal"
    assert done.stderr == ""
    assert "ZeroDivisionError" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
