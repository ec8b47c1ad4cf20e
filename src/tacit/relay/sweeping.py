"""Drops what is past its time: one sweep, for a relay that runs and for one that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tacit.limits import RETENTION_S
from tacit.relay.store import Store, Tables, damage, departures, invites, key_packages, phones, reading, returns
from tacit.relay.store.migrations import drop_snapshots

SWEEP_ENTRIES: Final = 128
"""What one transaction of a sweep drops at most; whoever waits for the disk meanwhile waits no longer than that."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How much went."""

    entries: int
    """Entries that nobody fetched in time."""
    answers: int
    key_packages: int
    """KeyPackages and digests of KeyPackages that have expired."""
    invites: int
    damage_reports: int
    snapshots: int
    """Copies that an update made of the store."""


async def sweep_once(store: Store, *, now_s: int, retention_s: int, path: Path | None) -> Swept:
    """Drop everything that is past its time; ``path`` is the store's file. Raises ``RelayError``."""
    old_s = now_s - retention_s
    drop_older = partial(reading.drop_older, received_before_ms=old_s * 1000, now_s=now_s, max_entries=SWEEP_ENTRIES)
    entries = await _in_steps(store, drop_older)
    drop_old_answers = partial(reading.drop_old_answers, dropped_before=old_s, at_most=SWEEP_ENTRIES)
    answers = await _in_steps(store, drop_old_answers)
    await store.change(partial(returns.forget_old, before=old_s, now_s=now_s))
    await store.change(partial(returns.end_all, before=now_s - RETENTION_S))  # as long as clients keep entries
    expired = await _in_steps(store, partial(key_packages.drop_expired, now_s=now_s, at_most=SWEEP_ENTRIES))
    ended = await store.change(partial(invites.drop_ended, ended_before=old_s))
    reports = await store.change(partial(damage.forget, found_before=old_s))
    await store.change(partial(phones.forget_sent, now_s=now_s))
    await clear_departed(store, now_s)
    snapshots = 0 if path is None else await store.change(lambda _: drop_snapshots(path, old_s))
    return Swept(entries, answers, expired, ended, reports, snapshots)


async def clear_departed(store: Store, now_s: int) -> None:
    """Clear up after accounts that were deleted, step by step. Raises ``RelayError``."""
    while await store.change(partial(departures.clear, now_s=now_s)):
        pass


async def _in_steps(store: Store, drop: Callable[[Tables], int]) -> int:
    """Drop so many at a time until there are no more; returns how many went."""
    total = dropped = await store.change(drop)
    while dropped == SWEEP_ENTRIES:
        dropped = await store.change(drop)
        total += dropped
    return total
