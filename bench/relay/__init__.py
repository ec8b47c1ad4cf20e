"""The relay as an operator meets it: real processes on loopback, TLS on, the store on the disk.

The load generator is a process of its own (``load``), and where there are two cores the relay has one of them to
itself and the generator the other. Peers do the same work in the same run, each alone on the relay's core. Nothing is
left behind: processes end, folders go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measure import Table


def table(
    *,
    quick: bool = False,
    pin: bool | None = None,
    only: Sequence[str] = (),
    seconds: float | None = None,
    picture: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Table:
    """Measure, all of it or the parts that are named; with ``picture``, draw the curves as well."""
    # The load generator is a module of this package and has no use for all the others.
    from bench.relay.parts import run

    return run(quick=quick, pin=pin, only=only, seconds=seconds, picture=picture, say=say)
