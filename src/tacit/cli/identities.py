"""Making an identity on this machine: the name and the passphrase are asked for where nobody gave them."""

from __future__ import annotations

import asyncio
import os
import sys

from tacit.cli import passphrases
from tacit.cli.running import say
from tacit.cli.settings import Settings
from tacit.errors import TacitError, UsageError
from tacit.ui.patience import patiently
from tacit.ui.text import clean_line

ASKED_AGAIN = ("handle-taken", "bad-handle")
"""Codes after which a person may try another name."""


class NameNeeded(UsageError):
    """A new identity needs a name, and nobody is there to type one."""

    code = "name-needed"
    hint = "Give it with --name NAME."


async def create(settings: Settings, *, name: str | None, relay: str, no_passphrase: bool) -> str:
    """Make the identity of this profile at a relay and return its passphrase, empty for none.

    Raises as ``Client.create``; a name that is taken is asked for again when a person is there.
    """
    from tacit.sdk import Client

    asking = name is None
    chosen = name if name is not None else await asyncio.to_thread(_ask_name, settings)
    passphrase = await asyncio.to_thread(passphrases.ask_new, settings, none=no_passphrase)
    while True:
        making = Client.create(
            settings.profile, name=chosen, relay=relay, passphrase=passphrase, data_dir=settings.root
        )
        try:
            await patiently(making, "Making keys and telling the relay.", say)
        except TacitError as error:
            if not asking or error.code not in ASKED_AGAIN:
                raise
            sys.stderr.write(f"{clean_line(error.sentence)} {clean_line(error.hint)}\n")
            chosen = await asyncio.to_thread(_ask_name, settings)
        else:
            return passphrase or ""


def _ask_name(settings: Settings) -> str:
    if not passphrases.can_ask(settings) or not sys.stdin.isatty():
        raise NameNeeded
    suggestion = _login_name()
    sys.stderr.write("Your name at the relay: small letters, digits, dots, dashes. Others find you as @name.\n")
    while True:
        sys.stderr.write(f"Name{f' [{suggestion}]' if suggestion else ''}: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise NameNeeded
        if chosen := line.strip().removeprefix("@").lower() or suggestion:
            return chosen


def _login_name() -> str:
    name = os.environ.get("USER", "").lower()
    return name if name != "root" and name.replace("-", "").replace("_", "").isalnum() and name.isascii() else ""
