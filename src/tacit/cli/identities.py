"""Making an identity on this machine: the name and the passphrase are asked for where nobody gave them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tacit.cli import passphrases
from tacit.cli.asking import ask_line
from tacit.cli.errors import advise
from tacit.cli.output import talk
from tacit.cli.proofs import CodeReader, ask_phone
from tacit.cli.running import say
from tacit.cli.settings import Settings
from tacit.errors import TacitError, UsageError
from tacit.ui.patience import patiently

if TYPE_CHECKING:
    from tacit.sdk.accounts import NewKey

ASKED_AGAIN: Final = ("handle-taken", "bad-handle")
"""Codes after which a person may try another name."""

PHONE_ASKED_AGAIN: Final = ("bad-phone", "phone-refused", "phone-taken")
"""Codes after which a person may try another number."""


INVITE_FIRST: Final = (
    "Ask whoever runs it for an invite link. tacit init --relay with that link makes an identity there, and then this "
    "link works too."
)
"""The link of a person or a room says nothing of who may register."""


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


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person shows a relay besides: a number, and a key."""

    phone: str = ""
    findable: bool = False
    code_fd: int | None = None
    """Where a script says the code."""
    key: NewKey = "ed25519"


NOTHING_SHOWN: Final = Shown()


def ask(settings: Settings, *, name: str | None, no_passphrase: bool, shown: Shown = NOTHING_SHOWN) -> Answers:
    """Ask for what nobody gave; fails at once where nobody can be asked.

    Who brings an account along is asked for no name: most likely it has one.
    """
    if shown.phone:
        CodeReader(settings, shown.code_fd).check()
    asked = name is None and isinstance(shown.key, str)
    chosen = _ask_name(settings) if asked else name or ""
    passphrase = passphrases.ask_new(settings, none=no_passphrase)
    return Answers(chosen, passphrase, name_was_asked=asked)


async def create(settings: Settings, answers: Answers, relay: str, shown: Shown = NOTHING_SHOWN) -> None:
    """Make the identity of this profile at a relay.

    Raises as ``Client.create``; a name or a number that the relay does not take is asked for again when a person was
    asked before.
    """
    from tacit.sdk import Client
    from tacit.sdk.parts import through

    name, phone = answers.name, shown.phone
    reader = CodeReader(settings, shown.code_fd)
    while True:
        making = Client.create(
            settings.profile,
            name=name,
            relay=relay,
            passphrase=answers.passphrase,
            data_dir=settings.root,
            parts=through(settings.proxy),
            key=shown.key,
            phone=phone,
            findable=shown.findable,
            ask_code=reader,
        )
        try:
            # With a number there are questions in between, and nobody waits without knowing for what.
            await (making if phone else patiently(making, "Making keys and telling the relay.", say))
        except TacitError as error:
            if answers.name_was_asked and error.code in ASKED_AGAIN:
                _tell(error)
                name = _ask_name(settings)
            elif not shown.phone and error.code == "phone-needed":
                phone = ask_phone(settings)
            elif not shown.phone and phone and error.code in PHONE_ASKED_AGAIN:
                _tell(error)
                phone = ask_phone(settings, again=True)
            else:
                if error.code == "invite-needed":
                    advise(error, INVITE_FIRST)
                raise
        else:
            if phone and not reader.was_asked:
                talk("The relay asked for no code, so your number proves nothing there.")
            return


def _tell(error: TacitError) -> None:
    talk(f"{error.sentence} {error.hint}".rstrip())


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
