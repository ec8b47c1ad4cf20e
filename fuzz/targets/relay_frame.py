"""Frames between client and relay, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tacit.errors import DecodeError, RelayError
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import TooLarge
from tacit.wire.frames import decode_request, decode_response, encode_request, encode_response
from tacit.wire.shapes import check_shape


def seeds() -> Iterator[bytes]:
    """One frame of each kind, empty, and a few that say something."""
    for message in (pb.ClientFrame(), pb.ServerFrame()):
        for field in message.DESCRIPTOR.fields:
            if field.message_type is not None:
                frame = type(message)(request_id=7)
                getattr(frame, field.name).SetInParent()
                yield frame.SerializeToString()
    yield encode_request(1, pb.Append(log_id=bytes(16), message_id=bytes(16), payload=b"x" * 100))
    yield b"\xca\x64\x05\x2d----"  # an answer with a field that nobody knows
    yield encode_request(2, pb.Listen(after=[pb.Position(log_id=bytes(16), seq=3)]))


def check(data: bytes) -> None:
    """A frame that survives encoding, with a body that is judged without a surprise; or ``DecodeError``."""
    _check(data, decode_request, encode_request, shaped=True)
    _check(data, decode_response, encode_response, shaped=False)


def _check(data: bytes, decode: Callable[[bytes], Any], encode: Callable[[int, Any], bytes], *, shaped: bool) -> None:
    try:
        frame = decode(data)
    except (DecodeError, TooLarge):
        return
    if frame.body is None:
        assert frame.name == ""
        return
    frame.body.DiscardUnknownFields()  # frames that are encoded by hand leave out what they do not know
    again = decode(encode(frame.request_id, frame.body))
    assert (again.request_id, again.name, again.body) == (frame.request_id, frame.name, frame.body)
    if shaped:
        try:
            check_shape(frame.name, frame.body)
        except RelayError:
            return
