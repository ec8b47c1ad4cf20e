"""``tacit account``: who this profile is, and the key that makes it so."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Group
from tacit.errors import RelayError, UsageError

if TYPE_CHECKING:
    from tacit.cli.settings import Settings
    from tacit.sdk import Client
    from tacit.sdk.accounts import AccountInfo, DeviceInfo

ASK_S = 5.0
"""How long the relay may take to say which devices there are."""


class KeyFileExists(UsageError):
    """There is a file of that name already."""

    code = "file-exists"
    hint = "Choose another name; a key file never replaces anything."


class KeyFileUnwritable(UsageError):
    """The key file cannot be written there."""

    code = "file-unwritable"


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def account(ctx: click.Context) -> None:
    """Show your account: its ID, the kind of its key, and its devices where the relay can be asked."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(_show)


@pass_settings
def _show(settings: Settings) -> None:
    from tacit.cli.output import Output
    from tacit.cli.running import client, run

    async def work() -> None:
        async with client(settings) as me:
            info, why_not = await _asked(me)
        out = Output(json=settings.json)
        out.pairs(info, _pairs(info))
        if why_not:
            out.talk(f"Other devices are not shown. {why_not}")

    run(settings, work)


@account.command("show")
@click.pass_context
def show(ctx: click.Context) -> None:
    """Show your account."""
    ctx.invoke(_show)


@account.command("devices")
@pass_settings
def devices(settings: Settings) -> None:
    """List the devices of your account, this one first; with --json one per line."""
    from tacit.cli.output import Output
    from tacit.cli.running import client, run

    async def work() -> None:
        async with client(settings) as me:
            found = await _devices(me)
        out = Output(json=settings.json)
        if not settings.json:
            out.pairs(None, [_labelled(device) for device in found])
        for device in found if settings.json else ():
            out.data(device)

    run(settings, work)


@account.command("revoke-device")
@click.argument("device")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def revoke_device(settings: Settings, device: str, yes: bool) -> None:
    """Shut DEVICE, an ID or its beginning, out for good: a machine that was lost, sold or replaced.

    The relay ends its connection within a second, never lets it in again, and drops what waits for it. What it has
    received stays on it. It stays in the groups that it is in, as somebody who hears nothing, until you are removed and
    invited anew. Whoever can open its store has the account key as well and can come back as a new device: then make a
    new account, and tell people.
    """
    from tacit.cli.errors import advise
    from tacit.cli.output import Output
    from tacit.cli.relay_asking import confirm
    from tacit.cli.running import client, run

    async def work() -> None:
        async with client(settings) as me:
            await _online(me)
            try:
                meant = await me.other_device(device)
                confirm(settings, f"Shut device {_words(meant)}, out for good?", yes=yes)
                gone = await me.revoke_device(meant)
            except RelayError as error:
                if error.code == "no-such-device":
                    advise(error, "tacit account devices lists them.")
                raise
        Output(json=settings.json).pairs(gone, [("revoked", _words(gone))])

    run(settings, work)


@account.command("export-key")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--no-passphrase", is_flag=True, help="Write the key as it is: whoever reads the file is you.")
@click.option("--key-passphrase-fd", type=int, metavar="N", help="Read the file's passphrase from this descriptor.")
@pass_settings
def export_key(settings: Settings, file: str, no_passphrase: bool, key_passphrase_fd: int | None) -> None:
    """Write the account key to FILE as PEM, sealed with a passphrase of its own.

    Keep it where neither fire nor thief finds it with this machine: it opens the account on a new one, with tacit init
    --key-file. It holds no messages. Whoever has it and its passphrase is you, and that cannot be taken back.
    """
    from tacit.cli.output import Output
    from tacit.cli.proofs import new_key_passphrase
    from tacit.cli.running import client, run

    place = Path(file).expanduser()
    if place.exists():
        raise KeyFileExists(str(place))

    async def work() -> None:
        async with client(settings, connect=False) as me:
            passphrase = None if no_passphrase else new_key_passphrase(settings, key_passphrase_fd)
            pem = await me.export_account_key(passphrase)
            info = await me.account()
        _write(place, pem)
        out = Output(json=settings.json)
        value = {"file": str(place), "account": info.id, "key": info.key, "sealed": passphrase is not None}
        out.data(value, [(("", str(place)),)])
        if passphrase is None:
            out.talk(
                "The file has no passphrase: whoever reads it is you, everywhere and for good. Guard it like that."
            )

    run(settings, work)


@account.command("findable")
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.option("--phone", metavar="NUMBER", required=True, help="Your number, as you proved it to the relay.")
@pass_settings
def findable(settings: Settings, switch: str, phone: str) -> None:
    """Let people who want it too find you by your number, or no longer.

    Works where the relay allows it. Neither you nor the relay keep the number, so it has to be typed again; the relay
    does not say whether it is the right one.
    """
    from tacit.cli.output import Output
    from tacit.cli.running import client, run, say
    from tacit.ui.patience import patiently

    async def work() -> None:
        async with client(settings, connect=False) as me:
            await patiently(me.set_findable(phone, on=switch == "on"), "Telling the relay.", say)
        Output(json=settings.json).data({"findable": switch == "on"}, [(("", f"The relay has been told: {switch}."),)])

    run(settings, work)


async def _online(me: Client) -> None:
    from tacit.cli.running import say
    from tacit.ui.patience import patiently

    await patiently(me.wait_online(), "Reaching the relay.", say)


async def _devices(me: Client) -> list[DeviceInfo]:
    """Those that are not revoked, this one first."""
    await _online(me)
    return sorted((await me.account(devices=True)).devices or (), key=lambda device: not device.this)


async def _asked(me: Client) -> tuple[AccountInfo, str]:
    """With devices where the relay answers soon; otherwise without them, and why."""
    from tacit.errors import TransportError
    from tacit.sdk import Untrusted

    try:
        await me.wait_online(ASK_S)
        return await me.account(devices=True), ""
    except (TransportError, RelayError, Untrusted) as error:
        return await me.account(), error.sentence


def _pairs(info: AccountInfo) -> list[tuple[str, str]]:
    pairs = [("account", info.id), ("key", info.key), ("name", f"@{info.handle}" if info.handle else "none")]
    if info.devices is None:
        return [*pairs, ("this device", info.device)]
    return pairs + [_labelled(device) for device in info.devices]


def _labelled(device: DeviceInfo) -> tuple[str, str]:
    return "this device" if device.this else "device", _words(device)


def _words(device: DeviceInfo) -> str:
    return f"{device.id}, from {_day(device.created_at)} to {_day(device.expires_at)}"


def _day(at: int) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(at, dt.UTC).astimezone():%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "?"


def _write(place: Path, pem: bytes) -> None:
    """Put the key into a new file that nobody else can read."""
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileExists(str(place)) from None
    except OSError as error:
        raise KeyFileUnwritable(error.strerror or "") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        place.unlink()  # half a key opens nothing, and would be taken for a whole one
        raise KeyFileUnwritable(error.strerror or "") from None
