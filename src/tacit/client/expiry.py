"""What goes with time alone: keys of past epochs, where no message comes that would make them go, and kept entries.

The store knows when the oldest keys of each group expire, so nothing is loaded of groups where nothing does.
"""

from __future__ import annotations

from dataclasses import replace

from tacit import limits
from tacit.client.batch import Batch


def drop_expired_keys(batch: Batch) -> None:
    """Have the keys of past epochs deleted that nobody may need any more, and entries as old as a relay keeps them."""
    for group_id in batch.books.store.groups_with_expired_keys(int(batch.ctx.now_s)):
        state = batch.state(group_id)
        if state is not None:
            batch.put_state(replace(state, group=state.group.without_expired(batch.ctx.now_s)))
    batch.changes.drop_kept_before = int(batch.ctx.now_s) - limits.RETENTION_S
