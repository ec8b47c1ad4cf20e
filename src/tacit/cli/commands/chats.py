"""``tacit chats``: the chats of this profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@pass_settings
def chats(settings: Settings) -> None:
    """List the chats, the one with the latest line first; with --json one on each line."""
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            found = await me.chats()
        for chat in found:
            out.data(chat, [(("", words.chat_line(chat)),)])
        if not found:
            out.talk("No chats yet: tacit send WHO TEXT begins one.")

    run(settings, work)
