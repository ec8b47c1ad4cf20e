"""``tacit group``: groups and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Group, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tacit.cli.settings import Settings
    from tacit.sdk import Client

TIMEOUT_S: Final = 30.0


@click.group(cls=Group)
def group() -> None:
    """Make, change and leave groups."""


@group.command("create")
@click.argument("name")
@click.argument("who", nargs=-1, shell_complete=names_of("person"))
@pass_settings
def create(settings: Settings, name: str, who: tuple[str, ...]) -> None:
    """Make the group NAME and invite each WHO."""
    from tacit.cli.output import Output
    from tacit.cli.running import online, run, settle
    from tacit.ui import words

    async def work() -> None:
        async with online(settings) as me:
            chat = await settle(me, me.create_group(name, who), TIMEOUT_S)
            chat = await me.chat(chat.id)
        Output(json=settings.json).data(chat, [(("", words.chat_line(chat)),)])

    run(settings, work)


@group.command("list")
@pass_settings
def list_groups(settings: Settings) -> None:
    """List the groups, the one with the latest line first; with --json one per line."""
    from tacit.cli.commands.chats import print_chats

    print_chats(settings, kind="group")


@group.command("invite")
@click.argument("name", shell_complete=names_of("group"))
@click.argument("who", nargs=-1, required=True, shell_complete=names_of("person"))
@pass_settings
def invite(settings: Settings, name: str, who: tuple[str, ...]) -> None:
    """Add each WHO to the group NAME; only an admin may."""

    async def change(me: Client, chat_id: str) -> None:
        for person in who:
            await me.invite(chat_id, person)

    _change(settings, name, change)


@group.command("remove")
@click.argument("name", shell_complete=names_of("group"))
@click.argument("who", shell_complete=names_of("person"))
@pass_settings
def remove(settings: Settings, name: str, who: str) -> None:
    """Remove WHO from the group NAME; only an admin may."""
    _change(settings, name, lambda me, chat_id: me.remove(chat_id, who))


@group.command("rename")
@click.argument("name", shell_complete=names_of("group"))
@click.argument("new_name")
@pass_settings
def rename(settings: Settings, name: str, new_name: str) -> None:
    """Give the group NAME another name; only an admin may."""
    _change(settings, name, lambda me, chat_id: me.rename(chat_id, new_name))


@group.command("leave")
@click.argument("name", shell_complete=names_of("group"))
@pass_settings
def leave(settings: Settings, name: str) -> None:
    """Leave the group NAME; its history stays here. Another member's client completes it, as soon as one is online."""
    _change(settings, name, lambda me, chat_id: me.leave(chat_id), left_over=1)


@group.command("members")
@click.argument("name", shell_complete=names_of("group"))
@pass_settings
def members(settings: Settings, name: str) -> None:
    """List who is in the group NAME; with --json one per line."""
    from tacit.cli.output import Output
    from tacit.cli.running import client, run
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            chat = await me.chat(name)
        for person in chat.members:
            admin = person.id in chat.admins
            value = {
                "id": person.id,
                "handle": person.handle,
                "name": person.name,
                "verified": person.verified,
                "status": person.status,
                "admin": admin,
            }
            out.data(value, [(("", f"{words.person_line(person)}{', admin' if admin else ''}"),)])

    run(settings, work)


def _change(
    settings: Settings, name: str, change: Callable[[Client, str], Coroutine[None, None, None]], *, left_over: int = 0
) -> None:
    from tacit.cli.output import Output
    from tacit.cli.running import online, run, settle
    from tacit.ui import words

    async def work() -> None:
        async with online(settings) as me:
            chat = await me.chat(name)
            await settle(me, change(me, chat.id), TIMEOUT_S, left_over=left_over)
            chat = await me.chat(chat.id)
        Output(json=settings.json).data(chat, [(("", words.chat_line(chat)),)])

    run(settings, work)
