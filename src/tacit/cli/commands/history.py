"""``tacit history``: earlier lines of a chat, without asking the relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command, names_of

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@click.argument("who", shell_complete=names_of("anyone"))
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many lines, from the end.",
)
@click.option("--before", type=click.IntRange(min=1), metavar="ROW", help="Only lines before this row of --json.")
@pass_settings
def history(settings: Settings, who: str, limit: int, before: int | None) -> None:
    """Print the last lines of the chat with WHO; with --json one object per line. Marks nothing as read."""
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.ui.layout import Pages

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            chat = await me.chat(who)
            pages = Pages()
            for message in await me.history(chat.id, limit=limit, before_row=before):
                rows = pages.rows(message, out.layout, kind=chat.kind, marks=True)
                out.data(message, rows)

    run(settings, work)
