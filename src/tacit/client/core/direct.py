"""Which group a chat is written to: a direct chat has one for each time that the two began it.

Everyone writes to the one with the smallest group ID that both are in, so two who begin at the same moment end up in
one without a word about it; all of them are read.
"""

from __future__ import annotations

from collections.abc import Iterable

from tacit.client.core.state import GroupState, Me
from tacit.client.model import ConversationStatus


def primary(states: Iterable[GroupState], me: Me) -> GroupState | None:
    """The conversation to write to, or the one that is becoming it; None when a new one must begin."""
    living = [s for s in states if s.conversation.status in (ConversationStatus.ACTIVE, ConversationStatus.CREATING)]
    both_in = [s for s in living if s.is_active and s.others(me)]
    return min(both_in or living, key=lambda s: s.group_id, default=None)


def is_merging(before: Iterable[GroupState], joined: GroupState, me: Me) -> bool:
    """Whether a chat that both were in already gets a second group."""
    return any(s.is_active and s.others(me) and s.group_id != joined.group_id for s in before)
