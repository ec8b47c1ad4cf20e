"""What waits on one connection: up to where it is parsed, in which order it is handed on, and what ends it."""

from __future__ import annotations

import pytest
from aiohttp import WSMessage, WSMsgType

from tacit import limits
from tacit.net import CloseCode
from tacit.net.bounds import Bounds
from tacit.net.held import HELD_BYTES, HELD_FRAMES, MAX_UNWANTED, STRANGERS_FRAMES, STRANGERS_UNWANTED
from tacit.net.ws_frames import Collected
from tacit.net.ws_incoming import (
    CONTINUATIONS_PER_TICK,
    CONTROLS_PER_TICK,
    STRANGERS_AT_ONCE_BYTES,
    Incoming,
    why_it_ends,
)
from tacit.wire.operations import REQUESTS
from tests.net.test_ws_gate import PING, frame

CLOSE, MASK = 0x8, b"\0" * 4
GOODBYE = bytes((0x88, 0x82)) + MASK + (1001).to_bytes(2, "big")


def masked(payload: bytes, opcode: int = 0x2) -> bytes:
    """A frame whose mask changes nothing."""
    return frame(payload, opcode).replace(b"mask", MASK, 1)


def member() -> Incoming:
    incoming = Incoming(Collected(), Bounds(max_frame=HELD_BYTES * 2))
    incoming.limit_frames(HELD_BYTES * 2)
    return incoming


@pytest.mark.parametrize(("size", "fit"), [(1, HELD_FRAMES), (HELD_BYTES // 8, 8), (HELD_BYTES + 1, 1)])
async def test_beyond_what_is_held_the_rest_waits_unparsed_until_frames_are_taken(size: int, fit: int) -> None:
    incoming = member()
    for n in range(2 * fit):
        incoming.feed(masked(bytes((n % 256,)) * size))
    assert incoming.is_held_up
    assert len(incoming.held.frames) == fit
    first = incoming.held.take()
    incoming.parse()
    got = [first, *incoming.held.take_all()]
    incoming.parse()
    assert not incoming.is_held_up
    assert [*got, *incoming.held.take_all()] == [bytes((n % 256,)) * size for n in range(2 * fit)]


async def test_what_came_before_the_end_is_still_there_and_nothing_behind_it_is_looked_at() -> None:
    incoming = member()
    incoming.feed(masked(b"first") + GOODBYE + masked(b"behind"))
    incoming.feed(masked(b"later"))
    assert incoming.held.frames == [b"first"]
    assert incoming.last is not None
    assert why_it_ends(incoming.last).close_code == 1001
    incoming.end(WSMessage(WSMsgType.CLOSED, None, None))
    assert why_it_ends(incoming.last).close_code == 1001


async def test_who_wants_no_more_frames_still_hears_the_goodbye() -> None:
    incoming = member()
    incoming.feed(masked(b"waits"))
    incoming.held.drop()
    incoming.feed(masked(b"unwanted") * HELD_FRAMES * 2 + GOODBYE)
    assert incoming.held.frames == []
    assert incoming.last is not None


async def test_a_stranger_who_sends_much_at_once_makes_little_work_at_once() -> None:
    """A read full of frames of one byte: few are parsed, and no more until they have been served."""
    incoming = Incoming(Collected(), Bounds())
    incoming.limit_frames(REQUESTS["pass_on"].max_bytes)
    smallest = masked(b"x")
    incoming.feed(smallest * 20_000)
    assert incoming.is_held_up
    assert STRANGERS_FRAMES <= len(incoming.held.frames) <= STRANGERS_AT_ONCE_BYTES // len(smallest)


@pytest.mark.parametrize(("max_bytes", "fit"), [(HELD_BYTES * 2, MAX_UNWANTED), (HELD_BYTES, STRANGERS_UNWANTED)])
async def test_who_does_not_stop_is_waited_for_no_longer(max_bytes: int, fit: int) -> None:
    """A flood behind the last word would be read for as long as a goodbye may take."""
    incoming = member()
    incoming.limit_frames(max_bytes)
    incoming.held.drop()
    incoming.feed(masked(b"") * fit)
    assert incoming.last is None
    incoming.feed(masked(b""))
    assert incoming.last is not None


async def test_so_many_pings_and_pongs_between_two_ticks_and_the_last_ping_is_kept() -> None:
    incoming = member()
    for _ in range(2):
        incoming.feed(masked(b"a", PING) + masked(b"b", PING) + masked(b"c", 0xA) * (CONTROLS_PER_TICK - 2))
        assert (incoming.ping, incoming.last) == (b"b", None)
        incoming.count_anew()
    incoming.feed(masked(b"", PING) * (CONTROLS_PER_TICK + 1))
    assert incoming.last is not None
    assert why_it_ends(incoming.last).close_code == CloseCode.POLICY_VIOLATION


@pytest.mark.parametrize("max_bytes", [REQUESTS["pass_on"].max_bytes, limits.MAX_FRAME_BYTES])
async def test_so_many_empty_fragments_between_two_ticks_of_whoever_it_is(max_bytes: int) -> None:
    """Of one at a rendezvous and of a member: none makes a frame, so nothing else would ever count them."""
    incoming = Incoming(Collected(), Bounds())
    incoming.limit_frames(max_bytes)
    incoming.feed(bytes((0x02, 0x80)) + MASK)
    empty = bytes((0x00, 0x80)) + MASK
    for _ in range(3):
        for byte in empty * 2:  # a header that came in pieces counts once
            incoming.feed(bytes((byte,)))
        incoming.feed(empty * (CONTINUATIONS_PER_TICK - 2))
        assert incoming.last is None
        incoming.count_anew()
    incoming.feed(empty * 40_000)
    assert incoming.last is not None
    assert why_it_ends(incoming.last).close_code == CloseCode.POLICY_VIOLATION
    assert not incoming.is_held_up


async def test_a_message_in_a_few_fragments_is_one_frame() -> None:
    incoming = member()
    pieces = (bytes((0x02, 0x81)), bytes((0x00, 0x81)), bytes((0x80, 0x81)))
    incoming.feed(b"".join(header + MASK + b"abc"[n : n + 1] for n, header in enumerate(pieces)))
    assert incoming.held.frames == [b"abc"]
