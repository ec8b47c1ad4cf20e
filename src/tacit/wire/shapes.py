"""The shape of each request: lengths, counts and combinations that hold whatever the relay knows.

Checked by the relay before it looks anything up. What fails here is the asking program's mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from tacit import limits
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import BadRequest, TooLarge
from tacit.wire.operations import ID_BYTES

MAX_SIGNATURE_BYTES: Final = 1_024
"""One of an RSA key of 4,096 bits, and room."""

MAX_INVITE_CHARS: Final = 128
TOKEN_BYTES: Final = 32
"""Join tokens, their hashes, and link secrets."""

RENDEZVOUS_CHARS: Final = 6
MAX_SEQ: Final = 2**32 - 1
MAX_SUITE: Final = 0xFFFF

MAX_PAYLOAD_BYTES: Final[dict[int, int]] = {
    pb.ENTRY_KIND_MESSAGE: limits.MAX_MESSAGE_BYTES,
    pb.ENTRY_KIND_COMMIT: limits.MAX_COMMIT_BYTES,
    pb.ENTRY_KIND_WELCOME: limits.MAX_WELCOME_BYTES,
}


def check_shape(name: str, body: Any) -> None:
    """Check a request by its name in the frame. Raises ``BadRequest`` or ``TooLarge``."""
    check = _CHECKS.get(name)
    if check is not None:
        check(body)


def _check_register(body: pb.Register) -> None:
    _check_size("account key", body.account_key, limits.MAX_ACCOUNT_KEY_BYTES)
    _check_size("certificate", body.device_certificate, limits.MAX_CERTIFICATE_BYTES)
    _check_size("signature", body.signature, MAX_SIGNATURE_BYTES)
    _check_size("handle", body.handle, limits.MAX_HANDLE_CHARS)
    _check_size("invite", body.invite, MAX_INVITE_CHARS)
    _check_size("phone number", body.phone, limits.MAX_PHONE_CHARS)
    _check_size("request", body.otp_request, limits.MAX_OTP_REQUEST_CHARS)


def _check_submit_otp(body: pb.SubmitOtp) -> None:
    _check_size("request", body.request, limits.MAX_OTP_REQUEST_CHARS)
    _check_size("code", body.code, limits.MAX_OTP_CODE_CHARS)


def _check_login(body: pb.Login) -> None:
    _check_id("account ID", body.account_id)
    _check_id("device ID", body.device_id)


def _check_publish_keys(body: pb.PublishKeys) -> None:
    _check_size("certificate", body.device_certificate, limits.MAX_CERTIFICATE_BYTES)
    _check_count("KeyPackages", len(body.key_packages), limits.MAX_KEY_PACKAGES_PER_DEVICE)
    for package in body.key_packages:
        _check_size("KeyPackage", package.key_package, limits.MAX_KEY_PACKAGE_BYTES)
        if not package.key_package or package.suite > MAX_SUITE:
            raise BadRequest("KeyPackage")


def _check_who(body: pb.RecipientKeysRequest | pb.SenderKeysRequest) -> None:
    match body.who.WhichOneof("who"):
        case "account_id":
            _check_id("account ID", body.who.account_id)
        case "handle":
            _check_size("handle", body.who.handle, limits.MAX_HANDLE_CHARS)
        case "phone":
            _check_size("phone number", body.who.phone, limits.MAX_PHONE_CHARS)
        case _:
            raise BadRequest("nobody is named")


def _check_recipient_keys(body: pb.RecipientKeysRequest) -> None:
    _check_who(body)
    if body.suite > MAX_SUITE:
        raise BadRequest("suite")


def _check_create_log(body: pb.CreateLog) -> None:
    _check_id("log ID", body.log_id)
    if body.HasField("room"):
        _check_room(body.room)


def _check_room(room: pb.Room) -> None:
    if len(room.join_token_hash) not in (0, TOKEN_BYTES):
        raise BadRequest("join token")
    _check_size("GroupInfo", room.group_info, limits.MAX_ROOM_INFO_BYTES)
    _check_size("name", room.name, limits.MAX_ROOM_NAME_CHARS)
    _check_size("link secret", room.link_secret, TOKEN_BYTES)
    _check_count("readers", len(room.readers), limits.MAX_READERS_PER_LOG)
    for device in room.readers:
        _check_device(device)


def _check_enter_room(body: pb.EnterRoom) -> None:
    match body.WhichOneof("where"):
        case "log_id":
            _check_id("log ID", body.log_id)
        case "name":
            _check_size("name", body.name, limits.MAX_ROOM_NAME_CHARS)
        case _:
            raise BadRequest("no room is named")
    _check_token(body.join_token)


def _check_token(token: bytes) -> None:
    if len(token) not in (0, TOKEN_BYTES):
        raise BadRequest("join token")


def _check_nothing(_: pb.OpenRendezvous | pb.Dismiss) -> None:
    """A request without lengths."""


def _check_join_rendezvous(body: pb.JoinRendezvous) -> None:
    if len(body.name) != RENDEZVOUS_CHARS:
        raise BadRequest("name of a rendezvous")


def _check_pass_on(body: pb.PassOn) -> None:
    _check_size("message", body.payload, limits.MAX_MESSAGE_BYTES)


def _check_revoke_device(body: pb.RevokeDevice) -> None:
    _check_id("device ID", body.device_id)
    _check_size("signature", body.signature, MAX_SIGNATURE_BYTES)


def _check_append(body: pb.Append) -> None:
    _check_id("message ID", body.message_id)
    largest = MAX_PAYLOAD_BYTES.get(body.kind)
    if largest is None:
        raise BadRequest("kind of entry")
    _check_size("entry", body.payload, largest)
    match body.WhichOneof("target"):
        case "log_id":
            _check_id("log ID", body.log_id)
            if body.kind == pb.ENTRY_KIND_WELCOME:
                raise BadRequest("a Welcome goes to an inbox")
        case "inbox":
            _check_device(body.inbox)
            if body.kind == pb.ENTRY_KIND_COMMIT:
                raise BadRequest("a commit goes to a conversation")
        case _:
            raise BadRequest("no log is named")
    if body.after_commit > MAX_SEQ:
        raise BadRequest("position")
    if body.kind == pb.ENTRY_KIND_COMMIT:
        _check_readers(body)
        # Asked first: most commits are of no room, and have nothing of this.
        if body.HasField("room"):
            _check_room(body.room)
        _check_token(body.join_token)
    elif body.after_commit or body.readers_added or len(body.readers_removed) > 1:
        raise BadRequest("only a commit changes readers")
    elif body.join_token or body.HasField("room"):
        raise BadRequest("only a commit changes a room")


def _check_bring_back(body: pb.BringBack) -> None:
    _check_id("log ID", body.log_id)
    if not body.message_id:
        return
    _check_id("message ID", body.message_id)
    if body.kind not in (pb.ENTRY_KIND_MESSAGE, pb.ENTRY_KIND_COMMIT):
        raise BadRequest("kind of entry")
    _check_size("entry", body.payload, MAX_PAYLOAD_BYTES[body.kind])
    if not 0 < body.seq <= MAX_SEQ:
        raise BadRequest("position")
    if body.HasField("author"):
        _check_device(body.author)
    if body.kind == pb.ENTRY_KIND_COMMIT:
        _check_readers(body)
    elif body.readers_added or body.readers_removed:
        raise BadRequest("only a commit changes readers")


def _check_readers(body: pb.Append | pb.BringBack) -> None:
    for readers in (body.readers_added, body.readers_removed):
        _check_count("readers", len(readers), limits.MAX_READERS_PER_LOG)
        for device in readers:
            _check_device(device)
    added = {(device.account_id, device.device_id) for device in body.readers_added}
    if any((device.account_id, device.device_id) in added for device in body.readers_removed):
        raise BadRequest("a reader cannot be added and removed at once")


def _check_acknowledge(body: pb.Acknowledge) -> None:
    _check_positions(body.positions)


def _check_listen(body: pb.Listen) -> None:
    _check_positions(body.after)


def _check_positions(positions: Iterable[pb.Position]) -> None:
    count = 0
    for count, position in enumerate(positions, 1):  # noqa: B007 - the last value is the number of positions
        _check_id("log ID", position.log_id)
        if position.seq > MAX_SEQ:
            raise BadRequest("position")
    _check_count("positions", count, limits.MAX_LISTEN_LOGS)


def _check_device(device: pb.Device) -> None:
    _check_id("account ID", device.account_id)
    _check_id("device ID", device.device_id)


def _check_id(what: str, value: bytes) -> None:
    if len(value) != ID_BYTES:
        raise BadRequest(f"{what} of {len(value)} bytes")


def _check_size(what: str, value: bytes | str, largest: int) -> None:
    if len(value) > largest:
        raise TooLarge(f"{what} of {len(value)}, {largest} at most")


def _check_count(what: str, count: int, largest: int) -> None:
    if count > largest:
        raise TooLarge(f"{count} {what}, {largest} at most")


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "register": _check_register,
    "login": _check_login,
    "submit_otp": _check_submit_otp,
    "publish_keys": _check_publish_keys,
    "recipient_keys": _check_recipient_keys,
    "sender_keys": _check_who,
    "create_log": _check_create_log,
    "enter_room": _check_enter_room,
    "open_rendezvous": _check_nothing,
    "join_rendezvous": _check_join_rendezvous,
    "pass_on": _check_pass_on,
    "dismiss": _check_nothing,
    "append": _check_append,
    "acknowledge": _check_acknowledge,
    "listen": _check_listen,
    "revoke_device": _check_revoke_device,
    "bring_back": _check_bring_back,
}
