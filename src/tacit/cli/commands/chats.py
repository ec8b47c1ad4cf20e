"""``tacit chats``: the chats of this profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.settings import Settings

_BEGINNINGS: Final = {
    "": "No chats yet: tacit send WHO TEXT begins one.",
    "group": "No groups yet: tacit group create NAME begins one.",
    "room": "No rooms yet: tacit room create NAME begins one.",
}


@click.command(cls=Command)
@pass_settings
def chats(settings: Settings) -> None:
    """List the chats, the one with the latest line first; with --json one per line."""
    print_chats(settings)


def print_chats(settings: Settings, kind: str = "") -> None:
    """Print the chats, or those of one kind."""
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            found = [chat for chat in await me.chats() if kind in ("", chat.kind)]
        for chat in found:
            out.data(chat, [(("", words.chat_line(chat)),)])
        if not found:
            out.talk(_BEGINNINGS[kind])

    run(settings, work)
