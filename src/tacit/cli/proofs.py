"""What a person shows to begin: the code that arrived at the phone, and the key of an account that is there already."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tacit.cli import passphrases
from tacit.cli.asking import ask_line, ask_secret, check_descriptor, read_descriptor
from tacit.cli.output import talk
from tacit.cli.settings import Settings
from tacit.clock import SystemClock
from tacit.errors import TacitError, UsageError

if TYPE_CHECKING:
    from tacit.sdk.accounts import AccountFile, CodeWanted

KEY_PASSPHRASE: Final = "TACIT_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable

PAUSE_S: Final = 30.0
"""How long a person waits before asking for the same code again."""

_MAX_BYTES: Final = 64 * 1024


class CodeNeeded(UsageError):
    """A code is sent to that number, and nobody is there to type it."""

    code = "phone-code-needed"
    hint = "Run this at a terminal, or give the code on a line of its own with --code-fd N when it arrives."


class KeyUnreadable(UsageError):
    """The file with the account key cannot be read."""

    code = "key-unreadable"


class KeyPassphraseNeeded(UsageError):
    """A key file needs its passphrase, and nobody is there to type it."""

    code = "key-passphrase-needed"
    hint = f"Use --key-passphrase-fd N or {KEY_PASSPHRASE}."


class PhoneMissing(UsageError):
    """The relay takes new accounts with a phone number only."""

    code = "phone-needed"
    hint = "Give yours with --phone, such as --phone +491701234567; a code is sent to it."


class CodeReader:
    """Asks for the code, of a person at the terminal or of a script at a descriptor."""

    def __init__(self, settings: Settings, descriptor: int | None) -> None:
        self._settings = settings
        self._descriptor = descriptor
        self._clock = SystemClock()
        self._sent_at_s = 0.0
        self.was_asked = False

    def check(self) -> None:
        """Raise unless somebody can be asked, before anything is sent anywhere.

        ``CodeNeeded``, or ``DescriptorUnreadable`` for a descriptor that nobody has opened.
        """
        if self._descriptor is not None:
            check_descriptor(self._descriptor)
        elif not (passphrases.can_ask(self._settings) and sys.stdin.isatty()):
            raise CodeNeeded

    async def __call__(self, wanted: CodeWanted) -> str:
        """Ask. An empty answer has another code sent. Raises ``CodeNeeded`` where nobody answers."""
        self.was_asked = True
        if not wanted.was_wrong:
            self._sent_at_s = self._clock.monotonic_s()
        talk(sentence_for(wanted))
        while True:
            if self._descriptor is not None:
                line = read_descriptor(self._descriptor)
            else:
                line = ask_line("Code (Enter alone for another one): ")
            if line is None or (not line and self._descriptor is not None):
                raise CodeNeeded
            left_s = self._sent_at_s + PAUSE_S - self._clock.monotonic_s()
            if line or left_s <= 0:
                return line
            talk(f"Give it a little more time: another one can be sent in {left_s:.0f} seconds.")


def sentence_for(wanted: CodeWanted) -> str:
    """What to tell a person who is asked for a code."""
    if wanted.was_wrong:
        left = "One try is left" if wanted.tries_left == 1 else f"{wanted.tries_left} tries are left"
        return f"That is not the code. {left}."
    if wanted.has_expired:
        return f"That code is no longer good. Another one is on its way to {wanted.phone}."
    return f"A code of six digits is on its way to {wanted.phone}."


def ask_phone(settings: Settings, *, again: bool = False) -> str:
    """Ask for a phone number. Raises ``PhoneMissing`` where nobody can be asked."""
    if not passphrases.can_ask(settings) or not sys.stdin.isatty():
        raise PhoneMissing
    if not again:
        talk("This relay asks for a phone number, and sends a code to it. It keeps a hash that says that it is taken.")
    line = ask_line("Phone number, with + and the code of its country: ")
    if not line:
        raise PhoneMissing
    return line


def account_file(settings: Settings, path: str, descriptor: int | None) -> AccountFile:
    """The key in a file, opened with its passphrase if it has one.

    Raises ``KeyUnreadable``, ``KeyPassphraseNeeded``, or as ``AccountFile.check``.
    """
    from tacit.sdk.accounts import AccountFile

    try:
        with Path(path).expanduser().open("rb") as file:
            pem = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise KeyUnreadable(error.strerror or "") from None
    found = AccountFile(pem)
    if found.is_sealed:
        return _opened(settings, pem, _given(descriptor))
    found.check()
    return found


def new_key_passphrase(settings: Settings, descriptor: int | None) -> str:
    """A passphrase for a key file that is written. Raises ``KeyPassphraseNeeded``."""
    given = _given(descriptor)
    if given is not None:
        return given
    if not passphrases.can_ask(settings):
        raise KeyPassphraseNeeded
    talk("The file gets a passphrase of its own. Whoever has both is you, everywhere and for good.")
    return passphrases.ask_twice(
        "Passphrase of the key file: ", if_empty="It cannot be empty; --no-passphrase writes the key as it is."
    )


def _opened(settings: Settings, pem: bytes, given: str | None) -> AccountFile:
    """A given passphrase that is wrong is an error; a typed one may be typed again."""
    from tacit.sdk.accounts import AccountFile

    if given is None and not passphrases.can_ask(settings):
        raise KeyPassphraseNeeded
    notice = ""
    for left in (2, 1, 0):
        file = AccountFile(pem, given if given is not None else ask_secret(f"{notice}Passphrase of the key file: "))
        try:
            file.check()
        except TacitError as error:
            if given is not None or not left or error.code != "wrong-passphrase":
                raise
            notice = "That is not its passphrase.\n"
        else:
            break
    return file


def _given(descriptor: int | None) -> str | None:
    if descriptor is not None:
        return read_descriptor(descriptor) or ""
    return os.environ.get(KEY_PASSPHRASE) or None
