"""``tacit verify``: make sure that nobody sits between two people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tacit.cli.arguments import pass_settings
from tacit.cli.tree import Command, names_of

if TYPE_CHECKING:
    from tacit.cli.output import Output
    from tacit.cli.settings import Settings
    from tacit.sdk.types import SafetyNumberInfo


@click.command(cls=Command)
@click.argument("who", shell_complete=names_of("person"))
@click.option("--yes", is_flag=True, help="You have compared the number, and it is the same.")
@click.option("--digits", metavar="DIGITS", help="The digits that the other side shows; compared here.")
@pass_settings
def verify(settings: Settings, who: str, yes: bool, digits: str | None) -> None:
    """Show the safety number of you and WHO, and mark WHO as verified once you have compared it.

    Compare over a way that the relay does not carry: in person, or on the phone. Digits that differ end with code 4.
    """
    from tacit.cli.asking import ask_line
    from tacit.cli.output import Output
    from tacit.cli.passphrases import can_ask
    from tacit.cli.running import client, run
    from tacit.identity import SafetyNumberMismatch
    from tacit.ui import words

    async def work() -> None:
        out = Output(json=settings.json)
        async with client(settings, connect=False) as me:
            number = await me.safety_number(who)
            agreed = yes
            if not (yes or digits or settings.json):
                _show(out, number)
                if can_ask(settings) and sys.stdin.isatty() and not number.verified:
                    answer = (
                        ask_line("Does the other side show the same? [y/n, Enter: not compared yet] ") or ""
                    ).lower()
                    agreed = answer in ("y", "yes")
                    if answer in ("n", "no"):
                        raise SafetyNumberMismatch
            if agreed or digits:
                number_of = await me.verify(number.person.id, digits)
                number = await me.safety_number(number_of.id)
        value = {
            "person": number.person,
            "digits": " ".join(number.digits),
            "qr": number.qr,
            "verified": number.verified,
        }
        out.data(value, [(("", f"{words.name(number.person)}: {words.trust(number.person)}"),)])

    run(settings, work)


def _show(out: Output, number: SafetyNumberInfo) -> None:
    from tacit.ui import words

    out.talk(f"Safety number of you and {words.name(number.person)}:")
    out.rows([(("key", f"  {row}"),) for row in words.digit_rows(number.digits)])
    out.code(number.qr)
