"""``tacit status``: how everything stands, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command

if TYPE_CHECKING:
    from tacit.cli.settings import Settings
    from tacit.sdk.types import StatusInfo


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Reach the relay too, and fail with the reason if that does not work.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=15.0,
    show_default=True,
    help="Seconds for --check.",
)
@pass_settings
def status(settings: Settings, check: bool, timeout: float) -> None:
    """Show how this profile stands: who you are, which relay, and what waits to go out.

    In a script, to be sure that the relay can be reached: tacit status --check && tacit send ...
    """
    import dataclasses

    from tacit.cli.output import Output
    from tacit.cli.running import client, run, say
    from tacit.cli.standing_invite import link_for_others
    from tacit.ui.layout import link_row
    from tacit.ui.patience import patiently
    from tacit.ui.words import YOUR_LINK

    async def work() -> None:
        async with client(settings, connect=check) as me:
            if check:
                await patiently(me.wait_caught_up(timeout), "Waiting for the relay.", say)
            found = await me.status()
            link = link_for_others(settings, found.contact_link)
        value = dataclasses.replace(found, contact_link=link)
        out = Output(json=settings.json)
        out.pairs(value, _lines(value, check=check))
        if not settings.json:
            out.talk(YOUR_LINK)
            out.rows([link_row(link)])

    run(settings, work)


def _lines(status: StatusInfo, *, check: bool) -> list[tuple[str, str]]:
    from tacit.ui import words

    lines = words.status_lines(status)
    return (
        lines
        if check
        else [(label, "not tried, see --check") if label == "connection" else (label, text) for label, text in lines]
    )
