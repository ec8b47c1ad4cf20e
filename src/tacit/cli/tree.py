"""The tree of commands: names and summaries in one table, the code behind them loaded when one is run.

``tacit --help`` shows the table alone. Options that every command shares are declared here once, and may stand before
or after the command's name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click
from click.core import ParameterSource

import tacit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Complete: TypeAlias = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[str]]"]

EXAMPLES: Final = (
    ("tacit up", "begin here: a relay, an identity, a link for others, and the chat"),
    ("tacit join LINK", "answer somebody who sent you a link"),
    ('tacit send @bob "hello"', "send one message, from a script too"),
)

SECTIONS: Final = {
    "Begin": {
        "up": ("up", "start a relay here, make an identity, and wait for people"),
        "join": ("join", "make an identity at somebody's relay and talk to them"),
        "demo": ("demo", "watch three people talk, and what the relay sees of it"),
    },
    "Talk": {
        "chat": ("chat", "open a chat in this terminal, or feed it from a pipe"),
        "send": ("send", "send one message"),
        "listen": ("listen", "print what arrives, as it arrives"),
        "history": ("history", "print earlier lines of a chat"),
        "chats": ("chats", "list the chats"),
        "group": ("group", "make, change and leave groups"),
        "room": ("room", "make open rooms, and come into them with a link and a nickname"),
        "session": ("session", "talk to one person by a code; nothing is kept"),
    },
    "People": {
        "contacts": ("contacts", "list, add, rename and block people"),
        "requests": ("requests", "list who asks to talk"),
        "accept": ("requests", "say yes to a request"),
        "refuse": ("requests", "say no to a request"),
        "verify": ("verify", "compare safety numbers with somebody"),
        "link": ("link", "print your link for others, with a QR code"),
    },
    "This machine": {
        "init": ("init", "make an identity"),
        "account": ("account", "show your account, take its key along, revoke devices"),
        "status": ("status", "show how everything stands"),
        "doctor": ("doctor", "check everything and say what to do"),
        "serve": ("serve", "run a relay"),
        "relay": ("relay", "look after a relay: its people, invitations and data"),
        "completion": ("completion", "print completion for bash, zsh or fish"),
        "help": ("help", "explain a command"),
    },
}

COMPLETE: Final = "_TACIT_COMPLETE"
"""The variable by which a shell asks for completion."""

_FLAGS: Final = "tacit.flags"
_ASIDE: Final = 60
"""Characters of a sentence beside a command's name, where a shell completes it on a screen of 80 columns."""
_WHOLE: Final = 1_000
"""Characters of a sentence in help; no sentence has as many."""


def flags(ctx: click.Context) -> dict[str, Any]:
    """The shared options that were given, wherever they stood."""
    found: dict[str, Any] = ctx.meta.setdefault(_FLAGS, {})
    return found


