"""``tacit up``: from nothing to a chat that waits for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@click.option("--name", metavar="NAME", help="Your @name, if there is no identity yet; asked for when left out.")
@click.option("--no-passphrase", is_flag=True, help="For a new identity: protect the files on this disk with nothing.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Port of the relay at its first start.  [default: 8765]",
)
@click.option("--host", metavar="ADDRESS", help="Address the relay listens on.  [default: every one]")
@click.option("--public-host", metavar="HOST", help="Name or address for links.  [default: this machine's address]")
@click.pass_context
def up(ctx: click.Context, /, name: str | None, no_passphrase: bool, **serve: object) -> int:
    """Start a relay on this machine, make an identity if there is none, print one link for others, and open the chat.

    Others type tacit join LINK. The relay ends with this command, unless tacit serve runs it.
    """
    from tacit.cli.running import run
    from tacit.cli.settings import load

    settings = load(ctx, serve=serve)
    return run(settings, lambda: _up(settings, name=name, no_passphrase=no_passphrase))


async def _up(settings: Settings, *, name: str | None, no_passphrase: bool) -> int:
    from tacit.cli.home import is_home
    from tacit.cli.identities import ask, create
    from tacit.cli.lines import talk
    from tacit.cli.local_relay import local_relay
    from tacit.cli.output import talk as tell
    from tacit.cli.running import client
    from tacit.cli.standing_invite import with_invite
    from tacit.sdk import Client

    if Client.exists(settings.profile, settings.root) and not is_home(settings):
        note = "This identity lives at another relay, so none is started here."
        async with client(settings) as me:
            return await talk(settings, me, None, greeting=(note,))
    # Questions first: nobody should wait for a relay before they are asked.
    answers = None if is_home(settings) else ask(settings, name=name, no_passphrase=no_passphrase)
    async with local_relay(settings) as relay:
        if answers is not None:
            await create(settings, answers, with_invite(settings, relay.link))
            _move_in(settings)
        async with client(settings, passphrase=answers.passphrase if answers else None) as me:
            link = _show_link(settings, me.contact_link)
            code = await talk(settings, me, None, link=link, greeting=relay.notes)
    if relay.own:
        tell(
            "The relay here has stopped: until it runs again, nobody reaches anybody through it. "
            "tacit serve keeps one running."
        )
    return code


def _move_in(settings: Settings) -> None:
    """Remember that this identity is at home at the relay of this machine."""
    import msgspec

    from tacit.cli.home import load_home, save_home

    home = load_home(settings)
    save_home(settings, msgspec.structs.replace(home, profiles=(*home.profiles, settings.profile)))


def _show_link(settings: Settings, contact_link: str) -> str:
    """Print the one link that others need."""
    from tacit.cli.output import Output
    from tacit.cli.standing_invite import link_for_others

    link = link_for_others(settings, contact_link)
    out = Output(json=settings.json)
    out.code(link)
    out.talk("Send this to whoever should reach you; they type: tacit join LINK")
    out.data({"event": "up", "contact_link": link}, [(("key", link),)])
    return link
