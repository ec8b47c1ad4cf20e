"""Links that people paste or scan: where a relay is, how to know it, and whom or which room to reach there.

``tacit://host:port/#FINGERPRINT`` is a relay over WebSocket, ``tacit+grpc://`` and ``tacit+tcp://`` one over those.
``.INVITE`` behind the fingerprint lets one register, an account ID before the ``#`` names a person, and
``room/ROOM`` with ``.INVITE.SECRET`` (the invite may be empty) a room. What stands behind ``#`` is never sent anywhere
by software that takes it for a web address. The fingerprint is the SHA-256 of the relay's key, 52 characters of base32;
a room's ID and its secret are 22 and 43 characters of base64url.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from tacit.identity.errors import BadId, BadLink
from tacit.identity.ids import AccountId, format_id, parse_id

DEFAULT_PORTS: Final = {"ws": 8765, "grpc": 50051, "tcp": 5000}
"""Port of each transport where a link names none."""

DEFAULT_PORT: Final = DEFAULT_PORTS["ws"]
FINGERPRINT_SIZE: Final = 32
MAX_LINK_CHARS: Final = 512
ROOM_ID_SIZE: Final = 16
ROOM_SECRET_SIZE: Final = 32

_PREFIXES: Final = {"tacit://": "ws", "tacit+grpc://": "grpc", "tacit+tcp://": "tcp"}
_ROOM_PATH: Final = "room/"
_FINGERPRINT: Final = re.compile(r"[a-z2-7]{52}")
_INVITE: Final = re.compile(r"[A-Za-z0-9_-]{0,128}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


@dataclass(frozen=True, slots=True)
class RelayLink:
    """A relay, and perhaps an invite to it, a person or a room there; a value out of range raises ``BadLink``.

    ``host`` is a name or an address without brackets, ``fingerprint`` 32 bytes, ``scheme`` the transport, ``room_id``
    16 bytes and ``room_secret`` 32, both empty where no room is meant.
    """

    host: str
    port: int
    fingerprint: bytes
    invite: str = field(default="", repr=False)
    account_id: AccountId | None = None
    scheme: str = "ws"
    room_id: bytes = b""
    room_secret: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.scheme not in DEFAULT_PORTS:
            raise BadLink("the transport is unknown")
        if not _is_name(self.host) and not _is_ipv6(self.host):
            raise BadLink("the host is neither a name nor an address")
        if not 1 <= self.port <= 65535:
            raise BadLink("the port is out of range")
        if len(self.fingerprint) != FINGERPRINT_SIZE:
            raise BadLink("the fingerprint has the wrong length")
        if not _INVITE.fullmatch(self.invite):
            raise BadLink("the invite is damaged")
        if (len(self.room_id), len(self.room_secret)) not in ((0, 0), (ROOM_ID_SIZE, ROOM_SECRET_SIZE)):
            raise BadLink("the room is damaged")
        if self.room_id and self.account_id:
            raise BadLink("it names both a room and a person")


def can_be_linked(host: str) -> bool:
    """Whether a link could name this host."""
    try:
        RelayLink(host, DEFAULT_PORT, bytes(FINGERPRINT_SIZE))
    except BadLink:
        return False
    return True


def format_link(link: RelayLink) -> str:
    """The link as text, always with its port."""
    prefix = next(prefix for prefix, scheme in _PREFIXES.items() if scheme == link.scheme)
    host = f"[{link.host}]" if ":" in link.host else link.host
    path = format_id(link.account_id) if link.account_id else ""
    rest = f".{link.invite}" if link.invite else ""
    if link.room_id:
        path, rest = _ROOM_PATH + _to_base64(link.room_id), f".{link.invite}.{_to_base64(link.room_secret)}"
    return f"{prefix}{host}:{link.port}/{path}#{format_fingerprint(link.fingerprint)}{rest}"


def parse_link(text: str) -> RelayLink:
    """The link that ``text`` is; raises ``BadLink`` saying which part is wrong. White space around it is dropped."""
    link = text.strip()
    scheme, prefix_end = _parse_prefix(link)
    place, hash_sign, secret_part = link[prefix_end:].partition("#")
    if not hash_sign:
        raise BadLink("the fingerprint behind # is missing")
    authority, _, path = place.partition("/")
    host, port = _parse_authority(authority, DEFAULT_PORTS[scheme])
    fingerprint, dot, rest = secret_part.partition(".")
    if dot and not rest:
        raise BadLink("the invite is cut off")
    if not path.startswith(_ROOM_PATH):
        return RelayLink(host, port, parse_fingerprint(fingerprint), rest, _parse_path(path), scheme)
    invite, dot, secret = rest.partition(".")
    if not dot:
        raise BadLink("the secret of the room is missing")
    room_id, room_secret = _from_base64(path[len(_ROOM_PATH) :]), _from_base64(secret)
    if not room_id or not room_secret:
        raise BadLink("the room is damaged")
    return RelayLink(
        host, port, parse_fingerprint(fingerprint), invite, scheme=scheme, room_id=room_id, room_secret=room_secret
    )


def format_fingerprint(fingerprint: bytes) -> str:
    """A fingerprint of 32 bytes as 52 characters."""
    return base64.b32encode(fingerprint).decode().rstrip("=").lower()


def parse_fingerprint(text: str) -> bytes:
    """The 32 bytes of a fingerprint; raises ``BadLink``. Capital letters are taken too."""
    lowered = text.lower()
    if not _FINGERPRINT.fullmatch(lowered):
        raise BadLink("the fingerprint is damaged")
    fingerprint = base64.b32decode(lowered.upper() + "====")
    if format_fingerprint(fingerprint) != lowered:
        raise BadLink("the fingerprint is damaged")
    return fingerprint


def _parse_prefix(link: str) -> tuple[str, int]:
    """The transport, and where the prefix that says so ends."""
    if len(link) > MAX_LINK_CHARS or not link.isascii():
        raise BadLink
    for prefix, scheme in _PREFIXES.items():
        if link[: len(prefix)].lower() == prefix:
            return scheme, len(prefix)
    raise BadLink


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    """The bytes of their one encoding."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadLink("the room is damaged") from None
    if _to_base64(data) != text:
        raise BadLink("the room is damaged")
    return data


def _parse_authority(authority: str, default_port: int) -> tuple[str, int]:
    """Host and port; an IPv6 address stands in brackets."""
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise BadLink("the address in brackets is not IPv6")
        return str(ipaddress.IPv6Address(host)), _parse_port(rest[1:] if rest else None, default_port)
    host, colon, port = authority.partition(":")
    if not _is_name(host.lower()):
        raise BadLink("the host is neither a name nor an address")
    return host.lower(), _parse_port(port if colon else None, default_port)


def _parse_port(text: str | None, default_port: int) -> int:
    if text is None:
        return default_port
    if not _PORT.fullmatch(text):
        raise BadLink("the port is not a number")
    return int(text)


def _parse_path(path: str) -> AccountId | None:
    if not path:
        return None
    try:
        return parse_id(path)
    except BadId:
        raise BadLink("the account ID is damaged") from None


def _is_name(host: str) -> bool:
    """A DNS name, or an IPv4 address in the usual four parts."""
    if not _NAME.fullmatch(host):
        return False
    if not host.rsplit(".", 1)[-1].isdigit():
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False