def _collect(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if option.name and ctx.get_parameter_source(option.name) is not ParameterSource.DEFAULT:
        flags(ctx)[option.name] = value


def _shared(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_collect, **settings)


def names_of(kind: str) -> Complete:
    """Have a parameter completed with names of one kind: see ``completing``, which is loaded when a shell asks."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        completing = importlib.import_module("tacit.cli.completing")
        found: list[CompletionItem[str]] = getattr(completing, f"complete_{kind}")(ctx, parameter, incomplete)
        return found

    return complete


def shared_options() -> list[click.Parameter]:
    """Make the options that every command takes."""
    return [
        _shared(
            "-P",
            "--profile",
            metavar="NAME",
            help="Which identity of this machine to use.",
            shell_complete=names_of("profile"),
        ),
        _shared("--data-dir", type=click.Path(file_okay=False), help="Where everything is kept."),
        _shared("--config", type=click.Path(dir_okay=False), help="Configuration file instead of the usual ones."),
        _shared("--json", is_flag=True, is_eager=True, help="Print data and errors as JSON, one object on a line."),
        _shared("--no-input", is_flag=True, help="Never ask; fail where a question would be."),
        _shared("--passphrase-fd", type=int, metavar="N", help="Read the passphrase from this file descriptor."),
        _shared("--passphrase-file", type=click.Path(dir_okay=False), help="Read the passphrase from this file."),
        _shared("-v", "--verbose", count=True, help="Log to standard error; twice for more."),
        _shared("--log-file", type=click.Path(dir_okay=False), help="Log to this file."),
        _shared("--proxy", metavar="URL", help="Reach relays through this proxy: socks5h://... or http://..."),
    ]


class Command(click.Command):
    """A command that takes the shared options too and shows them apart from its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shared = shared_options()
        self.context_settings = {"help_option_names": ["-h", "--help"], **self.context_settings}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Own parameters, then the shared ones."""
        return [*super().get_params(ctx), *self._shared]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write two lists of options, and subcommands where there are any."""
        _write_options(self, ctx, formatter, self._shared)

    def get_short_help_str(self, limit: int = _ASIDE) -> str:
        """The first sentence, whole or as much as a shell has room for beside the name."""
        return super().get_short_help_str(limit)


class Group(click.Group):
    """A command with subcommands, each of which takes the shared options."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shared = shared_options()
        self.context_settings = {"help_option_names": ["-h", "--help"], **self.context_settings}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Own parameters, then the shared ones."""
        return [*super().get_params(ctx), *self._shared]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write two lists of options, then the subcommands."""
        _write_options(self, ctx, formatter, self._shared)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands with the whole first sentence of each: what is cut off is what tells two apart."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        lines = [(name, found.get_short_help_str(_WHOLE)) for name, found in commands if found and not found.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(lines)

    def get_short_help_str(self, limit: int = _ASIDE) -> str:
        """The first sentence, as a command's."""
        return super().get_short_help_str(limit)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown one is refused with the nearest that exists."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            close = self.nearest(ctx, name)
            meant = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            ctx.fail(f"There is no command {name!r}.{meant}")
        return super().resolve_command(ctx, args)

    def nearest(self, ctx: click.Context, name: str) -> list[str]:
        """What may be meant by the name of a command that is none."""
        import difflib

        return difflib.get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)


class Tree(Group):
    """The root: loads a command's module when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of help."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        for section in SECTIONS.values():
            if cmd_name in section:
                module = importlib.import_module(f"tacit.cli.commands.{section[cmd_name][0]}")
                command: click.Command = getattr(module, cmd_name)
                return command
        return None

    def nearest(self, ctx: click.Context, name: str) -> list[str]:
        """The subcommands of that very name, else the nearest command."""
        groups = ((noun, self.get_command(ctx, noun)) for noun in self.list_commands(ctx))
        inside = [
            f"{noun} {name}" for noun, found in groups if isinstance(found, click.Group) and name in found.commands
        ]
        return inside or super().nearest(ctx, name)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Begin with examples."""
        formatter.write_dl(list(EXAMPLES))
        formatter.write_paragraph()
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands from the table, without loading them."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, summary) for name, (_, summary) in section.items()])


def _version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    if flags(ctx).get("json"):
        from tacit.ui import data

        click.echo(data.line({"version": tacit.__version__}))
    else:
        click.echo(f"tacit, version {tacit.__version__}")
    ctx.exit()


def _write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter, shared: list[click.Parameter]
) -> None:
    # What an argument is stands in the sentences; click would list its bare name.
    own = [
        *(one for one in command.params if isinstance(one, click.Option)),
        *([help_option] if (help_option := command.get_help_option(ctx)) else []),
    ]
    for title, options in (("Options", own), ("Options of every command", shared)):
        records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


TREE: Final = Tree(
    "tacit",
    help="Private chat that you host yourself, end-to-end encrypted.",
    no_args_is_help=True,
)
TREE.params.append(
    click.Option(["--version"], is_flag=True, expose_value=False, callback=_version, help="Show the version.")
)
