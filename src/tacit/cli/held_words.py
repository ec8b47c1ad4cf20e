"""What ``tacit relay inspect`` and its neighbours show of one account: everything held, why, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tacit.cli.relay_words import Pairs, day, name, several, size, state

PHONES: Final = {
    "none": "none",
    "proved": "a hash that says that it is taken",
    "findable": "a hash that says that it is taken; others who want it too find the account by it",
}
"""What is kept of a number."""


def held_pairs(held: dict[str, Any]) -> Pairs:
    """Everything that is kept for one account: what, why, and for how long."""
    pairs = explained(account_pairs(held), ACCOUNT_COLUMNS)
    for number, device in enumerate(held["devices"]):
        found = device_pairs(device)
        pairs += found if number else explained(found, DEVICE_COLUMNS)
    return pairs


def explained(pairs: Pairs, columns: Mapping[str, str]) -> Pairs:
    """Each pair with the purpose of what it shows and how long that is kept, from the register of all columns."""
    from tacit.relay.store.columns import COLUMNS

    why = {f"{column.table}.{column.name}": f"{column.purpose}; kept {column.kept}" for column in COLUMNS}
    found: Pairs = []
    reason: Pairs = []
    for label, words in pairs:
        if label:
            found += reason
            reason = [("", why[columns[label]])]
        found.append((label, words))
    return found + reason


ACCOUNT_COLUMNS: Final = {
    "account": "accounts.account_id",
    "name": "accounts.handle",
    "state": "accounts.suspended_at",
    "registered": "accounts.created_at",
    "invitation": "invite_uses.account",
    "phone number": "phones.phone_hash",
    "conversations made": "logs.maker",
    "rooms made": "rooms.group_info",
    "waiting for others": "accounts.held_bytes",
    "answers for repeats": "answers.message_id",
    "brought back": "brought.bringer",
    "named as missing": "absent_readers.bringer",
}
"""Which column tells most about what a line shows."""

DEVICE_COLUMNS: Final = {
    "device": "devices.device_id",
    "certificate": "devices.certificate",
    "key packages": "key_packages.key_package",
    "given out": "key_packages.digest",
    "inbox": "devices.inbox",
    "conversations": "readers.device",
    "written": "entries.author",
}


def account_pairs(held: dict[str, Any]) -> Pairs:
    """One account with what is kept for it."""
    invite = f"{held['invite']}, used {day(held['invite_used_at'])}" if held["invite_used_at"] else "none that is kept"
    return [
        ("account", held["account"]),
        ("name", name(held)),
        ("state", state(held)),
        ("registered", day(held["created_at"])),
        ("invitation", invite),
        ("phone number", PHONES[held.get("phone", "none")]),
        ("conversations made", str(held["conversations_made"])),
        *_rooms_made(held.get("rooms", ())),
        ("waiting for others", size(held["held_bytes"])),
        ("answers for repeats", str(held["answers"])),
        # Of what there is after a restore only.
        *([("brought back", several(held["brought"], "entry"))] if held.get("brought") else []),
        *([("named as missing", several(held["absent"], "device"))] if held.get("absent") else []),
    ]


def _rooms_made(rooms: Sequence[dict[str, Any]]) -> Pairs:
    lines = [
        f"{room['name'] or 'one without a public name'}, made {day(room['created_at'])}, "
        f"{several(room['devices'], 'device')}{', locked' if room['locked'] else ''}, "
        f"{several(room['entries'], 'entry')} waiting, {size(room['group_info_bytes'])} for newcomers"
        for room in rooms
    ]
    return list(zip(["rooms made", *[""] * len(lines)], lines or ["none"], strict=False))


def device_pairs(device: dict[str, Any]) -> Pairs:
    """One device with what is kept for it."""
    if device["revoked_at"] is not None:
        shown = f"revoked {day(device['revoked_at'])}"
    else:
        connected = {True: ", connected", False: ", not connected", None: ""}[device["connected"]]
        shown = f"registered {day(device['created_at'])}{connected}"
    return [
        ("device", device["device"]),
        ("", shown),
        ("certificate", f"until {day(device['certificate_expires_at'])}"),
        ("key packages", f"{device['key_packages']}, last resort {device['last_resort']}"),
        ("given out", f"{device.get('given_out', 0)} key packages"),
        ("inbox", f"{several(device['inbox_entries'], 'entry')}, {size(device['inbox_bytes'])}"),
        (
            "conversations",
            f"{device['conversations']}, with {several(device['unread_entries'], 'entry')} to fetch",
        ),
        ("written", f"{several(device['written_entries'], 'entry')} that others have to fetch"),
    ]
