"""``tacit init``: make an identity at a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.errors import IdentityExists
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@click.option("--name", metavar="NAME", help="Your @name at the relay; asked for when left out.")
@click.option("--relay", metavar="LINK", required=True, help="Link of the relay, or of somebody there.")
@click.option("--no-passphrase", is_flag=True, help="Protect the files on this disk with nothing.")
@pass_settings
def init(settings: Settings, name: str | None, relay: str, no_passphrase: bool) -> None:
    """Make an identity: keys, an encrypted store, and a name at a relay."""
    from tacit.cli.identities import ask, create
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.identity import parse_link
    from tacit.sdk import Client

    async def work() -> None:
        if Client.exists(settings.profile, settings.root):
            raise IdentityExists
        parse_link(relay)
        answers = ask(settings, name=name, no_passphrase=no_passphrase)
        await create(settings, answers, relay)
        async with client(settings, connect=False, passphrase=answers.passphrase) as me:
            value = {"profile": me.profile, "me": me.me, "contact_link": me.contact_link}
            rows = [("you", me.me.name), ("account", me.me.id), ("your link for others", me.contact_link)]
            Output(json=settings.json).pairs(value, rows)

    run(settings, work)
