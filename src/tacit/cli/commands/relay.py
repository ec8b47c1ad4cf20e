"""``tacit relay``: what the operator of a relay does besides running it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import click

from tacit.cli.commands.relay_backups import backup, doctor, restore
from tacit.cli.commands.relay_config import check_config, init
from tacit.cli.tree import Group
from tacit.errors import NotFound

if TYPE_CHECKING:
    from tacit.cli.settings import Settings
    from tacit.relay.inspect import HeldAccount
    from tacit.relay.store.rows import Invite


class NeverStarted(NotFound):
    """The relay of this machine has never run, so nobody knows its link yet."""

    code = "never-started"
    hint = "Start it once with tacit serve, or name its folder with --data."


@click.group(cls=Group)
@click.option("--data", type=click.Path(file_okay=False), help="Folder of the relay.")
@click.pass_context
def relay(ctx: click.Context, data: str | None) -> None:
    """Invitations to the relay of this machine, and what it holds. Works while it runs too."""
    ctx.obj = {"data": data}


relay.add_command(init)
relay.add_command(check_config)
relay.add_command(backup)
relay.add_command(restore)
relay.add_command(doctor)


@relay.command("invite")
@click.option("--uses", type=int, default=1, show_default=True, help="How many may register with it.")
@click.option(
    "--expires", metavar="SPAN", default="7d", show_default=True, help="How long it is good for; never: for ever."
)
@click.option("--note", default="", help="What it is for; only you see it.")
@click.pass_context
def invite(ctx: click.Context, uses: int, expires: str, note: str) -> None:
    """Make an invitation and print its link, once: what the relay keeps is a hash."""
    from tacit.cli.home import load_address
    from tacit.cli.output import Output
    from tacit.cli.settings import span_s
    from tacit.clock import SystemClock
    from tacit.relay.invites import create_invite

    settings = _settings(ctx)
    address = load_address(settings)
    if address is None:
        raise NeverStarted
    token, made = create_invite(
        settings.relay_dir,
        uses=uses,
        expires_s=None if expires == "never" else span_s(expires),
        note=note,
        now_s=int(SystemClock().now_s()),
    )
    link = f"{address.link}.{token}"
    out = Output(json=settings.json)
    out.code(link)
    out.data({"link": link, **_invite_value(made)}, [(("", link),)])


@relay.command("invites")
@click.pass_context
def invites(ctx: click.Context) -> None:
    """List the invitations; with --json one on each line."""
    from tacit.cli.output import Output
    from tacit.relay.invites import list_invites

    settings = _settings(ctx)
    out = Output(json=settings.json)
    found = list_invites(settings.relay_dir)
    for made in found:
        out.data(_invite_value(made), [(("", _invite_line(made)),)])
    if not found:
        out.talk("No invitations.")


@relay.command("revoke")
@click.argument("invite_id")
@click.pass_context
def revoke(ctx: click.Context, invite_id: str) -> None:
    """Make an invitation worthless; whoever came by it stays."""
    from tacit.cli.output import Output
    from tacit.clock import SystemClock
    from tacit.relay.invites import revoke_invite

    settings = _settings(ctx)
    made = revoke_invite(settings.relay_dir, invite_id, now_s=int(SystemClock().now_s()))
    Output(json=settings.json).data(_invite_value(made), [(("", _invite_line(made)),)])


def _settings(ctx: click.Context) -> Settings:
    from tacit.cli.settings import load

    return load(ctx, serve=ctx.find_object(dict) or {})


def _invite_value(made: Invite) -> dict[str, object]:
    return {
        "id": made.id,
        "note": made.note,
        "uses": made.uses,
        "used": made.used,
        "created_at": made.created_at,
        "expires_at": made.expires_at,
        "revoked_at": made.revoked_at,
    }


def _invite_line(made: Invite) -> str:
    from tacit.ui.text import clean_line

    until = f"until {_day(made.expires_at)}" if made.expires_at else "for ever"
    state = f"revoked {_day(made.revoked_at)}" if made.revoked_at else until
    note = f"  {clean_line(made.note)}" if made.note else ""
    return f"{made.id}  {made.used} of {made.uses} used, {state}{note}"


def _day(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC).astimezone():%Y-%m-%d %H:%M}"


@relay.command("inspect")
@click.argument("who", required=False)
@click.pass_context
def inspect(ctx: click.Context, who: str | None) -> None:
    """Print every column that the relay keeps, its purpose and for how long; with WHO, what is held on one account.

    WHO is an account ID or an @name. Payloads are never shown: the relay could not read them either.
    """
    from tacit.cli.output import Output
    from tacit.relay.inspect import columns, held_account

    settings = _settings(ctx)
    out = Output(json=settings.json)
    if who is None:
        if settings.json:
            for column in columns():
                out.data(dataclasses.asdict(column))
        else:
            out.pairs(
                None, [(f"{column.table}.{column.name}", f"{column.purpose}; {column.kept}") for column in columns()]
            )
        return
    held = held_account(settings.relay_dir, _account(who))
    out.pairs(_held_value(held), _held_pairs(held))


def _account(who: str) -> bytes | str:
    from tacit.identity import BadId, parse_handle, parse_id

    try:
        return parse_id(who)
    except BadId:
        return parse_handle(who)


def _held_value(held: HeldAccount) -> dict[str, object]:
    from tacit.identity import AccountId, DeviceId, format_id

    return {
        "account": format_id(AccountId(held.account_id)),
        "handle": held.handle,
        "created_at": held.created_at,
        "devices": [
            {
                "device": format_id(DeviceId(device.device_id)),
                "created_at": device.created_at,
                "certificate_expires_at": device.certificate_expires_at,
                "revoked_at": device.revoked_at,
                "key_packages": device.key_packages,
                "inbox_entries": device.inbox_entries,
                "inbox_bytes": device.inbox_bytes,
                "conversations": device.conversations,
                "unread_entries": device.unread_entries,
            }
            for device in held.devices
        ],
    }


def _held_pairs(held: HeldAccount) -> list[tuple[str, str]]:
    from tacit.identity import AccountId, DeviceId, format_id

    pairs = [
        ("account", format_id(AccountId(held.account_id))),
        ("handle", f"@{held.handle}" if held.handle else "none"),
        ("registered", _day(held.created_at)),
    ]
    for device in held.devices:
        pairs += [
            ("device", format_id(DeviceId(device.device_id))),
            ("key packages", str(device.key_packages)),
            ("inbox", f"{device.inbox_entries} entries, {device.inbox_bytes} bytes"),
            ("conversations", f"{device.conversations}, with {device.unread_entries} entries to fetch"),
        ]
    return pairs
