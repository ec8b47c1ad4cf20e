"""``tacit relay users``, ``devices``, ``suspend``, ``resume``, ``delete`` and ``inspect``: who is at the relay."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import click

from tacit.cli.relay_asking import ask, complete_account, confirm, every_user, relay_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.output import Output

_SORTS: Final = {
    "created": lambda user: user["created_at"],
    "name": lambda user: (not user["handle"], user["handle"]),
    "held": lambda user: -user["held_bytes"],
    "devices": lambda user: -user["devices"],
}
"""What a list can go by; where that is the same, by when they registered."""


@click.command("users", cls=Command)
@click.argument("beginning", default="")
@click.option("--suspended", is_flag=True, help="Only those that are suspended.")
@click.option(
    "--sort", type=click.Choice(list(_SORTS)), default="created", show_default=True, help="What the list goes by."
)
@click.pass_context
def users(ctx: click.Context, beginning: str, suspended: bool, sort: str) -> None:
    """List the accounts, or those whose name or ID begins so; with --json one per line."""
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    wanted = beginning.lower().removeprefix("@")
    found = [
        user
        for user in every_user(settings)
        if (user["handle"].startswith(wanted) or user["account"].startswith(wanted))
        and (not suspended or user["state"] == "suspended")
    ]
    found.sort(key=_SORTS[sort])
    out = Output(json=settings.json)
    if settings.json:
        for user in found:
            out.data(user)
    elif found:
        out.rows(relay_words.columns(relay_words.USER_COLUMNS, [relay_words.user_line(user) for user in found]))
    else:
        out.talk("Nobody of that name." if beginning or suspended else "Nobody yet: tacit relay invite lets people in.")


@click.command("devices", cls=Command)
@click.argument("account", shell_complete=complete_account)
@click.option("--revoke", metavar="DEVICE", help="Shut this device out for good; what waits for it goes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def devices(ctx: click.Context, account: str, revoke: str | None, yes: bool) -> None:
    """List the devices of ACCOUNT, an ID or its beginning or an @name; with --json one per line.

    With --revoke, shut one of them out. Others keep it in their groups until its owner or they remove it there, but it
    gets nothing more from this relay.
    """
    from tacit.cli import held_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    if revoke is not None:
        confirm(settings, f"Shut device {revoke} out for good?", yes=yes)
        found = ask(settings, "revoke-device", who=account, device=revoke)
    else:
        found = ask(settings, "account", who=account)
    for device in found["devices"]:
        out.pairs(device, held_words.device_pairs(device))


@click.command("suspend", cls=Command)
@click.argument("account", shell_complete=complete_account)
@click.option("--note", default="", help="Why; only you see it.")
@click.pass_context
def suspend(ctx: click.Context, account: str, note: str) -> None:
    """Shut ACCOUNT out, at once and on all its devices, until it is resumed. What waits for it goes on waiting.

    Others still find it, and what they write in their conversations is kept for it; nobody can begin a new one with it.
    """
    _change(ctx, "suspend", who=account, note=note)


@click.command("resume", cls=Command)
@click.argument("account", shell_complete=complete_account)
@click.pass_context
def resume(ctx: click.Context, account: str) -> None:
    """Let ACCOUNT, which was suspended, in again; its devices come back by themselves."""
    _change(ctx, "resume", who=account)


def _change(ctx: click.Context, operation: str, **args: Any) -> None:
    from tacit.cli import held_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    held = ask(settings, operation, **args)
    Output(json=settings.json).pairs(held, held_words.account_pairs(held)[:3])


@click.command("delete", cls=Command)
@click.argument("account", shell_complete=complete_account)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def delete(ctx: click.Context, account: str, yes: bool) -> None:
    """Delete ACCOUNT from the relay: its devices, keys, name, and everything that waits for it.

    Entries that it wrote stay until others have fetched them, under a number. Its @name is free again. Its ID can never
    be anybody else's, since it is the hash of its key; who has that key may register again where they are let in, so to
    keep somebody out, suspend. Backups that were made before still hold it.
    """
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    if not yes:
        held = ask(settings, "account", who=account)
        _show_doomed(out, held)
        # By its ID from here on, so that what is deleted is what was shown.
        account = held["account"]
        confirm(settings, f"Delete {relay_words.called(held)} for good?", yes=False)
    gone = ask(settings, "delete", who=account)
    left = gone["entries_left"]
    waits = f"{relay_words.several(left, 'entry')} of it for others, until fetched" if left else "nothing of it is left"
    pairs = [("deleted", gone["account"]), ("name", f"{relay_words.name(gone)}, free again"), ("left", waits)]
    out.pairs(gone, pairs if gone["handle"] else [pairs[0], pairs[2]])
    if not gone["log_emptied"]:
        out.talk(
            "The write-ahead log still holds what was deleted: somebody reads the database, most likely a backup. Once "
            "that is over, a relay that runs empties it within a quarter of an hour, and tacit relay gc at once."
        )


def _show_doomed(out: Output, held: dict[str, Any]) -> None:
    from tacit.cli import relay_words

    devices = relay_words.several(len(held["devices"]), "device")
    waiting = sum(device["inbox_entries"] + device["unread_entries"] for device in held["devices"])
    out.talk(
        f"{relay_words.called(held)} ({held['account']}) goes with {devices}, their keys and "
        f"{relay_words.several(waiting, 'entry')} waiting for them. What it wrote stays until others have fetched it."
    )


@click.command("inspect", cls=Command)
@click.argument("account", required=False, shell_complete=complete_account)
@click.pass_context
def inspect(ctx: click.Context, account: str | None) -> None:
    """Print every column that the relay keeps, its purpose and for how long; with ACCOUNT, what is held on it.

    ACCOUNT is an ID, its beginning or an @name. Payloads are never shown: the relay could not read them either.
    """
    from tacit.cli import held_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    if account is None:
        _show_columns(out)
        return
    held = ask(settings, "account", who=account)
    out.pairs(held, held_words.held_pairs(held))


def _show_columns(out: Output) -> None:
    from tacit.relay.store.inspect import columns

    if out.json:
        for column in columns():
            out.data(dataclasses.asdict(column))
    else:
        out.pairs(None, [(f"{column.table}.{column.name}", f"{column.purpose}; {column.kept}") for column in columns()])
