"""Looks for what keeps this machine from talking to a relay: one step after the other, each with its result.

What fails ends the way, because nothing behind it can work; what it needs is named as left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from tacit.client.handshake import first_frame
from tacit.clock import Clock
from tacit.errors import DecodeError, TacitError, Untrusted
from tacit.identity import RelayLink
from tacit.limits import DEVICE_CERTIFICATE_CLOCK_SKEW_S, HANDSHAKE_TIMEOUT_S
from tacit.net.errors import NotARelay
from tacit.net.links import FrameLink
from tacit.net.probing import addresses_of, reach
from tacit.net.proxies import Proxy
from tacit.sdk.parts import Parts
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import decode_response
from tacit.wire.operations import choose_protocol
from tacit.wire.signing import NameToVerify, verify_hello

State: TypeAlias = Literal["ok", "warning", "failed", "skipped"]

STEP_TIMEOUT_S: Final = 10.0
CLOCK_WARNING_S: Final = 120
"""A clock that is wrong by more shows people wrong times; by more than an hour, certificates are refused."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check."""

    check: str
    """Its name; stable."""
    state: State
    facts: dict[str, Any] = field(default_factory=dict)
    """What was found out, by stable names."""
    error: TacitError | None = None
    """Why it failed."""


RELAY_CHECKS: Final = ("name", "network", "tls", "pin", "protocol", "clock")


async def examine_relay(
    relay: RelayLink, parts: Parts, *, proxy: Proxy | None = None, sockets: bool = True
) -> AsyncIterator[Finding]:
    """Go the way to a relay step by step; a proxy looks the name up itself, and without ``sockets`` nobody does.

    Yields the ``RELAY_CHECKS`` in order.
    """
    done: list[str] = []
    async for finding in _steps(relay, parts, proxy, sockets=sockets):
        yield finding
        done.append(finding.check)
        if finding.state == "failed":
            break
    for check in RELAY_CHECKS[len(done) :]:
        yield Finding(check, "skipped")


async def _steps(relay: RelayLink, parts: Parts, proxy: Proxy | None, *, sockets: bool) -> AsyncIterator[Finding]:
    name, network = RELAY_CHECKS[:2]
    if proxy is None and sockets:
        try:
            found = await addresses_of(relay, timeout_s=STEP_TIMEOUT_S)
        except TacitError as error:
            yield Finding(name, "failed", {"host": relay.host}, error)
            return
        yield Finding(name, "ok", {"host": relay.host, "addresses": found})
    else:
        yield Finding(name, "skipped", {"because": "proxy"})
    if sockets:
        facts: dict[str, Any] = {"port": relay.port, "proxy": f"{proxy.host}:{proxy.port}" if proxy else ""}
        try:
            took_s = await reach(relay, timeout_s=STEP_TIMEOUT_S, proxy=proxy)
        except TacitError as error:
            yield Finding(network, "failed", facts, error)
            return
        yield Finding(network, "ok", {**facts, "milliseconds": round(took_s * 1000)})
    else:
        yield Finding(network, "skipped", {"because": "proxy"})
    async for finding in _greeting(relay, parts):
        yield finding


async def _greeting(relay: RelayLink, parts: Parts) -> AsyncIterator[Finding]:
    """TLS, the relay's key, its versions and its clock, from what it says first."""
    about: dict[str, Any] = {"transport": relay.scheme}
    try:
        hello, seen, wrong = await _hello(relay, parts, verify_name=False)
        if isinstance(wrong, NameToVerify):
            # A proxy ends TLS before the relay, and the relay's key says so.
            about["name_verified"] = True
            hello, seen, wrong = await _hello(relay, parts, verify_name=True)
    except TacitError as error:
        yield Finding("tls", "failed", about, error)
        return
    yield Finding("tls", "ok", about)
    if wrong is not None:
        yield Finding("pin", "failed", {}, wrong)
        return
    yield Finding("pin", "ok", {"certificate": seen.hex()})
    try:
        version = choose_protocol(hello.protocol_min, hello.protocol_max)
    except TacitError as error:
        yield Finding("protocol", "failed", {"from": hello.protocol_min, "to": hello.protocol_max}, error)
        return
    yield Finding("protocol", "ok", {"version": version, "registration": hello.registration})
    yield _clock(hello, parts.clock)


async def _hello(relay: RelayLink, parts: Parts, *, verify_name: bool) -> tuple[pb.Hello, bytes, Untrusted | None]:
    """What the relay says first, the hash of the certificate before it, and what is wrong with them, if anything."""
    where = f"{relay.host}:{relay.port}"
    link: FrameLink = await parts.connect(relay, verify_name)
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            body = decode_response(await first_frame(link, relay)).body
    except (DecodeError, TimeoutError):
        raise NotARelay(where) from None
    finally:
        link.abort()
    if not isinstance(body, pb.Hello):
        raise NotARelay(where)
    try:
        verify_hello(body, relay.fingerprint, link.peer_certificate_hash, name_verified=verify_name)
    except Untrusted as error:
        return body, link.peer_certificate_hash, error
    return body, link.peer_certificate_hash, None


def _clock(hello: pb.Hello, clock: Clock) -> Finding:
    """How far apart the two clocks are; a relay that does not say is an older one."""
    if not hello.time_s:
        return Finding("clock", "skipped", {"because": "unsaid"})
    ahead_s = round(clock.now_s() - hello.time_s)
    state: State = "ok" if abs(ahead_s) <= CLOCK_WARNING_S else "warning"
    if abs(ahead_s) > DEVICE_CERTIFICATE_CLOCK_SKEW_S:
        state = "failed"
    return Finding("clock", state, {"ahead_s": ahead_s})
