"""A relay with bad intentions, played by whoever sits on the ways between an honest relay and its clients.

It may do to frames all that a relay could: change, invent, drop, mix up, tell each client another story. It has no key
of any client, so whatever it can get past one is a break of tacit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tacit.testing.links import Deliver, Meddler, Passing, Step, Way
from tacit.wire.frames import RequestBody, ResponseBody, encode_request, encode_response

Rewrite: TypeAlias = Callable[[Any], Any]
"""Gets a copy of the body; returns the body to pass on, a list of bodies, or None to drop it."""


def rewrite(name: str, change: Rewrite) -> Meddler:
    """Change every frame of a name on its way to the client."""

    def meddle(passing: Passing) -> Sequence[Step] | None:
        if passing.to_relay or passing.name != name:
            return None
        copy = type(passing.body)()
        copy.CopyFrom(passing.body)
        return [Deliver(encode_response(passing.request_id, body)) for body in _listed(change(copy))]

    return meddle


def rewrite_request(name: str, change: Rewrite) -> Meddler:
    """Change every request of a name on its way to the relay."""

    def meddle(passing: Passing) -> Sequence[Step] | None:
        if not passing.to_relay or passing.name != name:
            return None
        copy = type(passing.body)()
        copy.CopyFrom(passing.body)
        bodies: list[RequestBody] = _listed(change(copy))
        return [Deliver(encode_request(passing.request_id, body)) for body in bodies]

    return meddle


def push(way: Way, body: ResponseBody) -> None:
    """Send a client something that nobody asked for."""
    way.inject(encode_response(0, body))


def _listed(changed: Any) -> list[Any]:
    if changed is None:
        return []
    return list(changed) if isinstance(changed, list | tuple) else [changed]
