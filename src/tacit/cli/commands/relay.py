"""``tacit relay``: what the operator of a relay does besides running it."""

from __future__ import annotations

from typing import Final

import click

from tacit.cli.commands.relay_backups import backup, doctor, restore
from tacit.cli.commands.relay_config import check_config, init
from tacit.cli.commands.relay_invites import invite, invites, revoke
from tacit.cli.commands.relay_people import delete, devices, inspect, resume, suspend, users
from tacit.cli.commands.relay_rooms import close_room, rooms
from tacit.cli.commands.relay_upkeep import drain, gc, stats
from tacit.cli.tree import Group

SECTIONS: Final = {
    "Set up": (
        (init, "write a commented configuration file"),
        (check_config, "explain every mistake in a configuration file"),
    ),
    "Let people in": (
        (invite, "make an invitation and print its link"),
        (invites, "list the invitations, or who used one"),
        (revoke, "make an invitation worthless"),
    ),
    "People": (
        (users, "list the accounts"),
        (devices, "list the devices of an account, or shut one out"),
        (suspend, "shut an account out until it is resumed"),
        (resume, "let a suspended account in again"),
        (delete, "delete an account"),
        (rooms, "list the public rooms"),
        (close_room, "take the name of a public room away"),
    ),
    "The relay": (
        (stats, "show on one page how it stands"),
        (inspect, "print what it keeps, why and for how long"),
        (gc, "drop now what is past its time"),
        (drain, "send everybody away and end"),
    ),
    "Its data": (
        (backup, "copy everything into one file"),
        (restore, "put a backup into the place of the data"),
        (doctor, "read everything and compare it with its checksums"),
    ),
}


class _Sections(Group):
    """Lists the commands by what they are for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of help."""
        return [command.name or "" for section in SECTIONS.values() for command, _ in section]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands in sections."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(command.name or "", summary) for command, summary in commands])


@click.group(cls=_Sections)
@click.option("--data", type=click.Path(file_okay=False), help="Folder of the relay.")
@click.pass_context
def relay(ctx: click.Context, data: str | None) -> None:
    """Look after the relay of this machine, whether it runs or not: its people, its invitations and its data.

    While it runs, commands ask it at control.sock in its folder, or at monitor.sock where they change nothing.
    """
    ctx.obj = {"data": data}


for _commands in SECTIONS.values():
    for _command, _ in _commands:
        relay.add_command(_command)
