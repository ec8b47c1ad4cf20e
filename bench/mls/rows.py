"""The rows of the table: each is one contest between tacit, the bare primitives and whoever else is there."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from bench.contest import Operation, Sample, best_of, sample_of
from bench.measure import Row
from bench.mls.bare import (
    OPENSSL,
    SODIUM,
    Library,
    bare_commit_creation,
    bare_commit_processing,
    bare_group_creation,
    bare_leaves,
    bare_messages,
)
from bench.mls.groups import GROUP_ID, NOW_S, WarmGroup, anyone, bundle_of, follow, steady_group, unknown
from tacit.crypto.suites import suite
from tacit.mls import (
    Add,
    ApplicationData,
    Group,
    LeafIndex,
    PendingCommit,
    Proposal,
    Remove,
    create_group,
    join,
    read_key_package,
    save_changes,
)

PAYLOAD_BYTES = 1024
TACIT, BARE, OWN = "tacit", "bare", "own"


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds of each contest, calls in one sample, and sizes of groups."""

    rounds: int
    messages: int
    commits: int
    sizes: tuple[int, ...]
    joins: tuple[int, ...]


def message_rows(plan: Plan, number: int, name: str) -> Iterator[Row]:
    """Sealing and opening one message after the other in a group of two, with the state to store after each."""
    payload = os.urandom(PAYLOAD_BYTES)
    bare = {library: bare_messages(number, PAYLOAD_BYTES, library) for library in (OPENSSL, SODIUM)}
    pair, sealed = steady_group(number, 2), list[bytes]()
    sender, reader = pair.last, pair.first

    def seal() -> None:
        nonlocal sender
        before = sender
        sender, message = sender.seal(payload, entropy=os.urandom)
        save_changes(before, sender)
        sealed.append(message)

    def open_() -> None:
        nonlocal reader
        event = reader.process(sealed[opened], authenticate=anyone, now_s=NOW_S)
        assert isinstance(event, ApplicationData)
        save_changes(reader, event.group)
        reader = event.group

    opened = 0

    def open_next() -> None:
        nonlocal opened
        open_()
        opened += 1

    sealing = {TACIT: sample_of(seal, plan.messages), **_floors(lambda library: bare[library].seal, plan.messages)}
    yield _row(plan, f"{name}: seal", "µs", sealing, Operation("seal", number, 2, PAYLOAD_BYTES), aim=1.5)
    opening = {TACIT: sample_of(open_next, plan.messages), **_floors(lambda library: bare[library].open, plan.messages)}
    yield _row(plan, f"{name}: open", "µs", opening, Operation("open", number, 2, PAYLOAD_BYTES), aim=1.4)


def commit_rows(plan: Plan, number: int, name: str, groups: Mapping[int, WarmGroup]) -> Iterator[Row]:
    """Steady update commits at each size, and how their cost grows from the smallest to the largest."""
    created, processed = [], []
    for size in plan.sizes:
        create, process = commit_samples(plan, groups[size])
        bare = _floors(partial(bare_commit_creation, number, (size - 1).bit_length()), plan.commits)
        operation = Operation("create-commit", number, size)
        created.append(_row(plan, f"{name}: commit created, {size} members", "ms", {TACIT: create, **bare}, operation))
        bare = _floors(partial(bare_commit_processing, number), plan.commits)
        operation = Operation("process-commit", number, size)
        processed.append(
            _row(plan, f"{name}: commit processed, {size} members", "ms", {TACIT: process, **bare}, operation)
        )
    yield from created
    yield from processed
    grown = f"from {plan.sizes[0]} to {plan.sizes[-1]} members"
    yield Row(f"{name}: commit created, {grown}", created[-1].value / created[0].value, "times", aim=3.5)
    yield Row(f"{name}: commit processed, {grown}", processed[-1].value / processed[0].value, "times", aim=3)


def commit_samples(plan: Plan, group: WarmGroup) -> tuple[Sample, Sample]:
    """The last member commits, and the first processes; each of the commits follows the same epoch."""

    def create() -> PendingCommit:
        sent, pending = group.last.create_commit([], now_s=NOW_S, entropy=os.urandom, authenticate=anyone)
        save_changes(group.last, sent)
        pending.encode(sent)
        return pending

    def process() -> float:
        took = []
        for commit in [create().commit for _ in range(plan.commits)]:
            began = time.perf_counter()
            save_changes(group.first, follow(group.first, commit))
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    return sample_of(create, plan.commits), process


def join_rows(plan: Plan, number: int, name: str, groups: Mapping[int, WarmGroup]) -> Iterator[Row]:
    """Joining by a Welcome with the tree in it, and the signatures that have to be verified for that."""
    for size in plan.joins:
        group = groups[size]
        columns = {TACIT: join_sample(number, group), **_floors(partial(bare_leaves, group.first), 1)}
        what = f"{name}: join, {size} members"
        yield _row(plan, what, "ms", columns, Operation("join", number, size), aim=1.5)


