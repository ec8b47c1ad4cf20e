"""Making an identity on this machine: the name and the passphrase are asked for where nobody gave them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

from tacit.cli import passphrases
from tacit.cli.asking import ask_line
from tacit.cli.output import talk
from tacit.cli.running import say
from tacit.cli.settings import Settings
from tacit.errors import TacitError, UsageError
from tacit.ui.patience import patiently

ASKED_AGAIN: Final = ("handle-taken", "bad-handle")
"""Codes after which a person may try another name."""


class NameNeeded(UsageError):
    """A new identity needs a name, and nobody is there to type one."""

    code = "name-needed"
    hint = "Give it with --name NAME."


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person says about a new identity."""

    name: str
    passphrase: str | None
    name_was_asked: bool


def ask(settings: Settings, *, name: str | None, no_passphrase: bool) -> Answers:
    """Ask for what nobody gave; fails at once where nobody can be asked."""
    chosen = name if name is not None else _ask_name(settings)
    passphrase = passphrases.ask_new(settings, none=no_passphrase)
    return Answers(chosen, passphrase, name_was_asked=name is None)


async def create(settings: Settings, answers: Answers, relay: str) -> None:
    """Make the identity of this profile at a relay.

    Raises as ``Client.create``; a name that is taken is asked for again when a person was asked before.
    """
    from tacit.sdk import Client

    name = answers.name
    while True:
        making = Client.create(
            settings.profile, name=name, relay=relay, passphrase=answers.passphrase, data_dir=settings.root
        )
        try:
            return await patiently(making, "Making keys and telling the relay.", say)
        except TacitError as error:
            if not answers.name_was_asked or error.code not in ASKED_AGAIN:
                raise
            talk(f"{error.sentence} {error.hint}".rstrip())
            name = _ask_name(settings)


def _ask_name(settings: Settings) -> str:
    if not passphrases.can_ask(settings) or not sys.stdin.isatty():
        raise NameNeeded
    from tacit.identity import BadHandle, parse_handle

    suggestion = _login_name()
    talk("Your name at the relay: small letters, digits, dots, dashes. Others find you as @name.")
    while True:
        line = ask_line(f"Name{f' [{suggestion}]' if suggestion else ''}: ")
        if line is None:
            raise NameNeeded
        try:
            return parse_handle(line.lower() or suggestion)
        except BadHandle as error:
            talk(f"{error.sentence} {error.hint}")


def _login_name() -> str:
    name = os.environ.get("USER", "").lower()
    return name if name != "root" and name.replace("-", "").replace("_", "").isalnum() and name.isascii() else ""
