"""From the answer of a running relay back to the error that it stands for."""

from __future__ import annotations

from typing import Final

from tacit.errors import TacitError
from tacit.identity import BadHandle, BadId
from tacit.relay import errors as relay_errors
from tacit.relay.control_lines import Failure
from tacit.wire import errors as wire_errors
from tacit.wire.errors import UnknownRefusal


def refused(failure: Failure) -> TacitError:
    """The error that an answer stands for, as this program words it."""
    known = KNOWN.get(failure.code)
    return UnknownRefusal(failure.code) if known is None else known(failure.detail)


KNOWN: Final[dict[str, type[TacitError]]] = {
    error.code: error
    for module in (wire_errors, relay_errors)
    for error in (*vars(module).values(), BadId, BadHandle)
    if isinstance(error, type) and issubclass(error, TacitError)
}
"""Errors by the code that they go by in an answer."""
