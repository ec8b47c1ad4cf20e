"""Messages and commits, without a relay. The floor is the bare primitives that MLS demands, in the same suite."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.measure import Row, Table, cost_us
from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE, suite
from tacit.mls import Add, Group, LeafNode, PendingCommit, create_group, create_key_package, join, save

NOW_S = 1_800_000_000
MESSAGE = os.urandom(1024)
MESSAGES = 300
COMMITS = 7
SIZES = (2, 16, 128)
SUITES = ((DEFAULT_SUITE, "default"), (X25519_SUITE, "0x0001"))


def table() -> Table:
    """Messages a second, and milliseconds of a commit as the group grows."""
    return Table("mls: messages of 1 KB, commits in groups where everyone has committed", tuple(_rows()))


def _rows() -> Iterator[Row]:
    for number, name in SUITES:
        yield from _message_rows(number, name)
    for number, name in SUITES:
        for size in SIZES:
            yield from _commit_rows(number, name, size)


def _message_rows(number: int, name: str) -> Iterator[Row]:
    pair = warm_group(number, 2)
    sealed: list[bytes] = []
    sender, reader = pair.last, pair.first

    def seal() -> None:
        nonlocal sender
        sender, message = sender.seal(MESSAGE, entropy=os.urandom)
        sealed.append(message)

    def open_next() -> None:
        nonlocal reader
        reader = reader.process(sealed[opened.pop()], authenticate=_anyone, now_s=NOW_S).group  # type: ignore[assignment]

    seal_s = _each_s(seal, MESSAGES)
    opened = list(range(MESSAGES))[::-1]
    open_s = _each_s(open_next, MESSAGES)
    s = suite(number)
    signer = s.generate_signature_key_pair(os.urandom)
    key, nonce = os.urandom(s.key_size), os.urandom(s.nonce_size)
    signature, box = s.sign(signer.private, MESSAGE), s.aead_seal(key, nonce, b"", MESSAGE)
    aead_us = 2 * cost_us(lambda: s.aead_open(key, nonce, b"", box))
    sign_us = cost_us(lambda: s.sign(signer.private, MESSAGE)) + aead_us
    verify_us = cost_us(lambda: s.verify(signer.public, MESSAGE, signature)) + aead_us
    yield Row(f"{name}: sealed", 1 / seal_s, "messages/s", 1e6 / sign_us, f"{len(sealed[0])} bytes on the wire")
    yield Row(f"{name}: opened", 1 / open_s, "messages/s", 1e6 / verify_us)
    saved = save(reader)
    note = f"{len(saved.ratchet_blob)} bytes for each message, {len(saved.epoch_blob)} for each epoch"
    yield Row(f"{name}: saved", cost_us(lambda: save(reader).ratchet_blob), "µs", None, note)


def _commit_rows(number: int, name: str, size: int) -> Iterator[Row]:
    group = warm_group(number, size)
    made: list[tuple[Group, PendingCommit]] = []

    def create() -> None:
        made.append(group.last.create_commit([], now_s=NOW_S, entropy=os.urandom, authenticate=_anyone))

    create_s = _each_s(create, COMMITS)
    # A member can process any of them: each follows the same epoch.
    commits = [pending.commit for _, pending in made]
    process_s = _each_s(lambda: group.first.process(commits.pop(), authenticate=_anyone, now_s=NOW_S), COMMITS)
    sent = len(made[0][1].commit)
    create_ms, process_ms = _commit_floor_ms(number, (size - 1).bit_length())
    yield Row(f"{name}: commit created, {size} members", create_s * 1e3, "ms", create_ms, f"{sent} bytes")
    yield Row(f"{name}: commit processed, {size} members", process_s * 1e3, "ms", process_ms)


def _commit_floor_ms(number: int, path: int) -> tuple[float, float]:
    """Creating: a key pair and a seal for each node of the path, two signatures. Processing: one of each, verified."""
    s = suite(number)
    pair, signer = s.generate_key_pair(os.urandom), s.generate_signature_key_pair(os.urandom)
    secret = os.urandom(s.hash_size)
    kem_output, ciphertext = s.hpke_seal(pair.public, b"", secret)
    signature = s.sign(signer.private, MESSAGE)
    derive_us = cost_us(lambda: s.derive_key_pair(os.urandom(s.hash_size)))
    seal_us = cost_us(lambda: s.hpke_seal(pair.public, b"", secret))
    open_us = cost_us(lambda: s.hpke_open(pair.private, kem_output, b"", ciphertext))
    sign_us = cost_us(lambda: s.sign(signer.private, MESSAGE))
    verify_us = cost_us(lambda: s.verify(signer.public, MESSAGE, signature))
    return (path * (derive_us + seal_us) + 2 * sign_us) / 1e3, (derive_us + open_us + 2 * verify_us) / 1e3


@dataclass(frozen=True)
class WarmGroup:
    """The first and the last member of a group whose tree has no blank and no unmerged leaf."""

    first: Group
    last: Group


def warm_group(number: int, size: int) -> WarmGroup:
    """Everyone adds the next one, who joins and does the same; the first member follows along."""
    keys = suite(number).generate_signature_key_pair(os.urandom).private
    first = last = create_group(b"bench", number, b"0", keys, now_s=NOW_S, entropy=os.urandom)
    for index in range(1, size):
        name = str(index).encode()
        own = suite(number).generate_signature_key_pair(os.urandom).private
        bundle = create_key_package(number, name, own, now_s=NOW_S, entropy=os.urandom)
        last, pending = last.create_commit(
            [Add(bundle.key_package)], now_s=NOW_S, entropy=os.urandom, authenticate=_anyone
        )
        first = last.merge(pending) if index == 1 else _follow(first, pending.commit)
        assert pending.welcome is not None
        last = join(pending.welcome, [bundle], authenticate=_anyone, known_group=_unknown, now_s=NOW_S).group
    last, pending = last.create_commit([], now_s=NOW_S, entropy=os.urandom, authenticate=_anyone)
    return WarmGroup(_follow(first, pending.commit), last.merge(pending))


def _follow(group: Group, commit: bytes) -> Group:
    after = group.process(commit, authenticate=_anyone, now_s=NOW_S).group_after  # type: ignore[union-attr]
    assert after is not None
    return after


def _each_s(work: Callable[[], object], times: int) -> float:
    """Median seconds of calls that each move something on."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _anyone(old: LeafNode | None, new: LeafNode) -> None:
    """Accept every leaf: identity is measured elsewhere."""


def _unknown(group_id: bytes) -> bool:
    return False
