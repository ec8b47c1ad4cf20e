"""The families of errors: whose fault it is, and so what happens next.

Every error that a person or a script can meet derives from one family here and carries a stable ``code``. The first
paragraph of a class's docstring is the sentence that a person sees; ``hint`` says what to do about it. Neither ever
holds content, keys or paths; ``detail`` may name what the caller himself passed in (a name, a link, a file).
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of the command line; stable."""

    OK = 0
    GENERAL = 1
    USAGE = 2
    NETWORK = 3
    UNTRUSTED = 4
    RATE_LIMITED = 5
    LOCKED = 6
    NOT_FOUND = 7
    PARTIAL = 8
    TIMEOUT = 124


class TacitError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.GENERAL
    hint: ClassVar[str] = ""

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s

    @property
    def sentence(self) -> str:
        """What a person reads: the first paragraph of the class's docstring, then the detail if there is one."""
        paragraph = (type(self).__doc__ or "").split("\n\n", 1)[0]
        words = " ".join(paragraph.split())
        return f"{words.rstrip('.')}: {self.detail}" if self.detail else words


class UsageError(TacitError):
    """The request makes no sense as it stands."""

    code = "usage"
    exit_code = ExitCode.USAGE


class PeerError(TacitError):
    """Another device sent something that is broken or hostile; it was dropped."""

    code = "peer"


class RelayError(TacitError):
    """The relay refused the request."""

    code = "relay"
    exit_code = ExitCode.NETWORK


class TransportError(TacitError):
    """The relay cannot be reached."""

    code = "transport"
    exit_code = ExitCode.NETWORK


class StorageError(TacitError):
    """The store on this machine cannot be used."""

    code = "storage"


class ConfigError(TacitError):
    """The configuration is wrong."""

    code = "config"
    exit_code = ExitCode.USAGE


class DecodeError(PeerError):
    """The bytes are not a valid encoding."""

    code = "malformed"


class InvalidMessage(PeerError):
    """A message broke a rule of MLS.

    ``check`` is the ID of the rule, ``section/rule``, such as ``7.9.2/parent-hash``.
    """

    code = "invalid-message"

    def __init__(self, check: str, detail: str = "") -> None:
        super().__init__(f"{check}: {detail}" if detail else check)
        self.check = check


class CryptoError(PeerError):
    """A signature, a key or a ciphertext is not authentic."""

    code = "not-authentic"


class NotFound(UsageError):
    """There is nothing by that name."""

    code = "not-found"
    exit_code = ExitCode.NOT_FOUND


class Untrusted(TacitError):
    """The other side is not who it should be."""

    code = "untrusted"
    exit_code = ExitCode.UNTRUSTED


class Locked(StorageError):
    """The profile cannot be opened."""

    code = "locked"
    exit_code = ExitCode.LOCKED
