"""``tacit relay backup``, ``restore`` and ``doctor``: the data of a relay, copied, put back and examined."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tacit.cli.relay_asking import advising, relay_settings
from tacit.cli.tree import Command
from tacit.errors import ExitCode

if TYPE_CHECKING:
    from tacit.cli.output import Output
    from tacit.relay.store.backups import Contents

REPORT_EVERY_S: Final = 2.0
"""How often a command that takes long says how far it has come."""


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Write everything that the relay needs into FILE, and read it back. Works while the relay runs.

    FILE holds the store and the relay key: whoever has it can pretend to be this relay. Keep it as you keep the folder.
    """
    from tacit.cli.output import Output
    from tacit.clock import SystemClock
    from tacit.relay.admin.asking import tell_relay
    from tacit.relay.backups import back_up

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    with advising(settings):
        made = back_up(settings.relay_dir, file, now_s=int(SystemClock().now_s()), progress=_progress(out))
    tell_relay(settings.relay_dir, "backup-made")
    out.talk("It holds the relay key too: whoever has it can pretend to be this relay.")
    _warn(out, made)
    size = file.stat().st_size
    out.pairs({"file": str(file), "bytes": size, **_value(made)}, [("backup", f"{file}, {size} bytes"), *_pairs(made)])


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Move data that is there aside first.")
@click.pass_context
def restore(ctx: click.Context, file: Path, force: bool) -> None:
    """Make the backup FILE the data of a relay that does not run.

    What came after the backup is not in it; clients are told. KeyPackages that serve once are left out, since they may
    have served.
    """
    from tacit.cli.output import Output
    from tacit.clock import SystemClock
    from tacit.relay.backups import restore as restore_backup

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    data = settings.relay_dir
    now_s = int(SystemClock().now_s())
    contents, aside = restore_backup(file, data, force=force, now_s=now_s, progress=_progress(out))
    if aside is not None:
        out.talk(f"What was there is in {aside}; delete it when nothing of it is needed any more.")
    _warn(out, contents)
    out.talk("KeyPackages that serve once were left out: they may have served. Devices make new ones when they come.")
    moved = None if aside is None else str(aside)
    out.pairs({"data": str(data), "moved_to": moved, **_value(contents)}, [("restored", str(data)), *_pairs(contents)])


@click.command("doctor", cls=Command)
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Read everything that the relay keeps and compare it with its checksums. Works while the relay runs."""
    from tacit.cli.output import Output
    from tacit.relay.backups import examine

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    with advising(settings):
        contents = examine(settings.relay_dir, progress=_progress(out))
    out.pairs({"sound": contents.is_sound, **_value(contents)}, _pairs(contents))
    _warn(out, contents)
    if not contents.is_sound:
        ctx.exit(ExitCode.GENERAL)


def _progress(out: Output) -> Callable[[str, float], None]:
    """Say now and then how far it has come."""
    from tacit.clock import SystemClock

    clock = SystemClock()
    said_at = clock.monotonic_s()

    def progress(what: str, done: float) -> None:
        nonlocal said_at
        now = clock.monotonic_s()
        if now - said_at >= REPORT_EVERY_S:
            said_at = now
            out.talk(f"{what}: {done:.0%}")

    return progress


def _warn(out: Output, contents: Contents) -> None:
    spoilt = contents.damaged_entries + contents.missing_entries
    if spoilt or contents.damaged_key_packages:
        out.talk(
            f"The disk has spoilt {spoilt} entries and {contents.damaged_key_packages} KeyPackages. "
            "They are never served. A disk that does this once does it again."
        )


def _value(contents: Contents) -> dict[str, Any]:
    return dataclasses.asdict(contents)


def _pairs(contents: Contents) -> list[tuple[str, str]]:
    pairs = [
        ("accounts", str(contents.accounts)),
        ("conversations", str(contents.conversations)),
        (
            "entries",
            f"{contents.entries}, {contents.damaged_entries} of them damaged, {contents.missing_entries} missing",
        ),
        ("key packages", f"{contents.key_packages}, {contents.damaged_key_packages} of them damaged"),
    ]
    if contents.met_entries or contents.met_key_packages:
        met = f"{contents.met_entries} entries, {contents.met_key_packages} KeyPackages"
        pairs.append(("damage that was met in serving", met))
    return pairs + [("problem", problem) for problem in contents.problems]
