"""Messages, commits, joining, memory and storage, without a relay.

The floor is the bare cost of the primitives in the same run (``bench.mls.bare``). Peers, where they are installed, are
columns of the same rounds: ``bench.peers.samples`` gives them for an ``Operation``.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.contest import one_core
from bench.measure import Row, Table
from bench.mls.groups import WarmGroup, steady_group, warm_group
from bench.mls.rows import Plan, commit_rows, creation_rows, join_rows, message_rows, size_rows
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE

__all__ = ["WarmGroup", "steady_group", "table", "warm_group"]

SUITES = ((DEFAULT_SUITE, "default"), (X25519_SUITE, "0x0001"))

FULL = Plan(rounds=5, messages=200, commits=7, sizes=(16, 128, 512, 1000), joins=(128, 1000))
QUICK = Plan(rounds=3, messages=60, commits=5, sizes=(16, 128), joins=(128,))


def table(quick: bool = False) -> Table:
    """Messages of 1 KB, commits as the group grows, joining, memory and storage."""
    from bench.peers import closing_rows  # which needs the groups of this package

    with one_core():
        rows = tuple(_rows(QUICK if quick else FULL))
        rows += tuple(closing_rows(rows))
    return Table("mls: best medians, in turns on one core; messages of 1 KB; state to store included", rows)


def _rows(plan: Plan) -> Iterator[Row]:
    for number, name in SUITES:
        yield from message_rows(plan, number, name)
    for number, name in SUITES:
        groups = {size: steady_group(number, size) for size in sorted({*plan.sizes, *plan.joins})}
        yield from commit_rows(plan, number, name, groups)
        yield from join_rows(plan, number, name, groups)
        yield from creation_rows(plan, number, name)
        yield from size_rows(number, name, groups[max(groups)])
