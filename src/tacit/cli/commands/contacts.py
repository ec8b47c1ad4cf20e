"""``tacit contacts``: the people this profile knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Group, names_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tacit.cli.settings import Settings
    from tacit.sdk import Client
    from tacit.sdk.types import Person


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def contacts(ctx: click.Context) -> None:
    """List the people you know; with --json one per line."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(_list)


@pass_settings
def _list(settings: Settings) -> None:
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            people = [person for person in await me.contacts() if person.status != "self"]
        for person in people:
            out.data(person, [(("", words.person_line(person)),)])
        if not people:
            out.talk("You know nobody yet: tacit link prints what others need to reach you.")

    run(settings, work)


@contacts.command("list")
@click.pass_context
def list_people(ctx: click.Context) -> None:
    """List the people you know."""
    ctx.invoke(_list)


@contacts.command("add")
@click.argument("who")
@click.option("--name", metavar="NAME", default="", help="What to call them here.")
@pass_settings
def add(settings: Settings, who: str, name: str) -> None:
    """Look WHO up at the relay and remember their key: an @name, an account ID, a contact link, or a +number.

    By number somebody is found only where the relay allows it and both of you are findable.
    """
    _change(settings, lambda me: me.add_contact(who, name), connect=True)


@contacts.command("rename")
@click.argument("who", shell_complete=names_of("person"))
@click.argument("name")
@pass_settings
def rename(settings: Settings, who: str, name: str) -> None:
    """Call WHO by another NAME here; an empty one goes back to their @name."""
    _change(settings, lambda me: me.rename_contact(who, name))


@contacts.command("block")
@click.argument("who", shell_complete=names_of("person"))
@pass_settings
def block(settings: Settings, who: str) -> None:
    """Take nothing more from WHO."""
    _change(settings, lambda me: me.block(who))


@contacts.command("unblock")
@click.argument("who", shell_complete=names_of("person"))
@pass_settings
def unblock(settings: Settings, who: str) -> None:
    """Undo block."""
    _change(settings, lambda me: me.unblock(who))


def _change(settings: Settings, change: Callable[[Client], Awaitable[Person]], *, connect: bool = False) -> None:
    from tacit.cli.output import Output
    from tacit.cli.running import client, run, say
    from tacit.ui import words
    from tacit.ui.patience import patiently

    async def work() -> None:
        async with client(settings, connect=connect) as me:
            if connect:
                await patiently(me.wait_online(), "Waiting for the relay.", say)
            person = await change(me)
        Output(json=settings.json).data(person, [(("", words.person_line(person)),)])

    run(settings, work)
