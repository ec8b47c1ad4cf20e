from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit import limits
from tacit.errors import DecodeError
from tacit.wire import relay_pb2 as pb
from tacit.wire.bounds import SMALL_FRAME_BYTES, check_density
from tacit.wire.errors import TooLarge
from tacit.wire.frames import decode_request, decode_response, encode_request, encode_response
from tests.effort import effort_s


@pytest.mark.parametrize(
    "body",
    [
        pb.Login(protocol=1, account_id=b"a" * 16),
        pb.Acknowledge(),
        pb.Append(log_id=b"l" * 16, payload=b"x" * limits.MAX_COMMIT_BYTES),
        pb.Listen(after=[pb.Position(log_id=b"l" * 16, seq=7)] * limits.MAX_LISTEN_LOGS),
    ],
)
def test_requests_come_back_as_they_went(body):
    frame = decode_request(encode_request(9, body))
    assert (frame.request_id, frame.body) == (9, body)


def test_an_empty_body_still_says_what_it_is():
    assert decode_request(encode_request(1, pb.Acknowledge())).name == "acknowledge"
    assert decode_response(encode_response(1, pb.Acknowledged())).name == "acknowledged"


def test_an_unknown_request_has_no_name_and_is_no_error():
    unknown = b"\x08\x05" + b"\x82\xf4\x03\x00"  # request ID 5, then field 8000 with nothing in it
    frame = decode_request(unknown)
    assert (frame.request_id, frame.name, frame.body) == (5, "", None)
    assert decode_response(unknown).name == ""


@pytest.mark.parametrize("data", [b"", pb.ClientFrame(acknowledge=pb.Acknowledge()).SerializeToString()])
def test_a_request_without_an_id_is_malformed(data):
    with pytest.raises(DecodeError):
        decode_request(data)


def test_frames_past_the_limit_are_refused_before_they_are_parsed():
    with pytest.raises(DecodeError, match="101 bytes"):
        decode_response(b"\xff" * 101, max_bytes=100)
    with pytest.raises(TooLarge):
        encode_request(1, pb.Append(payload=b"x" * (limits.MAX_FRAME_BYTES + 1)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_decode_error(data):
    for decode in (decode_request, decode_response):
        with contextlib.suppress(DecodeError):
            decode(data)


@given(st.data())
def test_a_damaged_frame_is_a_frame_or_a_decode_error(data):
    frame = bytearray(encode_request(3, pb.Append(log_id=b"l" * 16, message_id=b"m" * 16, payload=b"p" * 40)))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(DecodeError):
        decode_request(bytes(frame[: data.draw(st.integers(0, len(frame)))]))


def frame_of(body: bytes, field: int = 834) -> bytes:
    """A frame whose body protobuf would never have written."""
    return b"\x08\x01" + varint(field << 3 | 2) + varint(len(body)) + body


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def test_millions_of_tiny_fields_are_refused_quickly():
    dense = frame_of(b"\x0a\x00" * 2_000_000)

    def read() -> None:
        with pytest.raises(DecodeError, match="too many fields"):
            decode_request(dense)

    assert effort_s(read) < 0.1


def test_density_is_counted_over_all_bodies_of_a_frame():
    half = b"\x0a\x00" * 2_500
    padding = pb.Append(payload=b"x" * SMALL_FRAME_BYTES).SerializeToString()
    with pytest.raises(DecodeError, match="too many fields"):
        check_density(frame_of(half) + frame_of(half)[2:] + frame_of(padding, 829)[2:])


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (b"\x0a\xff\xff\xff\x7f", "ends within"),
        (b"\x0b", "not in use"),
        (b"\x08" + b"\xff" * 11, "does not end"),
        (b"\x09\x00", "ends within"),
    ],
)
def test_large_frames_that_cannot_be_walked_are_malformed(tail, why):
    filler = b"\x12" + varint(SMALL_FRAME_BYTES) + b"x" * SMALL_FRAME_BYTES
    with pytest.raises(DecodeError, match=why):
        check_density(frame_of(filler + tail))


def test_the_largest_honest_frames_are_walked_and_taken():
    devices = [pb.Device(account_id=b"a" * 16, device_id=b"d" * 16)] * limits.MAX_READERS_PER_LOG
    largest = pb.Append(
        log_id=b"l" * 16,
        message_id=b"m" * 16,
        kind=pb.ENTRY_KIND_COMMIT,
        payload=b"x" * limits.MAX_COMMIT_BYTES,
        after_commit=2**32 - 1,
        readers_added=devices,
        readers_removed=devices,
    )
    assert decode_request(encode_request(2**63, largest)).body == largest
    device = pb.Device(account_id=b"a" * 16, device_id=b"d" * 16)
    welcome = b"x" * limits.MAX_WELCOME_BYTES
    invitation = pb.Append(inbox=device, message_id=b"m" * 16, kind=pb.ENTRY_KIND_WELCOME, payload=welcome)
    assert decode_request(encode_request(2**63, invitation)).body == invitation
    package = pb.KeyPackage(suite=0xF000, key_package=b"k" * limits.MAX_KEY_PACKAGE_BYTES, expires_at=2**40)
    keys = pb.PublishKeys(key_packages=[package] * limits.MAX_KEY_PACKAGES_PER_DEVICE)
    assert decode_request(encode_request(1, keys)).body == keys
