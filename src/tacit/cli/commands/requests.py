"""``tacit requests``, ``accept`` and ``refuse``: strangers who want to talk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command, names_of

if TYPE_CHECKING:
    from tacit.cli.settings import Settings


@click.command(cls=Command)
@pass_settings
def requests(settings: Settings) -> None:
    """List who asks to talk to you; with --json one per line."""
    from tacit.cli.output import Output
    from tacit.cli.running import online, run
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with online(settings) as me:
            found = await me.requests()
        for chat in found:
            person = chat.invited_by or chat.peer
            out.data(chat, [(("", words.request(person, chat)),)] if person else [])
        if not found:
            out.talk("Nobody is asking.")

    run(settings, work)


@click.command(cls=Command)
@click.argument("who", shell_complete=names_of("request"))
@pass_settings
def accept(settings: Settings, who: str) -> None:
    """Say yes to WHO; what they have written arrives from now on."""
    from tacit.cli.output import Output
    from tacit.cli.running import online, run, settle
    from tacit.ui import words

    async def work() -> None:
        async with online(settings) as me:
            chat = await settle(me, me.accept(who), 15.0)
            await me.wait_caught_up()
            chat = await me.chat(chat.id)
        Output(json=settings.json).data(chat, [(("", words.chat_line(chat)),)])

    run(settings, work)


@click.command(cls=Command)
@click.argument("who", shell_complete=names_of("request"))
@click.option("--block", is_flag=True, help="Never let them ask again.")
@pass_settings
def refuse(settings: Settings, who: str, block: bool) -> None:
    """Say no to WHO; they are not told."""
    from tacit.cli.output import Output
    from tacit.cli.running import online, run

    async def work() -> None:
        async with online(settings) as me:
            await me.refuse(who, block=block)
        Output(json=settings.json).data({"refused": who}, [(("", "Refused."),)])

    run(settings, work)
