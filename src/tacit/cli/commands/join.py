"""``tacit join``: the second person's one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command
from tacit.errors import UsageError

if TYPE_CHECKING:
    from tacit.cli.identities import Shown
    from tacit.cli.settings import Settings
    from tacit.identity import RelayLink


class OtherRelay(UsageError):
    """This identity lives at another relay than the link names."""

    code = "other-relay"
    hint = "Make a second identity for that relay with -P NAME."


@click.command(cls=Command)
@click.argument("link")
@click.option("--name", metavar="NAME", help="Your @name, if there is no identity yet; asked for when left out.")
@click.option(
    "--nick", metavar="NICK", help="With the link of a room: what you are called there; asked for when left out."
)
@click.option("--no-passphrase", is_flag=True, help="For a new identity: protect the files on this disk with nothing.")
@click.option("--phone", metavar="NUMBER", default="", help="Your number, where the relay asks a new identity for one.")
@click.option("--findable", is_flag=True, help="Let people who want it too find you by that number.")
@click.option("--code-fd", type=int, metavar="N", help="Read the code that arrives from this descriptor.")
@pass_settings
def join(settings: Settings, link: str, name: str | None, nick: str | None, no_passphrase: bool, **shown: Any) -> int:
    """Make an identity at the relay of LINK if there is none, and open the chat with whoever sent LINK.

    With the link of a room, come into the room: the same as tacit room join LINK.

    They see that you are there, and nothing more, until they say yes. A second identity on one machine: -P NAME.
    """
    from tacit.cli.identities import Shown
    from tacit.cli.running import run

    place, proof = _place(link), Shown(**shown)
    if place.room_id:
        from tacit.cli.rooms import Newcomer, enter

        newcomer = Newcomer(name=name, no_passphrase=no_passphrase, shown=proof)
        return run(settings, lambda: enter(settings, link, nick, newcomer))
    return run(settings, lambda: _join(settings, place, proof, name=name, no_passphrase=no_passphrase))


def _place(link: str) -> RelayLink:
    """Where a link leads; who has a code instead is told where that goes."""
    from tacit.cli.errors import advise
    from tacit.identity import BadLink, parse_link
    from tacit.identity.pairing_codes import looks_like_code

    try:
        return parse_link(link)
    except BadLink as error:
        if looks_like_code(link):
            advise(error, "It looks like the code of a session: tacit session join CODE")
        raise


async def _join(settings: Settings, place: RelayLink, shown: Shown, *, name: str | None, no_passphrase: bool) -> int:
    from tacit.cli.identities import ask, create
    from tacit.cli.lines import talk
    from tacit.cli.running import client
    from tacit.identity import format_link, parse_link
    from tacit.sdk import Client

    link = format_link(place)
    passphrase = None
    if not Client.exists(settings.profile, settings.root):
        answers = ask(settings, name=name, no_passphrase=no_passphrase, shown=shown)
        await create(settings, answers, link, shown)
        passphrase = answers.passphrase
    async with client(settings, passphrase=passphrase) as me:
        if parse_link(me.contact_link).fingerprint != place.fingerprint:
            raise OtherRelay
        who = link if place.account_id is not None else None
        return await talk(settings, me, who)
