"""``tacit relay invite``, ``invites`` and ``revoke``: who may come in, and who did."""

from __future__ import annotations

from typing import Final

import click

from tacit.cli.arguments import NEVER, Span
from tacit.cli.relay_asking import ask, relay_settings
from tacit.cli.tree import Command
from tacit.errors import NotFound

_MOST: Final = 2**53
"""More cannot be asked for in JSON; a relay allows far less, and says how much."""


class NeverStarted(NotFound):
    """The relay of this machine has never run, so nobody knows its link yet."""

    code = "never-started"
    hint = "Start it once with tacit serve, or name its folder with --data."


@click.command("invite", cls=Command)
@click.option("--uses", metavar="N", type=int, default=1, show_default=True, help="How many may register with it.")
@click.option(
    "--expires",
    metavar="SPAN",
    type=Span(endless=True),
    default="7d",
    show_default=True,
    help=f"How long it is good for; {NEVER}: for ever.",
)
@click.option("--note", default="", help="What it is for; only you see it.")
@click.pass_context
def invite(ctx: click.Context, uses: int, expires: int | None, note: str) -> None:
    """Make an invitation and print its link, once: what the relay keeps is a hash.

    Where the relay can be reached in several ways, there is a link for each; they carry the same invitation.
    """
    from tacit.cli.home import load_address
    from tacit.cli.output import Output
    from tacit.net.errors import LocalForbidden

    settings = relay_settings(ctx)
    try:
        address = load_address(settings)
    except PermissionError:
        raise LocalForbidden from None
    if address is None:
        raise NeverStarted
    made = ask(settings, "invite", uses=min(uses, _MOST), expires_s=expires, note=note)
    links = [f"{link}.{made['token']}" for link in address.links or (address.link,)]
    out = Output(json=settings.json)
    out.code(links[0])
    out.data({"link": links[0], "links": links, **made["invite"]}, [(("", link),) for link in links])


@click.command("invites", cls=Command)
@click.argument("invite_id", required=False)
@click.pass_context
def invites(ctx: click.Context, invite_id: str | None) -> None:
    """List the invitations, or who came in with one of them; with --json one per line."""
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    if invite_id is not None:
        used_by = ask(settings, "invite-uses", invite=invite_id)["used_by"]
        for use in used_by:
            line = f"{use['account']}  {relay_words.minute(use['used_at'])}  {relay_words.called(use)}"
            out.data(use, [(("", line),)])
        if not used_by:
            out.talk("Nobody who is still here came in with it.")
        return
    found = ask(settings, "invites")["invites"]
    for made in found:
        out.data(made, [(("", relay_words.invite_line(made)),)])
    if not found:
        out.talk("No invitations: tacit relay invite makes one.")


@click.command("revoke", cls=Command)
@click.argument("invite_id")
@click.pass_context
def revoke(ctx: click.Context, invite_id: str) -> None:
    """Make an invitation worthless; whoever came by it stays."""
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    made = ask(settings, "revoke-invite", invite=invite_id)
    Output(json=settings.json).data(made, [(("", relay_words.invite_line(made)),)])
