"""Prints the tables of docs/operations.md from the code; run as ``python scripts/operations_tables.py [RESULTS]``.

What stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is written here and nowhere else; a test fails
when it is not what the code says. RESULTS is a file with what ``./dev bench relay --json`` printed on a quiet machine;
without one the table of what a relay can carry stays as it is.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from printed_tables import fill, markdown_table

from tacit.cli.config_file import default_of
from tacit.cli.settings import MEANINGS
from tacit.errors import TacitError
from tacit.net.errors import BadCertificate, CannotListen
from tacit.relay import errors
from tacit.relay.figures import FIGURES
from tacit.relay.store.columns import COLUMNS
from tacit.wire.errors import REFUSALS

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "operations.md"

ADVICE: Final = {
    "storage-full": "[Make room](#when-the-disk-or-the-memory-runs-low); it goes on by itself.",
    "storage-failed": "`transaction-failed` in the log says why. If the kernel has made the file system read-only, "
    "read `dmesg`, check the disk, then start the relay again.",
    "registration-paused": "[Make room](#when-the-disk-or-the-memory-runs-low); it goes on by itself.",
    "rate-limited": "For people, nothing. A bot should wait as long as the answer says.",
    "quota": "Some devices do not fetch what waits for them. It ends when they come online, or with the retention "
    "time; with `when_full` the relay makes room by itself.",
    "internal": "`request-failed` in the log names the request. Update, and report it with that line.",
    "invite-needed": "They have the relay's bare link; send them one from `tacit relay invite`.",
    "invite-invalid": "`tacit relay invites` lists what is good; make another.",
    "account-suspended": "By you; `tacit relay resume`.",
    "account-deleted": "By you. They may register anew, with an invitation.",
    "device-revoked": "By its owner or by you. It has to become a new device of the account.",
    "handle-taken": "A name belongs to one account. They choose another one, or you delete the account that has it.",
    "protocol-version": "Update the older of the two.",
    "restoring": "It ends by itself when the members of that chat have been online.",
    "shutting-down": "They come back by themselves.",
}
"""For the refusals that people bring to an operator, in the order in which they hurt."""


SIZING: Final = {
    "pairs: acknowledged durable and delivered": "messages of 256 B, from one device to another, that one core carries",
    "pairs, 4 KB": "the same with messages of 4 KB",
    "groups of 30 readers: deliveries": "the same in groups of 30, counted by who gets them",
    "throughput with 1,000 connections": "messages of 256 B with 1,000 devices online",
    "throughput with 10,000 connections": "the same with 10,000",
    "pairs: processor of the relay for 1,000 messages": "processor time for 1,000 messages",
    "pairs: from send to delivery at 1,000/s, p50": "from send to delivery at 1,000 messages/s, half of them within",
    "pairs: from send to delivery at 1,000/s, p99": "the same, 99 in 100 within",
    "pairs: from send to delivery at 5,000/s, half of the aim, p50": "at 5,000 messages/s, half of them within",
    "pairs: from send to delivery at 5,000/s, half of the aim, p99": "the same, 99 in 100 within",
    "disk: one write of 4 KiB, synced": "to write 4 KiB to that disk and sync, half of the times within",
    "memory of the relay for each idle connection": "memory for each device that is online, of 10,000",
    "pairs: disk for each message": "disk for each message of 256 B",
    "logging in, at a steady pace": "devices that log in",
    "1,000 devices catch up 100 entries each after a restart": "1,000 devices come back and fetch 100 entries each, in",
    "start with 1,000,000 entries in the store": "start with 1,000,000 entries that wait, in",
}
"""What an operator asks, by the names of what the benchmark measures."""


def advice() -> str:
    """What people are told, and what the operator can do about it."""
    rows = ((f"`{code}`", inspect.getdoc(REFUSALS[code]).partition("\n")[0], what) for code, what in ADVICE.items())
    return markdown_table(("code", "what they are told", "what to do"), rows)


def configuration() -> str:
    """Every key of the relay's part of a configuration file."""
    rows = (
        (f"`{key.removeprefix('serve.')}`", f"`{json.dumps(default_of(key))}`", meaning)
        for key, meaning in MEANINGS.items()
        if key.startswith("serve.")
    )
    return markdown_table(("key in `[serve]`", "default", "meaning"), rows)


def figures() -> str:
    """Every figure that /metrics tells."""
    rows = (
        (f"`tacit_{figure.name}{{{figure.label}}}`" if figure.label else f"`tacit_{figure.name}`", figure.meaning)
        for figure in FIGURES
    )
    return markdown_table(("metric", "meaning"), rows)


def recorded() -> str:
    """Every column that the relay keeps, by table."""
    rows = ((f"`{column.table}.{column.name}`", column.purpose, column.kept) for column in COLUMNS)
    return markdown_table(("what", "what for", "how long"), rows)


def mistakes() -> str:
    """What a start or a command of the operator can fail with."""
    rows = ((f"`{error.code}`", inspect.getdoc(error).partition("\n")[0], error.hint) for error in _operators())
    return markdown_table(("code", "what it means", "what to do"), rows)


def _operators() -> Iterator[type[TacitError]]:
    """The errors that an operator meets, by code."""
    found = {error for error in vars(errors).values() if inspect.isclass(error) and error.__module__ == errors.__name__}
    yield from sorted({*found, CannotListen, BadCertificate}, key=lambda error: error.code)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "advice": advice,
    "configuration": configuration,
    "figures": figures,
    "recorded": recorded,
    "mistakes": mistakes,
}


def filled(page: str) -> str:
    """The page with every table as the code has it now. Raises ``ValueError`` when a table has no place in it."""
    return fill(page, TABLES)


def capacity(results: dict[str, Any]) -> str:
    """What an operator needs to know before a machine is chosen, and where it was measured."""
    machine = results["machine"]
    measured = {row["what"]: f"{_number(row['value'])} {row['unit']}" for row in results["tables"]["relay"]["rows"]}
    rows = ((asked, measured[what]) for what, asked in SIZING.items() if what in measured)
    on = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {machine['python']}"
    return (
        f"{markdown_table(('measured', 'figure'), rows)}\n\n"
        f"Measured on one machine ({on}; tacit {machine['tacit']}): the relay on one core, the load on another,\n"
        "loopback with TLS between them, and nothing else at work. Each message was acknowledged once the disk had it."
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> int:
    """Write the tables in place."""
    page = filled(PAGE.read_text("utf-8"))
    for results in sys.argv[1:2]:
        measured = json.loads(Path(results).read_text("utf-8"))
        page = fill(page, {"capacity": partial(capacity, measured)})
    PAGE.write_text(page, "utf-8")
    print(PAGE.name)  # noqa: T201 - a script for people
    return 0


if __name__ == "__main__":
    sys.exit(main())
