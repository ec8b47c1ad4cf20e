"""The KeyPackages that lie at the relay so that others can reach this device while it is away.

Their private halves are on disk before their public halves leave; what expires unused is swept away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tacit import limits, mls
from tacit.client.batch import Batch
from tacit.client.core.group_info import GROUP_INFO_EXTENSION
from tacit.client.model import KeyPackageRow
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.wire import relay_pb2 as pb

LOW: Final = limits.ONE_TIME_KEY_PACKAGES // 2
"""Below this many at the relay the stock is filled up again."""

CHECK_EVERY_S: Final = limits.DAY_S
"""How often a client that stays online asks how many are left."""

RENEW_BEFORE_S: Final = 7 * limits.DAY_S
"""A last-resort KeyPackage is replaced this long before it expires."""

KEEP_EXPIRED_S: Final = limits.DAY_S
"""How long private halves outlive their KeyPackage, for invitations that are on their way."""


def refill(batch: Batch, at_relay: int, *, last_resort_used: bool) -> list[pb.KeyPackage]:
    """Make what is missing and keep its private halves; returns what to publish once the batch is saved."""
    store, now = batch.books.store, batch.ctx.now_s
    count = limits.ONE_TIME_KEY_PACKAGES - at_relay if at_relay <= LOW else 0
    made = [_make(batch, last_resort=False) for _ in range(count)]
    last = store.last_resort()
    if last is None or last_resort_used or last.expires_at - now < RENEW_BEFORE_S:
        _retire_last_resorts(batch)
        made.append(_make(batch, last_resort=True))
    batch.changes.sweep_bundles_before = int(now)
    return made


def _retire_last_resorts(batch: Batch) -> None:
    """Let earlier last-resort keys open what is on its way, and then nothing any more."""
    until = int(batch.ctx.now_s) + KEEP_EXPIRED_S
    for row in batch.books.store.bundles():
        if row.last_resort and row.expires_at > until:
            batch.changes.bundles.append(replace(row, expires_at=until))


def _make(batch: Batch, *, last_resort: bool) -> pb.KeyPackage:
    ctx = batch.ctx
    expires_at = int(ctx.now_s) + limits.KEY_PACKAGE_LIFETIME_S
    bundle = mls.create_key_package(
        DEFAULT_SUITE,
        ctx.me.certificate,
        ctx.me.signature_private,
        now_s=ctx.now_s,
        entropy=ctx.entropy,
        last_resort=last_resort,
        extension_types=(GROUP_INFO_EXTENSION,),
    )
    batch.changes.bundles.append(
        KeyPackageRow(bundle.ref, bundle.encode(), last_resort, expires_at + KEEP_EXPIRED_S, ctx.incarnation)
    )
    return pb.KeyPackage(
        suite=DEFAULT_SUITE,
        key_package=bundle.key_package_bytes,
        last_resort=last_resort,
        expires_at=expires_at,
    )
