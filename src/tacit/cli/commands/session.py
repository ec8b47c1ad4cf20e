"""``tacit session``: two people, a code, nothing kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Group, names_of

if TYPE_CHECKING:
    from tacit.cli.settings import Settings

_RELAY = click.option(
    "--relay", metavar="LINK", help="The relay to meet at.  [default: the profile's, or this machine's]"
)


@click.group(cls=Group, invoke_without_command=True)
@_RELAY
@click.pass_context
def session(ctx: click.Context, relay: str | None) -> None:
    """Talk to one other person without an account: one creates a session and reads out its code, the other joins.

    Nothing of it is kept, here or at the relay. Both see the same three words as check phrase: compare them. Without
    a subcommand tacit asks which of the two you are.
    """
    if ctx.invoked_subcommand is None:
        ctx.exit(ctx.invoke(_ask, relay=relay))


@pass_settings
def _ask(settings: Settings, relay: str | None) -> int:
    from tacit.cli.running import run
    from tacit.cli.sessions import create_or_join

    return run(settings, lambda: create_or_join(settings, relay))


@session.command("create")
@_RELAY
@pass_settings
def create(settings: Settings, relay: str | None) -> int:
    """Print a code and wait for whoever has it.

    The code is good for ten minutes, and for three who come: read it to nobody else. Ctrl+C ends the session for both.
    With --json, and in a pipe, each line of standard input is sent, and the end of the input ends the session.
    """
    from tacit.cli.running import run
    from tacit.cli.sessions import create as begin

    return run(settings, lambda: begin(settings, relay))


@session.command("join")
@click.argument("code", nargs=-1, shell_complete=names_of("code"))
@_RELAY
@pass_settings
def join(settings: Settings, code: tuple[str, ...], relay: str | None) -> int:
    """Join whoever waits with CODE; it is asked for when left out.

    Capitals do not matter, nor whether hyphens or spaces stand between the words. Ctrl+C ends the session for both.
    """
    from tacit.cli.running import run
    from tacit.cli.sessions import join as go

    return run(settings, lambda: go(settings, " ".join(code) or None, relay))
