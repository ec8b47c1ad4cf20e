"""``tacit relay stats``, ``gc`` and ``drain``: how the relay stands, what it can let go of, and how it is emptied."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from tacit.cli.arguments import Span
from tacit.cli.relay_asking import ask, relay_settings
from tacit.cli.tree import Command
from tacit.errors import ExitCode, TacitError, TransportError

if TYPE_CHECKING:
    from tacit.cli.output import Output
    from tacit.cli.settings import Settings

WATCH_S = 2.0
LOOK_S = 0.2
DRAIN_TIMEOUT_S = 60.0
"""The relay cuts off after ten seconds whoever does not go; the rest is for closing the store."""


class NotDrained(TacitError):
    """The relay has not come to its end in time."""

    code = "not-drained"
    exit_code = ExitCode.TIMEOUT
    hint = "tacit relay stats tells who is left; SIGTERM ends it in any case."


@click.command("stats", cls=Command)
@click.option("--watch", is_flag=True, help=f"Print it again every {WATCH_S:.0f} seconds, until Ctrl+C.")
@click.pass_context
def stats(ctx: click.Context, watch: bool) -> None:
    """Show on one page how the relay stands: people, what waits, the disk, and what was served since it started.

    Counts since the start are rounded down, as in the metrics.
    """
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    while True:
        found = ask(settings, "stats")
        out.pairs(found, relay_words.stats_pairs(found))
        if not watch:
            return
        time.sleep(WATCH_S)
        if not settings.json:
            out.rows([(("", ""),)])


@click.command("gc", cls=Command)
@click.option("--vacuum", is_flag=True, help="Write the store anew, so that its free space goes back to the system.")
@click.pass_context
def gc(ctx: click.Context, vacuum: bool) -> None:
    """Drop now what is past its time, which a running relay does every quarter of an hour, and say what went."""
    from tacit.cli import relay_words
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    swept = ask(settings, "gc", vacuum=vacuum)
    Output(json=settings.json).pairs(swept, relay_words.swept_pairs(swept))


@click.command("drain", cls=Command)
@click.option(
    "--back-in", metavar="SPAN", type=Span(), default="1m", show_default=True, help="When clients may come back."
)
@click.option("--stay", is_flag=True, help="Let the relay run on without clients, for a look at it or a backup.")
@click.pass_context
def drain(ctx: click.Context, back_in: int, stay: bool) -> None:
    """Empty a running relay: nobody new comes in, requests are finished, everybody is sent away; then it ends.

    Entries that wait stay in the store. Clients come back by themselves after --back-in.
    """
    from tacit.cli.output import Output

    settings = relay_settings(ctx)
    out = Output(json=settings.json)
    left = ask(settings, "drain", back_in_s=back_in, stay=stay)["connections"]
    running = _follow(settings, out, left, stay=stay)
    words = "It runs on without clients; tacit relay drain ends it." if running else "It has ended."
    out.data({"drained": True, "running": running}, [(("good", words),)])


def _follow(settings: Settings, out: Output, left: int, *, stay: bool) -> bool:
    """Tell how many are left until nobody is, and the relay has ended unless it is to stay; whether it runs."""
    from tacit.cli.relay_words import several
    from tacit.relay.errors import ControlUnavailable

    until_s = time.monotonic() + DRAIN_TIMEOUT_S
    told: int | None = None
    while time.monotonic() < until_s:
        if left != told:
            out.talk(f"{several(left, 'connection')} left." if left else "No connection is left.")
            told = left
        if stay and not left:
            return True
        try:
            found: dict[str, Any] = ask(settings, "stats")
        except (TransportError, ControlUnavailable):  # it hung up while it was asked, or is closing its store
            found = {"running": True, "connections": left}
        if not found["running"]:
            return False
        left = found["connections"]
        time.sleep(LOOK_S)
    raise NotDrained
