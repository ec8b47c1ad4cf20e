"""Who may say what when: every operation of the relay protocol, its code, its size and the phase it belongs to.

A connection begins with the relay's Hello, is *greeted* until a Login is granted and *logged in* from then on. The
codes are the field numbers of ``relay.proto``; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tacit import limits
from tacit.wire.errors import AlreadyLoggedIn, NotLoggedIn, ProtocolVersion, TooLarge, Unsupported

PROTOCOL_VERSION: Final = 1
PROTOCOL_MIN: Final = 1
PROTOCOL_MAX: Final = PROTOCOL_VERSION

ID_BYTES: Final = 16
"""Account, device, log and message IDs."""

CHALLENGE_BYTES: Final = 32


class Phase(StrEnum):
    """How far a connection has come."""

    GREETED = "greeted"
    LOGGED_IN = "logged-in"


@dataclass(frozen=True, slots=True)
class Request:
    """One request that a client may make."""

    name: str
    code: int
    phase: Phase
    answer: str
    """Name of the answer when it is granted."""
    refusal: str
    """Name of the answer when it is refused."""
    max_bytes: int
    """The largest frame that carries it."""


_KEYS_BYTES: Final = limits.MAX_KEY_PACKAGES_PER_DEVICE * (limits.MAX_KEY_PACKAGE_BYTES + 64) + 64 * 1024
_SMALL_BYTES: Final = limits.MAX_LOGIN_FRAME_BYTES

REQUESTS: Final[dict[str, Request]] = {
    request.name: request
    for request in (
        Request("register", 825, Phase.GREETED, "registered", "registration_failed", _SMALL_BYTES),
        Request("publish_keys", 826, Phase.LOGGED_IN, "keys_set", "error", _KEYS_BYTES),
        Request("login", 827, Phase.GREETED, "logged_in", "login_failed", _SMALL_BYTES),
        Request("recipient_keys", 828, Phase.LOGGED_IN, "recipient_keys", "error", _SMALL_BYTES),
        Request("append", 829, Phase.LOGGED_IN, "appended", "error", limits.MAX_FRAME_BYTES),
        Request("acknowledge", 830, Phase.LOGGED_IN, "acknowledged", "error", _SMALL_BYTES),
        Request("submit_otp", 831, Phase.GREETED, "otp_accepted", "registration_failed", _SMALL_BYTES),
        Request("sender_keys", 832, Phase.LOGGED_IN, "sender_keys", "error", _SMALL_BYTES),
        Request("create_log", 833, Phase.LOGGED_IN, "log_created", "error", limits.MAX_FRAME_BYTES),
        Request("listen", 834, Phase.LOGGED_IN, "listening", "error", _SMALL_BYTES),
        Request("revoke_device", 835, Phase.LOGGED_IN, "device_revoked", "error", _SMALL_BYTES),
        Request("bring_back", 836, Phase.LOGGED_IN, "brought_back", "error", limits.MAX_FRAME_BYTES),
        Request("enter_room", 837, Phase.LOGGED_IN, "room_entrance", "error", _SMALL_BYTES),
        Request("open_rendezvous", 838, Phase.GREETED, "rendezvous_opened", "error", _SMALL_BYTES),
        Request("join_rendezvous", 839, Phase.GREETED, "rendezvous_joined", "error", _SMALL_BYTES),
        Request("pass_on", 840, Phase.GREETED, "passed", "error", limits.MAX_MESSAGE_BYTES + 1024),
        Request("dismiss", 841, Phase.GREETED, "dismissed", "error", _SMALL_BYTES),
    )
}

RESPONSES: Final[dict[str, int]] = {
    "registered": 1600,
    "registration_failed": 1601,
    "keys_set": 1602,
    "recipient_keys": 1603,
    "otp_accepted": 1604,
    "logged_in": 1605,
    "login_failed": 1606,
    "error": 1607,
    "entry": 1608,
    "appended": 1609,
    "sender_keys": 1610,
    "listening": 1611,
    "hello": 1612,
    "acknowledged": 1613,
    "log_created": 1614,
    "closing": 1615,
    "device_revoked": 1616,
    "brought_back": 1617,
    "room_entrance": 1618,
    "rendezvous_opened": 1619,
    "rendezvous_joined": 1620,
    "passed": 1621,
    "dismissed": 1622,
    "met": 1623,
    "passage": 1624,
    "parted": 1625,
}
"""Everything that a relay says, answers and pushes."""

PUSHES: Final = frozenset({"hello", "entry", "closing", "met", "passage", "parted"})
"""What a relay says unasked, with request ID 0; an Error with request ID 0 comes before the end of the connection."""


def check_request(phase: Phase, name: str, size_bytes: int) -> Request:
    """The row of a request that may be made now; raises the refusal otherwise. ``name`` is empty for an unknown one."""
    request = REQUESTS.get(name)
    if request is None:
        raise Unsupported
    if request.phase is not phase:
        raise NotLoggedIn if phase is Phase.GREETED else AlreadyLoggedIn
    if size_bytes > request.max_bytes:
        raise TooLarge(f"{size_bytes} bytes, {request.max_bytes} at most")
    return request


def choose_protocol(protocol_min: int, protocol_max: int) -> int:
    """The highest version that both a relay of this range and this program speak."""
    chosen = min(protocol_max, PROTOCOL_MAX)
    if chosen < max(protocol_min, PROTOCOL_MIN):
        raise ProtocolVersion(f"it speaks {protocol_min} to {protocol_max}, we speak {PROTOCOL_MIN} to {PROTOCOL_MAX}")
    return chosen
