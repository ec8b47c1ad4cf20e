"""What can go wrong in the command line itself, and what may be printed beside an error."""

from __future__ import annotations

from typing import Any

from tacit.errors import TacitError, UsageError


class BadUsage(UsageError):
    """The command line makes no sense."""


class IdentityExists(UsageError):
    """There already is an identity of that name on this machine."""

    code = "profile-exists"
    hint = "Choose another name with -P NAME."


class InternalError(TacitError):
    """Something inside tacit failed that should not be able to."""

    code = "internal"
    hint = "Please report it with what -vv --log-file FILE writes down; those lines hold no messages and no keys."


class SystemFailed(TacitError):
    """The operating system refused."""

    code = "system"


def put_beside(error: TacitError, **values: Any) -> None:
    """Have values printed beside an error as JSON: what was done before it happened."""
    vars(error)["beside"] = values


def advise(error: TacitError, hint: str) -> None:
    """Have a hint printed that fits better than the one of the error's class."""
    vars(error)["advice"] = hint


def advice(error: TacitError) -> str:
    """Return what to tell a person to do about an error."""
    found: str = vars(error).get("advice", error.hint)
    return found


def beside(error: TacitError) -> dict[str, Any]:
    """Return what is to be printed beside an error."""
    found: dict[str, Any] = vars(error).get("beside", {})
    return found
