"""What goes wrong in this program itself, and what it is put down to, so that all the rest goes on.

A turn that meets such a fault has never been: nothing of it is on disk or in memory. It is taken again without the one
thing that the fault is put down to. Where that is not plain, inputs are taken one by one until it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from tacit import limits
from tacit.errors import TacitError
from tacit.log import EventLog

log = EventLog("client.faults")

MOST_FAULTS: Final = 20
WITHIN_S: Final = float(limits.HOUR_S)
"""More than so many in so much time, and the client ends: it would only go round in circles."""

TURNS_ONE_BY_ONE: Final = 512
"""For so many turns inputs are taken one by one after a fault that could not be put down to any of them."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The one thing that a fault is put down to; while this process runs it is passed over."""

    kind: Literal["operation", "entry", "log", "chat"]
    what: Hashable
    """The place of an operation among the inputs, log and number of an entry, or the ID of a log or a chat."""


class Fault(Exception):
    """This program failed in a turn, of which nothing has happened."""

    def __init__(self, blame: Blame | None = None) -> None:
        super().__init__()
        self.blame = blame


class Adrift(Exception):
    """This program failed after a turn was written down and before memory followed: it must not go on."""


@contextmanager
def blaming(blame: Blame) -> Iterator[None]:
    """Put down to one thing what goes unexpectedly wrong inside."""
    try:
        yield
    except (TacitError, Fault):
        raise
    except Exception as error:
        raise Fault(blame) from error


class Faults:
    """What the faults of a running client were put down to."""

    def __init__(self) -> None:
        self._blamed: frozenset[Blame] = frozenset()
        self._one_by_one = 0
        self._times: deque[float] = deque(maxlen=MOST_FAULTS)

    @property
    def blamed(self) -> frozenset[Blame]:
        """What turns pass over; operations are not among it, since they are simply not done again."""
        return self._blamed

    @property
    def one_by_one(self) -> bool:
        """Whether inputs are taken one by one."""
        return self._one_by_one > 0

    def note_turn(self) -> None:
        """A turn went well."""
        self._one_by_one = max(0, self._one_by_one - 1)

    def note(self, error: BaseException, now_s: float) -> None:
        """Tell of a fault without its own words, which may quote anything; raises it when there is no going on."""
        log.fault(error.__cause__ or error)
        if isinstance(error, Adrift):
            raise error
        if len(self._times) == MOST_FAULTS and now_s - self._times[0] < WITHIN_S:
            raise error
        self._times.append(now_s)

    def put_down_to(self, blame: Blame | None) -> None:
        """Pass something over from now on, or find out what by taking inputs one by one."""
        if blame is None:
            self._one_by_one = TURNS_ONE_BY_ONE
        elif blame in self._blamed:
            raise Adrift("what was to be passed over fails all the same")
        elif blame.kind != "operation":
            self._blamed |= {blame}
