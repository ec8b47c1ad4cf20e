"""Frames to bytes and back. Reading raises ``DecodeError`` on anything that is not one whole frame, and nothing else.

A frame that is well-formed but carries a request or answer unknown here has no name: relays answer it with
"unsupported", clients pass it over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar, cast

from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message

from tacit import limits
from tacit.errors import DecodeError
from tacit.wire import relay_pb2 as pb
from tacit.wire.bounds import check_density
from tacit.wire.errors import TooLarge

RequestBody: TypeAlias = (
    pb.Register
    | pb.PublishKeys
    | pb.Login
    | pb.RecipientKeysRequest
    | pb.Append
    | pb.Acknowledge
    | pb.SubmitOtp
    | pb.SenderKeysRequest
    | pb.CreateLog
    | pb.Listen
    | pb.RevokeDevice
    | pb.BringBack
    | pb.EnterRoom
    | pb.OpenRendezvous
    | pb.JoinRendezvous
    | pb.PassOn
    | pb.Dismiss
)
ResponseBody: TypeAlias = (
    pb.Registered
    | pb.RegistrationFailed
    | pb.KeysSet
    | pb.RecipientKeys
    | pb.OtpAccepted
    | pb.LoggedIn
    | pb.LoginFailed
    | pb.Error
    | pb.Entry
    | pb.Appended
    | pb.SenderKeys
    | pb.Listening
    | pb.Hello
    | pb.Acknowledged
    | pb.LogCreated
    | pb.Closing
    | pb.DeviceRevoked
    | pb.BroughtBack
    | pb.RoomEntrance
    | pb.RendezvousOpened
    | pb.RendezvousJoined
    | pb.Passed
    | pb.Dismissed
    | pb.Met
    | pb.Passage
    | pb.Parted
)
Body = TypeVar("Body")
AnyFrame = TypeVar("AnyFrame", pb.ClientFrame, pb.ServerFrame)

_REQUEST_NAMES: Final[dict[type[Message], str]] = {
    type(getattr(pb.ClientFrame(), field.name)): field.name
    for field in pb.ClientFrame.DESCRIPTOR.oneofs_by_name["request"].fields
}
_RESPONSE_NAMES: Final[dict[type[Message], str]] = {
    type(getattr(pb.ServerFrame(), field.name)): field.name
    for field in pb.ServerFrame.DESCRIPTOR.oneofs_by_name["response"].fields
}


class Frame(NamedTuple, Generic[Body]):
    """One frame as it was read; ``name`` is empty and ``body`` is None where its kind is not known here."""

    request_id: int
    name: str
    body: Body | None


def encode_request(request_id: int, body: RequestBody) -> bytes:
    """One ClientFrame; ``request_id`` is 1 or more."""
    fields: dict[str, Any] = {_REQUEST_NAMES[type(body)]: body}
    return _serialized(pb.ClientFrame(request_id=request_id, **fields))


def encode_response(request_id: int, body: ResponseBody) -> bytes:
    """One ServerFrame; ``request_id`` is 0 for a push."""
    if isinstance(body, pb.Appended):
        # By far the commonest, and protobuf copies a whole message by writing and reading it.
        frame = pb.ServerFrame(request_id=request_id)
        frame.appended.seq = body.seq
        return frame.SerializeToString()
    fields: dict[str, Any] = {_RESPONSE_NAMES[type(body)]: body}
    return _serialized(pb.ServerFrame(request_id=request_id, **fields))


def encode_entry(
    log_id: bytes,
    seq: int,
    *,
    message_id: bytes,
    kind: int,
    payload: bytes,
    received_at_ms: int,
    own: bool,
    damaged: bool = False,
) -> bytes:
    """One ServerFrame that pushes an Entry, made in place for the same reason."""
    frame = pb.ServerFrame()
    entry = frame.entry
    entry.log_id = log_id
    entry.seq = seq
    entry.message_id = message_id
    entry.kind = cast("pb.EntryKind.ValueType", kind)
    entry.payload = payload
    entry.received_at_ms = received_at_ms
    entry.own = own
    entry.damaged = damaged
    return _serialized(frame)


def decode_request(data: bytes, max_bytes: int = limits.MAX_FRAME_BYTES) -> Frame[RequestBody]:
    """Read a ClientFrame; a request ID of 0 is malformed."""
    frame = _parse(pb.ClientFrame.FromString, data, max_bytes)
    if frame.request_id == 0:
        raise DecodeError("no request ID")
    name = frame.WhichOneof("request")
    if name is None:
        return Frame(frame.request_id, "", None)
    return Frame(frame.request_id, name, cast("RequestBody", getattr(frame, name)))


def decode_response(data: bytes, max_bytes: int = limits.MAX_FRAME_BYTES) -> Frame[ResponseBody]:
    """Read a ServerFrame."""
    frame = _parse(pb.ServerFrame.FromString, data, max_bytes)
    name = frame.WhichOneof("response")
    if name is None:
        return Frame(frame.request_id, "", None)
    return Frame(frame.request_id, name, cast("ResponseBody", getattr(frame, name)))


def _serialized(frame: Message) -> bytes:
    data = frame.SerializeToString()
    if len(data) > limits.MAX_FRAME_BYTES:
        raise TooLarge(f"{len(data)} bytes, {limits.MAX_FRAME_BYTES} at most")
    return data


def _parse(read: Callable[[bytes], AnyFrame], data: bytes, max_bytes: int) -> AnyFrame:
    if len(data) > max_bytes:
        raise DecodeError(f"frame of {len(data)} bytes")
    check_density(data)
    try:
        return read(data)
    except ProtobufDecodeError:
        raise DecodeError("not a frame of the relay protocol") from None
