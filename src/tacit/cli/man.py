"""The manual in roff, written from the tree of commands: what --help says, and nothing that it does not.

``tacit(1)`` describes every command; a command with subcommands has a page of its own. Written by ``scripts/man.py``.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Final

import click

import tacit
from tacit.cli.settings import ENVIRONMENT, MEANINGS
from tacit.cli.tree import EXAMPLES, SECTIONS, TREE, shared_options
from tacit.errors import ExitCode

_WIDTH: Final = 72
"""Characters of a line before hyphens and quotation marks are spelled out."""

EXIT_CODES: Final = {
    ExitCode.OK: "done",
    ExitCode.GENERAL: "it failed for another reason; the sentence says which",
    ExitCode.USAGE: "the command line, the configuration or a name makes no sense",
    ExitCode.NETWORK: "the relay cannot be reached, or refuses",
    ExitCode.UNTRUSTED: "somebody or something is not who it should be",
    ExitCode.RATE_LIMITED: "the relay asks for patience; the answer says for how long",
    ExitCode.LOCKED: "the profile is locked: in use, or its passphrase is missing or wrong",
    ExitCode.NOT_FOUND: "nobody and nothing by that name",
    ExitCode.PARTIAL: "done for some and not for others",
    ExitCode.TIMEOUT: "it took longer than it was given",
}
"""What each exit code means, but for those of signals."""

SIGNALS: Final = {
    "129": "the end of its terminal ended it",
    "130": "Ctrl+C ended it",
    "143": "SIGTERM ended it",
}
"""Exit codes of what a signal has ended."""

VARIABLES: Final = {
    "TACIT_CONFIG": "Configuration file instead of the usual ones.",
    "TACIT_PASSPHRASE": "The passphrase of the profile. Other programs of the same user can read it; "
    "--passphrase-fd keeps it closer.",
    "NO_COLOR": "Set to anything, it keeps colours out of the terminal.",
}
"""Variables that are no keys of a configuration file."""

FILES: Final = {
    "~/.config/tacit/config.toml": "The configuration of this user, after /etc/tacit/config.toml. tacit relay init "
    "writes one with every key explained.",
    "~/.local/share/tacit/profiles/NAME/": "One identity: its encrypted store, how its key is made, and a lock.",
    "~/.local/share/tacit/relay/": "The relay of this machine: its key and its database.",
}


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    context = click.Context(TREE, info_name="tacit")
    found = {"tacit.1": _page("tacit", "private chat that you host yourself", _root(context))}
    for name, summary, command in _commands():
        if isinstance(command, click.Group):
            inner = click.Context(command, info_name=name, parent=context)
            found[f"tacit-{name}.1"] = _page(f"tacit-{name}", summary, _group(command, inner))
    return found


def _page(title: str, summary: str, body: Iterator[str]) -> str:
    head = f'.TH {title.upper()} 1 "" "tacit {tacit.__version__}" "tacit manual"'
    lines = ['.\\" Written by scripts/man.py from the tree of commands; change it there.', head]
    return "\n".join([*lines, ".SH NAME", f"{_text(title)} \\- {_text(summary)}", *body]) + "\n"


def _root(context: click.Context) -> Iterator[str]:
    yield from _synopsis(TREE, context)
    yield ".SH DESCRIPTION"
    yield from _paragraphs(TREE.help or "")
    yield ".SH EXAMPLES"
    for line, meaning in EXAMPLES:
        yield from (".TP", f".B {_text(line)}", _text(meaning))
    for title, section in SECTIONS.items():
        yield f'.SH "{_text(title.upper())}"'
        for name, summary in ((name, summary) for name, (_, summary) in section.items()):
            command = TREE.get_command(context, name)
            if isinstance(command, click.Group):
                yield from (".TP", f".B {_text(f'tacit {name}')}", _text(f"{summary}; see"), f".BR tacit\\-{name} (1).")
            elif command is not None:
                yield from _command(command, click.Context(command, info_name=name, parent=context))
    yield '.SH "OPTIONS OF EVERY COMMAND"'
    yield "They may stand before or after the command."
    yield from _options([*shared_options(), *TREE.params], context)
    yield from _table("ENVIRONMENT", _environment(), "Flags win over variables, variables over the configuration file.")
    yield from _table("FILES", FILES, "TACIT_DATA_DIR and --data-dir move the last two.")
    yield from _table("EXIT STATUS", {**{str(int(c)): m for c, m in EXIT_CODES.items()}, **SIGNALS})
    groups = [name for name, _, command in _commands() if isinstance(command, click.Group)]
    yield from _see_also([f"tacit\\-{name}" for name in groups])


def _group(command: click.Group, context: click.Context) -> Iterator[str]:
    yield from _synopsis(command, context)
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.help or "")
    own = [option for option in command.params if not isinstance(option, click.Argument)]
    if own:
        yield ".SH OPTIONS"
        yield from _options(own, context)
    yield ".SH COMMANDS"
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))
    yield "The options of every command are in"
    yield ".BR tacit (1)."
    yield from _see_also(["tacit"])


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """A command as a subsection: how it is typed, what it does, its options."""
    yield f'.SS "{_text(context.command_path)}"'
    yield from _usage(command, context)
    yield from (".PP", *_paragraphs(command.help or ""))
    yield from _options(command.params, context)


def _synopsis(command: click.Command, context: click.Context) -> Iterator[str]:
    yield ".SH SYNOPSIS"
    yield from _usage(command, context)


def _usage(command: click.Command, context: click.Context) -> Iterator[str]:
    pieces = [piece for parameter in command.params for piece in parameter.get_usage_pieces(context)]
    takes_options = any(isinstance(parameter, click.Option) for parameter in command.params)
    rest = ["[OPTIONS]"] * takes_options + pieces
    if isinstance(command, click.Group):
        rest.append("COMMAND" if command.no_args_is_help else "[COMMAND]")
    yield f".B {_text(context.command_path)}"
    if rest:
        yield f".RI {_quoted(' '.join(rest))}"


def _options(parameters: list[click.Parameter], context: click.Context) -> Iterator[str]:
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield from (".TP", f".B {_text(record[0])}", *_filled(record[1]))


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs, filled; one behind the mark that click has for it stays as it stands."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield from (".nf", *(_text(line) for line in paragraph.splitlines()[1:]), ".fi")
        else:
            yield from _filled(paragraph)


def _table(title: str, rows: dict[str, str], note: str = "") -> Iterator[str]:
    yield f'.SH "{title}"'
    if note:
        yield from _filled(note)
    for word, meaning in rows.items():
        yield from (".TP", f".B {_text(word)}", *_filled(meaning))


def _environment() -> dict[str, str]:
    return {**{name: MEANINGS[".".join(key)] for name, key in ENVIRONMENT.items()}, **VARIABLES}


def _see_also(names: list[str]) -> Iterator[str]:
    yield '.SH "SEE ALSO"'
    for name in names:
        yield f".BR {name} (1){',' if name != names[-1] else ''}"


def _commands() -> Iterator[tuple[str, str, click.Command]]:
    context = click.Context(TREE)
    for section in SECTIONS.values():
        for name, (_, summary) in section.items():
            command = TREE.get_command(context, name)
            if command is not None:
                yield name, summary, command


def _filled(text: str) -> list[str]:
    """Text in lines of a length that formatters and reviewers like."""
    return [_text(line) for line in textwrap.wrap(" ".join(text.split()), _WIDTH, break_on_hyphens=False)]


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _text(text: str) -> str:
    """Text as roff shows it: no line of it is a request, hyphens can be copied, quotation marks end nothing."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("~", "\\(ti")
    escaped = escaped.replace("^", "\\(ha").replace("`", "\\(ga").replace("“", "\\(lq").replace("”", "\\(rq")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
