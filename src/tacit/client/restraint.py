"""What anybody with a room's link can make this device do again and again, it does ever less often.

It is kept in the store with the very change that it is about: however often a client is started anew, for one message
each time say, it does no more than one that keeps running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from tacit import limits
from tacit.client.model import GroupId
from tacit.codec import Reader, Writer

Kind: TypeAlias = Literal["mend", "look", "return"]
Deed: TypeAlias = tuple[Kind, GroupId]
"""To mend the door of a room, to look through it where the others are, to come back by it."""

SHORTEST_PAUSE_S: Final = limits.MINUTE_S
LONGEST_PAUSE_S: Final = 16 * limits.MINUTE_S
"""After the first time a minute, after each further one twice as long, up to this: about four times an hour."""

FORGOTTEN_AFTER_S: Final = 2 * limits.HOUR_S
"""Whoever had no cause for so long begins anew."""

_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""In the store each by its place here."""


@dataclass(frozen=True, slots=True)
class Restraint:
    """Deeds, each with when it was last done in Unix seconds, and how long to leave it alone from then on."""

    done: Mapping[Deed, tuple[int, int]] = field(default_factory=dict)

    def wait_s(self, deed: Deed, now_s: float) -> float:
        """How long this deed has still to wait; 0 when it may be done now."""
        last_s, pause_s = self.done.get(deed, (0, 0))
        # Nothing has been done after now: then the clock was wrong, and nobody waits for that.
        return max(0.0, last_s + pause_s - now_s) if last_s <= now_s else 0.0

    def after(self, deed: Deed, now_s: float) -> Restraint:
        """The same when this deed has been done as well; what is forgotten goes."""
        now = int(now_s)
        known = {d: (last_s, p) for d, (last_s, p) in self.done.items() if 0 <= now - last_s < FORGOTTEN_AFTER_S}
        _, pause_s = known.get(deed, (0, 0))
        return Restraint({**known, deed: (now, min(2 * pause_s, LONGEST_PAUSE_S) or SHORTEST_PAUSE_S)})

    def encode(self) -> bytes:
        """The form in the store."""
        w = Writer()
        for (kind, group_id), (last_s, pause_s) in self.done.items():
            w.u8(_KINDS.index(kind))
            w.opaque(group_id)
            w.u64(last_s)
            w.u32(pause_s)
        return w.finish()

    @classmethod
    def decode(cls, data: bytes) -> Restraint:
        """What ``encode`` made."""
        r, done = Reader(data), dict[Deed, tuple[int, int]]()
        while r.remaining:
            deed = (_KINDS[r.u8()], GroupId(r.opaque()))
            done[deed] = (r.u64(), r.u32())
        return cls(done)
