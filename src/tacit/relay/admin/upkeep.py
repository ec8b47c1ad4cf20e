"""How the whole relay stands, what can be swept out of it, and how it is emptied of connections."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from tacit.relay import measuring
from tacit.relay.admin import shapes
from tacit.relay.admin.desk import Desk
from tacit.relay.errors import RelayStopped, TooLargeBeside
from tacit.relay.store import maintenance, roster
from tacit.relay.sweeping import sweep_once

MAX_VACUUM_BESIDE_BYTES: Final = 64 * 1024 * 1024
"""Contents that are written anew while a relay runs; nothing else reaches its disk meanwhile, for a second or two."""

MAX_BACK_IN_S: Final = 86_400

COUNT_EVERY_S: Final = 10.0
"""Whoever asks a relay that runs more often gets what was counted last: to count goes through all entries, on the
thread that reads for logins and for who has been away."""


async def stats(desk: Desk, _: shapes.Question) -> shapes.Stats:
    """Count everything, or tell what was counted some seconds ago."""
    found = await _figures(desk)
    files = await maintenance.in_thread(maintenance.files, desk.store_path)
    reusable_bytes = await desk.store.query(maintenance.reusable_bytes)
    live = desk.live
    if live is not None:
        await measuring.measure(live.context)
    return shapes.Stats(
        running=live is not None,
        draining=live is not None and live.context.stopping,
        uptime_s=None if live is None else int(live.context.clock.monotonic_s() - live.began_s),
        connections=None if live is None else live.connections(),
        transports=None if live is None else live.context.metrics.sources.crowds_by["transport_connections"](),
        sessions=None if live is None else len(live.context.sessions),
        accounts=found.accounts,
        suspended=found.suspended,
        deleted=found.deleted,
        devices=found.devices,
        conversations=found.conversations,
        entries=found.entries,
        held_bytes=found.held_bytes,
        key_packages=found.key_packages,
        invites=found.invites,
        oldest_entry_at=None if found.oldest_entry_at_ms is None else found.oldest_entry_at_ms // 1000,
        store_bytes=files.store_bytes,
        wal_bytes=files.wal_bytes,
        reusable_bytes=reusable_bytes,
        disk_free_bytes=files.disk_free_bytes,
        damaged=found.damaged,
        restored_at=found.restored_at,
        since_start={} if live is None else live.context.metrics.snapshot(),
    )


async def gc(desk: Desk, asked: shapes.Sweep) -> shapes.Swept:
    """Sweep now, bring the write-ahead log into the store, and give space back if wanted. Raises ``TooLargeBeside``."""
    before = await maintenance.in_thread(maintenance.files, desk.store_path)
    contents_bytes = before.store_bytes - await desk.store.query(maintenance.reusable_bytes)
    if asked.vacuum and desk.live is not None and contents_bytes > MAX_VACUUM_BESIDE_BYTES:
        raise TooLargeBeside
    swept = await sweep_once(desk.store, now_s=desk.steady_now_s(), retention_s=desk.retention_s, path=desk.store_path)
    if asked.vacuum:
        await maintenance.in_thread(maintenance.vacuum, desk.store_path)
    await maintenance.in_thread(maintenance.checkpoint, desk.store_path)
    after = await maintenance.in_thread(maintenance.files, desk.store_path)
    freed = before.store_bytes + before.wal_bytes - after.store_bytes - after.wal_bytes
    return shapes.Swept(
        **asdict(swept), store_bytes=after.store_bytes, wal_bytes=after.wal_bytes, freed_bytes=max(0, freed)
    )


async def drain(desk: Desk, asked: shapes.Drain) -> shapes.Draining:
    """Begin to send everybody away; ``stats`` tells how it goes. Raises ``RelayStopped``."""
    if desk.live is None:
        raise RelayStopped
    desk.live.drain(max(1, min(asked.back_in_s, MAX_BACK_IN_S)), asked.stay)
    return shapes.Draining(desk.live.connections())


async def note_backup(_: Desk, __: shapes.Question) -> shapes.Noted:
    """Take note of a backup, which a command makes of the files: the log is where one looks for it."""
    return shapes.Noted()


async def _figures(desk: Desk) -> roster.Figures:
    """How much of everything there is; of a relay that runs, one count for all who ask within ``COUNT_EVERY_S``."""
    live = desk.live
    if live is None:
        return await desk.store.query(roster.figures)
    counted = live.counted
    async with counted.counting:
        now_s = live.context.clock.monotonic_s()
        if counted.figures is None or now_s - counted.at_s >= COUNT_EVERY_S:
            counted.figures = await desk.store.query(roster.figures)
            counted.at_s = live.context.clock.monotonic_s()
        return counted.figures
