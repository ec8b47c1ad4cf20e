"""``tacit chat``: line mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command, names_of

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@click.argument("who", required=False, shell_complete=names_of("anyone"))
@pass_settings
def chat(settings: Settings, who: str | None) -> int:
    """Open the chat with WHO: @name, account ID, contact link, contact or group.

    On a terminal, /help lists the commands. When standard input is a pipe each of its lines is sent, commands work too
    (// sends a slash), what arrives is printed, and the end of the input ends the chat as soon as the relay has
    everything.
    """
    from tacit.cli.lines import talk
    from tacit.cli.running import client, run

    async def work() -> int:
        async with client(settings) as me:
            return await talk(settings, me, who)

    return run(settings, work)
