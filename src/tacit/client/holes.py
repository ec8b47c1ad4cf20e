"""Numbers that a log skips: asked for once more before they count as gone.

On an honest way numbers come without holes, but for entries that grew too old. When one is skipped, the log is asked
for again from the place reached, and what came too early waits for its turn. What does not come then is gone: the log
is read once more over the hole, and a line says how much is missing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from tacit.client.batch import Batch
from tacit.client.core.state import GroupState
from tacit.client.model import GroupId
from tacit.wire import relay_pb2 as pb

MAX_EARLY: Final = 128
"""Entries of one log that are kept for their turn; more than that come again anyway."""


class Hole(StrEnum):
    """How a log is read at the moment, when not in the ordinary way."""

    ASKED = "asked"  # a number was skipped; only what continues without a hole is taken
    GONE = "gone"  # it did not come a second time either; holes are taken as they are


def may_take(batch: Batch, state: GroupState, entry: pb.Entry) -> bool:
    """Whether an entry is to be taken in now; one that skips a number is left for the answer to a second question."""
    conversation = state.conversation
    group_id = conversation.group_id
    continues = entry.seq == conversation.cursor + 1
    joined_here = conversation.cursor == 0 and state.group.epoch > 0
    if continues or joined_here or batch.books.holes.get(group_id) is Hole.GONE:
        return True
    early = batch.books.early.setdefault(group_id, {})
    if len(early) < MAX_EARLY:
        early[entry.seq] = entry
    if group_id not in batch.books.holes:
        batch.books.holes[group_id] = Hole.ASKED
        batch.listen.add(group_id)
    return False


def next_early(batch: Batch, log_id: bytes) -> pb.Entry | None:
    """The entry that came too early and whose turn it is now."""
    early = batch.books.early.get(GroupId(log_id))
    state = batch.state(GroupId(log_id)) if early else None
    if not early or state is None:
        return None
    cursor = state.conversation.cursor
    for seq in [seq for seq in early if seq <= cursor]:
        del early[seq]
    return early.pop(cursor + 1, None)


def note_listening(batch: Batch, state: GroupState, told: pb.LogState) -> bool:
    """The answer to a question for a log; says whether all of it has been taken in."""
    group_id = state.conversation.group_id
    was = batch.books.holes.pop(group_id, None)
    if was is not Hole.ASKED or state.conversation.cursor >= told.last_seq:
        return True
    batch.books.holes[group_id] = Hole.GONE
    batch.books.early.pop(group_id, None)
    batch.listen.add(group_id)
    return False
