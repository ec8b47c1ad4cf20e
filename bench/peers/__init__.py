"""Others who do the same work, in turns with tacit on one core: columns for contests, and ratios beside their aims.

Each peer is a package of its own, installed into an environment of its own (``environments``) and spoken for by a
small program (``programs``) that answers ``{"op": "seal", "calls": 200, ...}`` with ``{"seconds": ...}``, the median of
one call. Where a peer has no suite like tacit's default one, it is compared in suite 0x0001. Peers keep their state in
memory; tacit's figures include the state to store. MLS peers are let into tacit's own groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bench.contest import Operation, Sample
from bench.measure import Row
from bench.peers.aims import ratio_rows
from bench.peers.catalogue import CORE_CRYPTO, LIBSIGNAL, PACKAGES, RFC9420, TS_MLS, VODOZEMAC
from bench.peers.guests import enter, welcome_for
from bench.peers.processes import Peer, Peers, Refused
from bench.peers.vectors import vector_rows
from tacit.crypto.suites import X25519_SUITE

__all__ = ["closing_rows", "peers", "samples"]

MESSAGES, COMMITS = 100, 3
"""Calls in one sample."""

MOST_MEMBERS = {RFC9420.name: 128}
"""Where a join takes a peer minutes, larger groups are not asked of it."""

peers = Peers()


def samples(operation: Operation) -> Mapping[str, Sample]:
    """The columns of everyone who can do this."""
    found: dict[str, Sample] = {}
    for name, package, make in _COLUMNS.get(operation.name, ()):
        if operation.suite != X25519_SUITE and package not in (LIBSIGNAL, VODOZEMAC):
            continue
        if operation.members > MOST_MEMBERS.get(package.name, operation.members):
            continue
        peer = peers.get(package)
        if peer is None:
            continue
        try:
            found[name] = make(peer, operation)
            found[name]()
        except Refused as error:
            peers.missing[f"{name}, {operation.name}, {operation.members} members"] = str(error)
            found.pop(name, None)
    return found


def closing_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """Official vectors, ratios beside their aims, and who is missing with the reason."""
    vectors = list(vector_rows(peers))
    yield from vectors
    yield from ratio_rows([*rows, *vectors])
    for package in PACKAGES:
        peers.get(package)
    for name, reason in peers.missing.items():
        yield Row(f"missing: {name}", 0.0, "", note=reason)


def _message(peer: Peer, operation: Operation) -> Sample:
    name = {"ts-mls": {}, "core-crypto": {}, "vodozemac": {}}.get(peer.name)
    arguments = {"name": enter(peer, operation.suite, 3)} if name is None else name
    return peer.sample(
        operation.name, suite=operation.suite, payload=operation.payload_bytes, calls=MESSAGES, **arguments
    )


def _session(peer: Peer, operation: Operation) -> Sample:
    return peer.sample(f"{operation.name} session", payload=operation.payload_bytes, calls=MESSAGES)


def _sender_key(peer: Peer, operation: Operation) -> Sample:
    return peer.sample(f"{operation.name} sender key", payload=operation.payload_bytes, calls=MESSAGES)


def _commit(peer: Peer, operation: Operation) -> Sample:
    name = enter(peer, operation.suite, operation.members)
    return peer.sample(operation.name, suite=operation.suite, name=name, calls=COMMITS)


def _join(peer: Peer, operation: Operation) -> Sample:
    invited = welcome_for(peer, operation.suite, operation.members)
    return peer.sample("join", suite=operation.suite, calls=1, **invited)


def _create_group(peer: Peer, operation: Operation) -> Sample:
    return peer.sample("create-group", suite=operation.suite, members=operation.members, calls=1)


_MESSAGES = (
    ("libsignal session", LIBSIGNAL, _session),
    ("libsignal sender key", LIBSIGNAL, _sender_key),
    ("Megolm", VODOZEMAC, _message),
    ("ts-mls", TS_MLS, _message),
    ("core-crypto", CORE_CRYPTO, _message),
    ("rfc9420", RFC9420, _message),
)
_COLUMNS = {
    "seal": _MESSAGES,
    "open": _MESSAGES,
    "create-commit": (("ts-mls", TS_MLS, _commit),),
    "process-commit": (("ts-mls", TS_MLS, _commit),),
    "join": (("ts-mls", TS_MLS, _join), ("rfc9420", RFC9420, _join)),
    "create-group": (("ts-mls", TS_MLS, _create_group),),
}
