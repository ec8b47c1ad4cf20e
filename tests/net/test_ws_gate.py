"""The gate sees the same frames as the parser behind it, however the bytes are cut up."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit import limits
from tacit.net.ws_gate import ENDLESS_HEADER, RESERVED_HEADER, FrameGate

CONT, TEXT, BINARY, PING = 0x0, 0x1, 0x2, 0x9


class Recorder:
    """What reaches the parser."""

    def __init__(self) -> None:
        self.got = b""
        self.eof = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.got += data
        return False, b""

    def feed_eof(self) -> None:
        self.eof = True


def frame(payload: bytes, opcode: int = BINARY, *, fin: bool = True, masked: bool = True) -> bytes:
    first = opcode | (0x80 if fin else 0)
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        header = bytes((first, mask | size))
    elif size < 65536:
        header = bytes((first, mask | 126)) + struct.pack("!H", size)
    else:
        header = bytes((first, mask | 127)) + struct.pack("!Q", size)
    return header + (b"mask" if masked else b"") + payload


def feed(gate: FrameGate, data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        gate.feed_data(data[start:end])


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.sampled_from([TEXT, BINARY, PING])), max_size=8),
    st.lists(st.integers(min_value=0), max_size=20),
    st.sampled_from([300, 10_000]),
)
def test_allowed_frames_pass_unchanged_however_they_are_cut(
    messages: list[tuple[bytes, int]], cuts: list[int], max_frame: int
) -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=max_frame, open_from=10_000)
    data = b"".join(frame(payload[:125] if op == PING else payload, op) for payload, op in messages)
    feed(gate, data, cuts)
    assert parser.got == data


@given(
    st.lists(st.sampled_from([0, 1, 125, 126, 300, 65_535, 65_536, 70_000]), max_size=6),
    st.sampled_from([0, 125, 126, 65_536]),
    st.lists(st.integers(min_value=0), max_size=20),
    st.sampled_from([100_000, 1_000_000]),
)
def test_a_frame_without_a_mask_never_reaches_the_parser_and_nothing_behind_it(
    before: list[int], size: int, cuts: list[int], max_frame: int
) -> None:
    """Neither of a stranger nor of a member, however the bytes are cut."""
    parser = Recorder()
    gate = FrameGate(parser, max_frame=max_frame, open_from=1_000_000)
    allowed = b"".join(frame(b"\x02" * sized) for sized in before)
    feed(gate, allowed + frame(b"x" * size, masked=False) + frame(b"behind"), cuts)
    gate.feed_data(frame(b"later"))
    assert parser.got == allowed + RESERVED_HEADER


def test_a_stranger_who_becomes_a_member_in_the_middle_of_a_frame_is_followed_on() -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=300, open_from=10_000)
    large = frame(b"x" * 200)
    gate.feed_data(large[:50])
    gate.max_frame = 10_000
    gate.feed_data(large[50:] + frame(b"y" * 9_000) + frame(b"", masked=False))
    assert parser.got == large + frame(b"y" * 9_000) + RESERVED_HEADER


@given(st.sampled_from([11, 125, 126, 65535, 65536, 2**40, 2**63]), st.lists(st.integers(min_value=0), max_size=20))
def test_a_larger_frame_never_shows_the_parser_its_header(size: int, cuts: list[int]) -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=10, open_from=10_000)
    before = frame(b"0123456789")
    if size < 126:
        header = bytes((0x82, 0x80 | size))
    elif size < 65536:
        header = bytes((0x82, 0xFE)) + struct.pack("!H", size)
    else:
        header = bytes((0x82, 0xFF)) + struct.pack("!Q", size)
    feed(gate, before + header + b"mask" + b"x" * 500, cuts)
    assert parser.got == before + ENDLESS_HEADER


def test_fragments_are_added_up_and_control_frames_between_them_are_not() -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=10, open_from=10_000)
    allowed = frame(b"12345", fin=False) + frame(b"x" * 100, PING) + frame(b"67890", CONT)
    gate.feed_data(allowed + frame(b"12345", fin=False) + frame(b"6789", CONT, fin=False))
    passed = parser.got
    assert passed.startswith(allowed)
    gate.feed_data(frame(b"01", CONT))
    assert parser.got == passed + ENDLESS_HEADER


def test_a_raised_limit_counts_from_the_next_frame_even_in_the_middle_of_a_header() -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=10, open_from=1_000)
    large = frame(b"x" * 900)
    gate.feed_data(large[:3])
    gate.max_frame = 1_000
    gate.feed_data(large[3:])
    assert parser.got == large


def test_a_limit_between_stranger_and_member_is_kept() -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=10, open_from=1_000)
    gate.max_frame = 100
    gate.feed_data(frame(b"x" * 100) + frame(b"x" * 101))
    assert parser.got == frame(b"x" * 100) + ENDLESS_HEADER


def test_the_end_reaches_the_parser() -> None:
    parser = Recorder()
    FrameGate(parser, max_frame=1, open_from=2).feed_eof()
    assert parser.eof


@pytest.mark.parametrize("size", [0, 125, 126, 127, 65535, 65536])
def test_every_form_of_length_is_read(size: int) -> None:
    for max_frame, passes in ((size, True), (size - 1, False)):
        parser = Recorder()
        FrameGate(parser, max_frame=max_frame, open_from=1 << 30).feed_data(frame(b"x" * size))
        assert (parser.got == frame(b"x" * size)) is passes


@pytest.mark.parametrize(("opcode", "fin"), [(PING, True), (CONT, False), (BINARY, True)])
def test_so_many_frames_and_no_more_come_from_a_stranger_whatever_they_are(opcode: int, fin: bool) -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=300, open_from=10_000)
    piece = frame(b"", opcode, fin=fin)
    gate.feed_data(piece * limits.MAX_STRANGER_PIECES)
    assert parser.got == piece * limits.MAX_STRANGER_PIECES
    gate.feed_data(piece * 1000)
    gate.feed_data(piece * 1000)
    assert parser.got == piece * limits.MAX_STRANGER_PIECES + ENDLESS_HEADER


def test_a_member_sends_as_many_as_it_likes() -> None:
    parser = Recorder()
    gate = FrameGate(parser, max_frame=300, open_from=10_000)
    gate.max_frame = 10_000
    data = frame(b"x") * (2 * limits.MAX_STRANGER_PIECES)
    gate.feed_data(data)
    assert parser.got == data
