"""``tacit link``: what others need to reach this account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@pass_settings
def link(settings: Settings) -> None:
    """Print your link for others and, on a terminal, its QR code. They type: tacit join LINK"""
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.cli.standing_invite import link_for_others

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            text = link_for_others(settings, me.contact_link)
            out.code(text)
            out.data({"contact_link": text, "account": me.me.id, "handle": me.me.handle}, [(("", text),)])

    run(settings, work)
