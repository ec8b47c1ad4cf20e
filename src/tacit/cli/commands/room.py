"""``tacit room``: open rooms, which people come into with a link and a nickname."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Group, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tacit.cli.settings import Settings
    from tacit.sdk import Client
    from tacit.sdk.types import ChatInfo

TIMEOUT_S: Final = 30.0

_Function = Any
"""Whatever click decorates."""


@click.group(cls=Group)
def room() -> None:
    """Make rooms, come into them with a link and a nickname, and look after them."""


def _newcomer(function: _Function) -> _Function:
    """The options with which an identity is made on the way, if there is none."""
    for option in (
        click.option("--code-fd", type=int, metavar="N", help="Read the code that arrives from this descriptor."),
        click.option("--findable", is_flag=True, help="Let people who want it too find you by that number."),
        click.option(
            "--phone", metavar="NUMBER", default="", help="Your number, where the relay asks a new identity for one."
        ),
        click.option(
            "--no-passphrase", is_flag=True, help="For a new identity: protect the files on this disk with nothing."
        ),
        click.option(
            "--name", metavar="NAME", help="Your @name, if there is no identity yet; asked for when left out."
        ),
        click.option(
            "--relay", metavar="LINK", help="The relay, if there is no identity yet.  [default: this machine's]"
        ),
        click.option("--nick", metavar="NICK", help="What you are called in the room.  [default: your name]"),
    ):
        function = option(function)
    return function


@room.command("create")
@click.argument("place", metavar="ROOM")
@click.option(
    "--public", is_flag=True, help="Let everybody at the relay in by its name; the relay itself could come in, too."
)
@_newcomer
@pass_settings
def create(settings: Settings, place: str, public: bool, nick: str | None, **newcomer: Any) -> int:
    """Make the room ROOM, print its link, and on a terminal go in.

    Whoever has the link comes in. What was said before somebody came is not shown to them.
    """
    from tacit.cli.rooms import create as make
    from tacit.cli.rooms import newcomer_of
    from tacit.cli.running import run

    return run(settings, lambda: make(settings, place, nick, public=public, newcomer=newcomer_of(**newcomer)))


@room.command("join")
@click.argument("where", shell_complete=names_of("room"))
@_newcomer
@pass_settings
def join(settings: Settings, where: str, nick: str | None, **newcomer: Any) -> int:
    """Come into the room of the link WHERE, or into the public one of that name, and talk.

    In the room /help lists the commands; /quit leaves it, Ctrl+D ends tacit and you stay a member. When standard input
    is a pipe each of its lines is said there.
    """
    from tacit.cli.rooms import enter, newcomer_of
    from tacit.cli.running import run

    return run(settings, lambda: enter(settings, where, nick, newcomer_of(**newcomer)))


@room.command("list")
@pass_settings
def list_rooms(settings: Settings) -> None:
    """List the rooms, the one with the latest line first; with --json one per line."""
    from tacit.cli.commands.chats import print_chats

    print_chats(settings, kind="room")


@room.command("members")
@click.argument("place", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@pass_settings
def members(settings: Settings, place: str | None) -> None:
    """List who is in the room ROOM, or in your only one; with --json one per line."""
    from tacit.cli.output import Output
    from tacit.cli.rooms import find_room
    from tacit.cli.running import client, run
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            chat = await find_room(me, place)
        for person in chat.members:
            admin = person.id in chat.admins
            value = {
                "id": person.id,
                "nick": chat.nicks.get(person.id, ""),
                "handle": person.handle,
                "verified": person.verified,
                "status": person.status,
                "admin": admin,
            }
            facts = [f"@{person.handle}" if person.handle else "", person.id, "admin" if admin else ""]
            line = "  ".join([words.nick(chat, person), *(fact for fact in facts if fact)])
            out.data(value, [(("", f"{line}{'  (you)' if person.status == 'self' else ''}"),)])

    run(settings, work)


@room.command("link")
@click.argument("place", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@pass_settings
def link(settings: Settings, place: str | None) -> None:
    """Print the link of the room ROOM, or of your only one, and on a terminal its QR code."""
    from tacit.cli.output import Output
    from tacit.cli.rooms import find_room
    from tacit.cli.running import client, run
    from tacit.cli.standing_invite import link_for_others

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            chat = await find_room(me, place)
            text = link_for_others(settings, await me.room_link(chat.id))
        out.code(text)
        out.data({"link": text, "chat": chat.id}, [(("key", text),)])

    run(settings, work)


@room.command("invite")
@click.argument("place", metavar="ROOM", shell_complete=names_of("room"))
@click.argument("who", nargs=-1, required=True, shell_complete=names_of("person"))
@pass_settings
def invite(settings: Settings, place: str, who: tuple[str, ...]) -> None:
    """Send each WHO the link of the room ROOM, in your chat with them."""
    from tacit.cli.output import Output
    from tacit.cli.rooms import find_room
    from tacit.cli.running import online, run
    from tacit.cli.standing_invite import link_for_others
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with online(settings) as me:
            chat = await find_room(me, place)
            text = words.room_invitation(chat, link_for_others(settings, await me.room_link(chat.id)))
            for person in who:
                sent = await me.send(person, text)
                sent = await me.wait_for(sent.id, "relayed", TIMEOUT_S)
                value = {"who": person, "id": sent.id, "chat": sent.chat, "state": sent.state}
                out.data(value, [(("", f"{words.title(await me.chat(sent.chat))} has the link."),)])

    run(settings, work)


@room.command("lock")
@click.argument("place", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@pass_settings
def lock(settings: Settings, place: str | None) -> None:
    """Let nobody else into the room ROOM, or into your only one; only an admin may."""
    _change(settings, place, lambda me, chat: me.lock_room(chat.id, locked=True))


@room.command("unlock")
@click.argument("place", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@pass_settings
def unlock(settings: Settings, place: str | None) -> None:
    """Let people into the room ROOM, or into your only one, again; only an admin may."""
    _change(settings, place, lambda me, chat: me.lock_room(chat.id, locked=False))


@room.command("kick")
@click.argument("where", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@click.argument("nick", metavar="NICK", required=False)
@pass_settings
def kick(settings: Settings, where: str | None, nick: str | None) -> None:
    """Put NICK out of the room ROOM, or of your only one, and renew its link; only an admin may.

    The link that they came in with lets nobody in any more.
    """
    place, whom = _room_and_nick(where, nick)
    _change(settings, place, lambda me, chat: me.kick(chat.id, whom))


@room.command("nick")
@click.argument("where", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@click.argument("nick", metavar="NICK", required=False)
@pass_settings
def nick(settings: Settings, where: str | None, nick: str | None) -> None:
    """Be called NICK from now on in the room ROOM, or in your only one."""
    from tacit.cli.rooms import with_nick

    place, wanted = _room_and_nick(where, nick)
    _change(
        settings, place, lambda me, chat: with_nick(settings, wanted, lambda chosen: me.change_nick(chat.id, chosen))
    )


@room.command("leave")
@click.argument("place", metavar="[ROOM]", required=False, shell_complete=names_of("room"))
@pass_settings
def leave(settings: Settings, place: str | None) -> None:
    """Leave the room ROOM, or your only one; its history stays here."""
    _change(settings, place, lambda me, chat: me.leave(chat.id), left_over=1)


def _room_and_nick(first: str | None, second: str | None) -> tuple[str | None, str]:
    """Tell the nickname from the room before it, which may be left out."""
    if first is None:
        raise click.UsageError("Missing argument 'NICK'.")
    return (None, first) if second is None else (first, second)


def _change(
    settings: Settings,
    place: str | None,
    change: Callable[[Client, ChatInfo], Coroutine[Any, Any, Any]],
    *,
    left_over: int = 0,
) -> None:
    from tacit.cli.output import Output
    from tacit.cli.rooms import find_room
    from tacit.cli.running import online, run, settle
    from tacit.ui import words

    async def work() -> None:
        async with online(settings) as me:
            chat = await find_room(me, place)
            await settle(me, change(me, chat), TIMEOUT_S, left_over=left_over)
            chat = await me.chat(chat.id)
        Output(json=settings.json).data(chat, [(("", words.chat_line(chat)),)])

    run(settings, work)
