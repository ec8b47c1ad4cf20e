"""What a listener writes, read back by aiohttp's parser; what it collects of a read."""

from __future__ import annotations

import secrets

import pytest
from aiohttp import WSMsgType
from hypothesis import given
from hypothesis import strategies as st

from tacit.net.ws_frames import PING, Collected, encode_close, encode_frames, encode_pong, make_parser
from tacit.net.ws_link import MAX_REASON_BYTES


async def read(data: bytes, max_frame: int = 1_000_000) -> list[tuple[WSMsgType, object]]:
    collected = Collected()
    make_parser(collected, max_frame).feed_data(data)
    return [(message.type, message.data) for message in collected.take()]


async def test_frames_of_every_size_are_read_as_they_were_written() -> None:
    frames = [secrets.token_bytes(size) for size in (0, 1, 125, 126, 65_535, 65_536, 200_000)]
    assert await read(encode_frames(frames)) == [(WSMsgType.BINARY, frame) for frame in frames]
    assert encode_frames([]) == b""


async def test_control_frames_are_read_as_they_were_written() -> None:
    said = await read(PING + encode_pong(b"p" * 125) + encode_close(1001, "going"))
    assert said == [(WSMsgType.PING, b""), (WSMsgType.PONG, b"p" * 125), (WSMsgType.CLOSE, 1001)]


@given(st.text(max_size=200))
def test_a_reason_fits_whatever_it_says(reason: str) -> None:
    frame = encode_close(1000, reason)
    assert len(frame) == 2 + frame[1]
    assert frame[1] <= 2 + MAX_REASON_BYTES
    assert reason.startswith(frame[4:].decode())


@pytest.mark.parametrize(("size", "passes"), [(100, True), (101, False)])
async def test_a_parser_stops_at_its_limit(size: int, passes: bool) -> None:
    (found,) = await read(encode_frames([bytes(size)]), max_frame=100)
    assert found == ((WSMsgType.BINARY, bytes(size)) if passes else (WSMsgType.ERROR, 1009))


async def test_what_two_connections_send_is_kept_apart() -> None:
    collected = Collected()
    one, other = make_parser(collected, 100), make_parser(collected, 100)
    frame = encode_frames([b"of one"])
    one.feed_data(frame[:4])
    other.feed_data(encode_frames([b"of other"]))
    assert [message.data for message in collected.take()] == [b"of other"]
    one.feed_data(frame[4:])
    assert [message.data for message in collected.take()] == [b"of one"]
