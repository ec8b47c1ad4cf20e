"""``tacit relay rooms`` and ``close-room``: what anybody finds by name."""

from __future__ import annotations

import click

from tacit.cli.relay_asking import ask, confirm, relay_settings
from tacit.cli.tree import Command


@click.command("rooms", cls=Command)
@click.pass_context
def rooms(ctx: click.Context) -> None:
    """List the public rooms; with --json one per line.

    Of other rooms the relay knows no name: who is invited to one has its link.
    """
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    found = ask(settings, "rooms")["rooms"]
    for room in found:
        out.data(room, [(("", relay_words.room_line(room)),)])
    if not found:
        out.talk("No public rooms.")


@click.command("close-room", cls=Command)
@click.argument("room", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def close_room(ctx: click.Context, room: str, yes: bool) -> None:
    """Take the name of the public room NAME away, so that nobody finds it any more.

    Whoever is in it goes on talking, and can still hand its link out. The name is free again. To end the room for
    those in it, shut them out: tacit relay suspend.
    """
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    confirm(settings, f"Take the name {room} away from that room?", yes=yes)
    closed = ask(settings, "close-room", room=room)
    Output(json=settings.json).pairs(closed, [("closed", f"{closed['name']}, free again")])
