"""Links that people paste or scan: where a relay is, how to know it, and whom to reach there.

``tacit://host:port/#FINGERPRINT`` is a relay; ``.INVITE`` behind the fingerprint lets one register, and an account ID
before the ``#`` names a person. What stands behind ``#`` is never sent anywhere by software that takes it for a web
address. The fingerprint is the SHA-256 of the relay's key, 52 characters of base32.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from tacit.identity.errors import BadId, BadLink
from tacit.identity.ids import AccountId, format_id, parse_id

DEFAULT_PORT: Final = 8765
FINGERPRINT_SIZE: Final = 32
MAX_LINK_CHARS: Final = 512

_PREFIX: Final = "tacit://"
_FINGERPRINT: Final = re.compile(r"[a-z2-7]{52}")
_INVITE: Final = re.compile(r"[A-Za-z0-9_-]{0,128}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


@dataclass(frozen=True, slots=True)
class RelayLink:
    """A relay, and perhaps an invite to it or a person there; a value out of range raises ``BadLink``.

    ``host`` is a name or an address without brackets, ``fingerprint`` 32 bytes, ``scheme`` the transport.
    """

    host: str
    port: int
    fingerprint: bytes
    invite: str = field(default="", repr=False)
    account_id: AccountId | None = None
    scheme: str = "ws"

    def __post_init__(self) -> None:
        if self.scheme != "ws":
            raise BadLink("the transport is unknown")
        if not _is_name(self.host) and not _is_ipv6(self.host):
            raise BadLink("the host is neither a name nor an address")
        if not 1 <= self.port <= 65535:
            raise BadLink("the port is out of range")
        if len(self.fingerprint) != FINGERPRINT_SIZE:
            raise BadLink("the fingerprint has the wrong length")
        if not _INVITE.fullmatch(self.invite):
            raise BadLink("the invite is damaged")


def format_link(link: RelayLink) -> str:
    """The link as text, always with its port."""
    host = f"[{link.host}]" if ":" in link.host else link.host
    path = format_id(link.account_id) if link.account_id else ""
    invite = f".{link.invite}" if link.invite else ""
    return f"{_PREFIX}{host}:{link.port}/{path}#{format_fingerprint(link.fingerprint)}{invite}"


def parse_link(text: str) -> RelayLink:
    """The link that ``text`` is; raises ``BadLink`` saying which part is wrong. White space around it is dropped."""
    link = text.strip()
    if len(link) > MAX_LINK_CHARS or not link.isascii() or link[: len(_PREFIX)].lower() != _PREFIX:
        raise BadLink
    place, hash_sign, secret_part = link[len(_PREFIX) :].partition("#")
    if not hash_sign:
        raise BadLink("the fingerprint behind # is missing")
    authority, _, path = place.partition("/")
    host, port = _parse_authority(authority)
    fingerprint, dot, invite = secret_part.partition(".")
    if dot and not invite:
        raise BadLink("the invite is cut off")
    return RelayLink(host, port, parse_fingerprint(fingerprint), invite, _parse_path(path))


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


def _parse_authority(authority: str) -> tuple[str, int]:
    """Host and port; an IPv6 address stands in brackets."""
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise BadLink("the address in brackets is not IPv6")
        return str(ipaddress.IPv6Address(host)), _parse_port(rest[1:] if rest else None)
    host, colon, port = authority.partition(":")
    if not _is_name(host.lower()):
        raise BadLink("the host is neither a name nor an address")
    return host.lower(), _parse_port(port if colon else None)


def _parse_port(text: str | None) -> int:
    if text is None:
        return DEFAULT_PORT
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