def join_sample(number: int, group: WarmGroup) -> Sample:
    """Somebody joins who has not seen any key of the group."""

    def joining() -> float:
        join_once = _joiner(number, group)
        forget_all_caches()
        began = time.perf_counter()
        save_changes(None, join_once())
        return time.perf_counter() - began

    return joining


def creation_rows(plan: Plan, number: int, name: str) -> Iterator[Row]:
    """A new group whose first commit adds everyone; their KeyPackages come from outside."""
    size = 128
    published = [bundle_of(number, index).key_package_bytes for index in range(1, size)]
    private = suite(number).generate_signature_key_pair(os.urandom).private

    def create() -> float:
        forget_all_caches()
        began = time.perf_counter()
        group = create_group(GROUP_ID, number, b"0", private, now_s=NOW_S, entropy=os.urandom)
        packages = [read_key_package(data, now_s=NOW_S, authenticate=anyone) for data in published]
        adds = [Add(package) for package in packages]
        group, pending = group.create_commit(adds, now_s=NOW_S, entropy=os.urandom, authenticate=anyone)
        save_changes(None, group.merge(pending))
        return time.perf_counter() - began

    columns = {TACIT: create, **_floors(partial(bare_group_creation, number, size), 1)}
    yield _row(plan, f"{name}: group of {size} created", "ms", columns, Operation("create-group", number, size))


def size_rows(number: int, name: str, group: WarmGroup) -> Iterator[Row]:
    """Memory of a joined group, and bytes of state for a message and for an epoch."""
    size = sum(1 for _ in group.first.members())
    yield Row(f"{name}: memory of a group, {size} members", _memory_bytes(_joiner(number, group)) / 1e6, "MB", aim=10)
    sent, _ = group.first.seal(bytes(PAYLOAD_BYTES), entropy=os.urandom)
    again, _ = sent.seal(bytes(PAYLOAD_BYTES), entropy=os.urandom)
    committed, pending = group.last.create_commit([], now_s=NOW_S, entropy=os.urandom, authenticate=anyone)
    first, further = save_changes(group.first, sent).size_bytes, save_changes(sent, again).size_bytes
    other = save_changes(again, follow(again, pending.commit)).size_bytes
    made = save_changes(group.last, committed).size_bytes + len(pending.encode(committed))
    merged = save_changes(committed, committed.merge(pending)).size_bytes
    whole = save_changes(None, group.first).size_bytes
    yield Row(f"{name}: state written for a first message, {size} members", first, "bytes", aim=1024)
    yield Row(f"{name}: state written for a further message, {size} members", further, "bytes", aim=1024)
    yield Row(f"{name}: state written for another's commit, {size} members", other, "bytes", note=f"of {whole:,}")
    note = f"{made:,} when made, with the commit itself, and {merged:,} when merged"
    yield Row(f"{name}: state written for an own commit, {size} members", made + merged, "bytes", note=note)


def _row(
    plan: Plan, what: str, unit: str, columns: Mapping[str, Sample], operation: Operation, aim: float | None = None
) -> Row:
    """Run one contest; the aim is against the bare cost."""
    scale = {"µs": 1e6, "ms": 1e3}[unit]
    best = {name: seconds * scale for name, seconds in best_of({**columns, **_peers(operation)}, plan.rounds).items()}
    value, floor, own = best.pop(TACIT), best.pop(BARE), best.pop(OWN)
    note = f"{value / own:.2f} x with libsodium's Ed25519"
    return Row(what, value, unit, floor, note, None if aim is None else aim * floor, best)


def _floors(bare: Callable[[Library], Callable[[], object]], calls: int) -> Mapping[str, Sample]:
    """The bare cost with either library's Ed25519."""
    return {name: sample_of(bare(library), calls) for name, library in ((BARE, OPENSSL), (OWN, SODIUM))}


def _peers(operation: Operation) -> Mapping[str, Sample]:
    if importlib.util.find_spec("bench.peers") is None:
        return {}
    found: Mapping[str, Sample] = importlib.import_module("bench.peers").samples(operation)
    return found


def _joiner(number: int, group: WarmGroup) -> Callable[[], Group]:
    """How somebody joins who takes the place of the member in the middle."""
    middle = LeafIndex(group.last.own_leaf // 2)
    bundle = bundle_of(number, middle)
    changes: list[Proposal] = [Remove(middle), Add(bundle.key_package)]
    _, pending = group.last.create_commit(changes, now_s=NOW_S, entropy=os.urandom, authenticate=anyone)
    welcome = pending.welcome
    assert welcome is not None
    return lambda: join(welcome, [bundle], authenticate=anyone, known_group=unknown).group


def _memory_bytes(make: Callable[[], Group]) -> int:
    """What a group keeps, with all that it has computed about itself."""
    forget_all_caches()
    gc.collect()
    tracemalloc.start()
    group = make()
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert group.epoch
    return kept


def forget_all_caches() -> None:
    """Empty what any module of tacit remembers of keys and encodings, as in a process that has just begun."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tacit."):
            for value in vars(module).values():
                if callable(forget := getattr(value, "cache_clear", None)):
                    forget()
