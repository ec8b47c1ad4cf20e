"""What ``tacit relay`` shows to a person: accounts, devices, invitations and figures, in words and columns.

Handles and notes were written by others, and are cleaned here like everything that reaches a terminal. A relay that was
started before an update leaves out what has come since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from tacit.ui.rows import Row
from tacit.ui.text import cells, clean_line

USER_COLUMNS: Final = ("ID", "NAME", "SINCE", "DEVICES", "WAITING", "STATE")
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")

MANY: Final = {"entry": "entries"}

Pairs = list[tuple[str, str]]


def columns(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[Row]:
    """Lines under a head, each column as wide as its widest word."""
    shown = [[clean_line(word) for word in line] for line in lines]
    widths = [max(map(cells, column)) for column in zip(head, *shown, strict=True)]
    rows: list[Row] = []
    for style, line in [("dim", list(head)), *(("", line) for line in shown)]:
        padded = (f"{word}{' ' * (width - cells(word))}" for word, width in zip(line, widths, strict=True))
        rows.append((("dim" if style else "", "  ".join(padded).rstrip()),))
    return rows


def user_line(user: dict[str, Any]) -> list[str]:
    """One account as words under ``USER_COLUMNS``."""
    revoked = f" ({user['revoked_devices']} revoked)" if user["revoked_devices"] else ""
    return [
        user["short"],
        name(user),
        day(user["created_at"]),
        f"{user['devices']}{revoked}",
        size(user["held_bytes"]),
        state(user),
    ]


def name(account: dict[str, Any]) -> str:
    """The handle of an account, or what stands for none."""
    return f"@{account['handle']}" if account["handle"] else "-"


def called(account: dict[str, Any]) -> str:
    """What to call an account in a sentence."""
    return clean_line(f"@{account['handle']}" if account["handle"] else account["account"])


def state(account: dict[str, Any]) -> str:
    """Whether an account is suspended, since when and why."""
    if account["suspended_at"] is None:
        return "active"
    note = f": {account['note']}" if account["note"] else ""
    return f"suspended {day(account['suspended_at'])}{note}"


def invite_line(invite: dict[str, Any]) -> str:
    """One invitation."""
    until = f"until {minute(invite['expires_at'])}" if invite["expires_at"] else "for ever"
    shown = f"revoked {minute(invite['revoked_at'])}" if invite["revoked_at"] else until
    note = f"  {clean_line(invite['note'])}" if invite["note"] else ""
    return f"{invite['id']}  {invite['used']} of {invite['uses']} used, {shown}{note}"


def room_line(room: dict[str, Any]) -> str:
    """One public room."""
    maker = (
        called({"account": room["maker"], "handle": room["handle"]}) if room["maker"] else "nobody who is still here"
    )
    locked = ", locked" if room["locked"] else ""
    return f"{room['name']}  {several(room['devices'], 'device')}{locked}, made {day(room['created_at'])} by {maker}"


def stats_pairs(stats: dict[str, Any]) -> Pairs:
    """One page about the relay."""
    oldest = stats["oldest_entry_at"]
    pairs = [
        ("relay", _standing(stats)),
        ("accounts", f"{stats['accounts']}, {stats['suspended']} of them suspended"),
        ("devices", str(stats["devices"])),
        ("conversations", str(stats["conversations"])),
        ("entries waiting", f"{stats['entries']}, {size(stats['held_bytes'])}"),
        ("oldest waits since", minute(oldest) if oldest else "nothing waits"),
        ("key packages", str(stats["key_packages"])),
        ("invitations", str(stats["invites"])),
        ("store", f"{size(stats['store_bytes'])}, {size(stats['reusable_bytes'])} of it free for use"),
        ("write-ahead log", size(stats["wal_bytes"])),
        ("disk", f"{size(stats['disk_free_bytes'])} free"),
    ]
    if stats["deleted"]:
        pairs.insert(2, ("deleted accounts", f"{stats['deleted']}, whose last entries wait"))
    if stats["damaged"]:
        pairs.append(("damaged", f"{several(stats['damaged'], 'record')}; tacit relay doctor looks for all"))
    if stats["restored_at"]:
        pairs.append(("restored", minute(stats["restored_at"])))
    since = stats["since_start"]
    pairs += [(label, str(since[key])) for key, label in SINCE_START.items() if key in since]
    refused = {code: count for code, count in since.get("refusals_total", {}).items() if count}
    if refused:
        pairs.append(("refused, about", ", ".join(f"{code} {count}" for code, count in refused.items())))
    return pairs


SINCE_START: Final = {
    "appends_total": "appends, about",
    "deliveries_total": "deliveries, about",
    "logins_total": "logins, about",
}
"""Of the relay's own counters, which are blurred, those that go on the page."""


def swept_pairs(swept: dict[str, Any]) -> Pairs:
    """What a sweep took away."""
    return [
        ("entries past their time", str(swept["entries"])),
        ("answers for repeats", str(swept["answers"])),
        ("key packages", f"{swept['key_packages']} that had expired"),
        ("invitations", f"{swept['invites']} that had ended"),
        ("reports of damage", str(swept["damage_reports"])),
        ("copies before updates", str(swept["snapshots"])),
        ("store", f"{size(swept['store_bytes'])}, write-ahead log {size(swept['wal_bytes'])}"),
        ("given back", size(swept["freed_bytes"])),
    ]


TRANSPORTS: Final = {"ws": "WebSocket", "grpc": "gRPC", "tcp": "TCP"}
"""By the schemes of their links."""


def listed(things: Sequence[str]) -> str:
    """A list as a sentence has it."""
    return " and ".join(filter(None, (", ".join(things[:-1]), *things[-1:])))


def several(count: int, one: str) -> str:
    """A number of things."""
    return f"{count} {one}" if count == 1 else f"{count} {MANY.get(one, f'{one}s')}"


def size(count: int) -> str:
    """A number of bytes, short."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return several(count, "byte") if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def day(at: int) -> str:
    """The day of a moment, here."""
    return f"{_local(at):%Y-%m-%d}"


def minute(at: int) -> str:
    """A moment, here."""
    return f"{_local(at):%Y-%m-%d %H:%M}"


def _standing(stats: dict[str, Any]) -> str:
    if not stats["running"]:
        return "not running"
    doing = "sends everybody away" if stats["draining"] else f"runs for {dt.timedelta(seconds=stats['uptime_s'])}"
    carried = {TRANSPORTS.get(name, name): count for name, count in (stats.get("transports") or {}).items()}
    over = [f"{count} over {name}" for name, count in carried.items() if count]
    by = f" ({listed(over)})" if over and len(carried) > 1 else ""
    return (
        f"{doing}, {several(stats['connections'], 'connection')}{by}, {several(stats['sessions'], 'device')} logged in"
    )


def _local(at: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC)
