"""``tacit init``: make an identity at a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.errors import BadUsage, IdentityExists
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.identities import Shown
    from tacit.cli.settings import Settings

FURTHER: Final = (
    "If this account is on other machines too: what was there before does not appear here. Whoever begins a chat with "
    "you from now on reaches all of them; for a group from before, an admin has to remove you and invite you again. An "
    "old direct chat stays with one of your machines, so use one of them for those."
)


@click.command(cls=Command)
@click.option("--name", metavar="NAME", help="Your @name at the relay; asked for when left out.")
@click.option("--relay", metavar="LINK", required=True, help="Link of the relay, or of somebody there.")
@click.option("--no-passphrase", is_flag=True, help="Protect the files on this disk with nothing.")
@click.option("--phone", metavar="NUMBER", default="", help="Your number, where the relay asks for one.")
@click.option("--findable", is_flag=True, help="Let people who want it too find you by that number.")
@click.option("--code-fd", type=int, metavar="N", help="Read the code that arrives from this descriptor.")
@click.option("--key", type=click.Choice(["ed25519", "rsa"]), help="Kind of account key to make.  [default: ed25519]")
@click.option("--key-file", type=click.Path(dir_okay=False), help="Use the account key in this PEM file instead.")
@click.option("--key-passphrase-fd", type=int, metavar="N", help="Read that file's passphrase from this descriptor.")
@pass_settings
def init(settings: Settings, name: str | None, relay: str, no_passphrase: bool, **shown: Any) -> None:
    """Make an identity: keys, an encrypted store, and a name at a relay.

    With --key-file and the key of an account that the relay knows already, this machine becomes another device of
    that account, without invitation, number or name.
    """
    from tacit.cli.identities import ask, create
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.cli.standing_invite import link_for_others
    from tacit.identity import parse_link
    from tacit.sdk import Client
    from tacit.ui.layout import link_row
    from tacit.ui.words import YOUR_LINK

    async def work() -> None:
        if Client.exists(settings.profile, settings.root):
            raise IdentityExists
        parse_link(relay)
        proof = _shown(settings, **shown)
        answers = ask(settings, name=name, no_passphrase=no_passphrase, shown=proof)
        await create(settings, answers, relay, proof)
        out = Output(json=settings.json)
        async with client(settings, connect=False, passphrase=answers.passphrase) as me:
            account = await me.account()
            link = link_for_others(settings, me.contact_link)
            value = {"profile": me.profile, "me": me.me, "contact_link": link, "key": account.key}
            out.pairs(value, [("you", me.me.name), ("account", f"{me.me.id} ({account.key})")])
        if not settings.json:
            out.talk(YOUR_LINK)
            out.rows([link_row(link)])
        if shown["key_file"]:
            out.talk(FURTHER)

    run(settings, work)


def _shown(
    settings: Settings,
    *,
    phone: str,
    findable: bool,
    code_fd: int | None,
    key: str | None,
    key_file: str | None,
    key_passphrase_fd: int | None,
) -> Shown:
    from tacit.cli.identities import Shown
    from tacit.cli.proofs import account_file

    if key and key_file:
        raise BadUsage("--key makes a key and --key-file brings one along; give one of them")
    if findable and not phone:
        raise BadUsage("--findable goes with --phone")
    if key_file:
        return Shown(phone, findable, code_fd, account_file(settings, key_file, key_passphrase_fd))
    return Shown(phone, findable, code_fd, "rsa" if key == "rsa" else "ed25519")
