"""Prints the tables of docs/protocol.md from the code; run as ``python scripts/protocol_tables.py``.

What stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is written here and nowhere else; a test fails
when it is not what the code says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from printed_tables import fill, markdown_table

from tacit import limits
from tacit.client.core import heads, nicks, room_keys
from tacit.client.core.group_info import ROOM_INFO_VERSION, GroupInfo, GroupKind, encode_group_info
from tacit.crypto.padme import padme
from tacit.crypto.secret import Secret
from tacit.identity import DeviceCertificate, DeviceId, account_id, format_id, pairing_keys, safety_number, words
from tacit.identity.account_keys import labelled
from tacit.identity.certificates import CERTIFICATE_LABEL
from tacit.identity.pairing import TABLE as PAIRING
from tacit.relay.rates import RATES, RATES_OF_ADDRESS, Rate
from tacit.wire import signing
from tacit.wire.errors import REFUSALS, Closed, PartedCode
from tacit.wire.operations import PUSHES, REQUESTS, RESPONSES
from tacit.wire.shapes import MAX_PAYLOAD_BYTES

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "protocol.md"

KINDS: Final = ("", "message or proposal", "commit", "Welcome")
"""Names of the kinds of entries, by their number."""

CLOSINGS: Final = {
    Closed.SHUTTING_DOWN: "The relay is about to stop; come back.",
    Closed.REPLACED: "The same device has logged in on another connection. If that was not you, the store was copied.",
    Closed.REVOKED: "The account, or the relay's operator, has revoked this device. Do not come back.",
    Closed.SUSPENDED: "The relay's operator has suspended the account. It may be resumed; try again now and then.",
    Closed.DELETED: "The relay's operator has deleted the account. Do not come back unasked.",
    Closed.LOGIN_TIMEOUT: "Login took too long.",
    Closed.LOGIN_FAILURES: "Too much was refused before login.",
}

PARTINGS: Final = {
    PartedCode.LEFT: "The other side's connection has ended.",
    PartedCode.DISMISSED: "Who waits has sent this guest away.",
    PartedCode.EXPIRED: "Nobody has come in time.",
    PartedCode.USED_UP: "As many guests have come as may.",
    PartedCode.QUIET: "Neither has said anything for too long.",
}

BOUNDS: Final = (
    ("One frame", "MAX_FRAME_BYTES", "bytes"),
    ("One frame before login", "MAX_LOGIN_FRAME_BYTES", "bytes"),
    ("WebSocket frames before login, fragments and pings included", "MAX_STRANGER_PIECES", ""),
    ("Fields in a frame of more than that, outer two levels", "MAX_FRAME_FIELDS", ""),
    ("One KeyPackage", "MAX_KEY_PACKAGE_BYTES", "bytes"),
    ("How long a KeyPackage may be good for", "KEY_PACKAGE_MAX_RANGE_S", "seconds"),
    ("One device certificate", "MAX_CERTIFICATE_BYTES", "bytes"),
    ("One account key", "MAX_ACCOUNT_KEY_BYTES", "bytes"),
    ("A handle", "MAX_HANDLE_CHARS", "characters"),
    ("A phone number", "MAX_PHONE_CHARS", "characters"),
    ("Tries of a code that was sent to a phone", "MAX_OTP_TRIES", ""),
    ("How long such a code is good", "OTP_LIFETIME_S", "seconds"),
    ("Such codes in a day, unless the operator says otherwise", "PHONE_SENDS_PER_DAY", ""),
    ("Connections from one address", "MAX_CONNECTIONS_PER_ADDRESS", ""),
    ("Connections that have not logged in; with one more the oldest is cut off", "MAX_STRANGERS", ""),
    ("From connection to login", "HANDSHAKE_TIMEOUT_S", "seconds"),
    ("Refusals before login", "MAX_LOGIN_FAILURES", ""),
    ("Refusals at a rendezvous", "MAX_SEATED_FAILURES", ""),
    ("Silence before a connection counts as dead", "IDLE_TIMEOUT_S", "seconds"),
    ("One frame to a reader that does not drain", "SLOW_READER_TIMEOUT_S", "seconds"),
    ("Frames that wait in memory for one reader; more wait in the log", "SEND_QUEUE_FRAMES", ""),
    ("Bytes that wait in memory for one reader", "SEND_QUEUE_BYTES", "bytes"),
    ("Requests in flight before the relay stops reading", "MAX_REQUESTS_IN_FLIGHT", ""),
    ("Bytes of requests in flight before the relay stops reading", "MAX_BYTES_IN_FLIGHT", "bytes"),
    ("New accounts in an hour, unless the operator says otherwise", "NEW_ACCOUNTS_PER_HOUR", ""),
    ("Devices of an account, revoked ones not counted", "MAX_DEVICES_PER_ACCOUNT", ""),
    ("Devices of an account, revoked ones included", "MAX_DEVICES_EVER_PER_ACCOUNT", ""),
    ("KeyPackages of a device", "MAX_KEY_PACKAGES_PER_DEVICE", ""),
    ("KeyPackages of a device that are remembered as given out", "MAX_GIVEN_OUT_KEPT", ""),
    ("Logs made by an account", "MAX_LOGS_PER_ACCOUNT", ""),
    ("Logs in one Listen or Acknowledge", "MAX_LISTEN_LOGS", ""),
    ("Readers of a log", "MAX_READERS_PER_LOG", ""),
    ("Removed readers of a log that may still fetch what came before", "MAX_FORMER_READERS_PER_LOG", ""),
    (
        "Appends of a device to which a repeat gets the first answer, once the entry is gone",
        "MAX_ANSWERS_PER_DEVICE",
        "",
    ),
    ("Entries in an inbox", "MAX_INBOX_ENTRIES", ""),
    ("Entries of one account in an inbox", "MAX_INBOX_ENTRIES_PER_SENDER", ""),
    ("Payloads in an inbox", "MAX_INBOX_BYTES", "bytes"),
    ("Entries of an account that wait, in all logs", "MAX_HELD_BYTES_PER_ACCOUNT", "bytes"),
    ("What an entry counts for besides its payload", "ENTRY_OVERHEAD_BYTES", "bytes"),
    ("How long an entry waits, unless the operator says otherwise", "RETENTION_S", "seconds"),
    ("Rendezvous at one time", "MAX_RENDEZVOUS", ""),
    ("Rendezvous opened from one address at one time", "MAX_RENDEZVOUS_PER_ADDRESS", ""),
    ("How long a rendezvous waits for a guest", "RENDEZVOUS_S", "seconds"),
    ("Guests of a rendezvous", "PAIRING_ATTEMPTS", ""),
    ("From a guest's coming until the two have paired", "PAIRING_S", "seconds"),
    ("How long two at a rendezvous may say nothing", "RENDEZVOUS_QUIET_S", "seconds"),
    ("Bytes that wait in memory for one side of a rendezvous", "MAX_PASSING_BYTES", "bytes"),
    ("Bytes that wait so for all; with more, who holds most is cut off", "MAX_PASSING_BYTES_OF_ALL", "bytes"),
)


def requests() -> str:
    """What a client may ask: code, when, the answers, the largest frame."""
    return markdown_table(
        ("code", "request", "when", "granted", "refused", "frame, bytes"),
        (
            (request.code, f"`{name}`", request.phase.value, f"`{request.answer}`", f"`{request.refusal}`",
             f"{request.max_bytes:,}")
            for name, request in REQUESTS.items()
        ),
    )  # fmt: skip


def responses() -> str:
    """What a relay says."""
    return markdown_table(
        ("code", "answer or push", ""),
        ((code, f"`{name}`", "push" if name in PUSHES else "") for name, code in RESPONSES.items()),
    )


def errors() -> str:
    """Every code of a refusal, with the sentence that the client shows."""
    return markdown_table(
        ("code", "meaning"), ((f"`{code}`", refusal().sentence) for code, refusal in REFUSALS.items())
    )


def closings() -> str:
    """Every code of Closing."""
    codes = (value for name, value in vars(Closed).items() if name.isupper())
    return markdown_table(("code", "meaning"), ((f"`{code}`", CLOSINGS[code]) for code in codes))


def partings() -> str:
    """Every code of Parted."""
    codes = (value for name, value in vars(PartedCode).items() if name.isupper())
    return markdown_table(("code", "meaning"), ((f"`{code}`", PARTINGS[code]) for code in codes))


def bounds() -> str:
    """Sizes and quotas."""
    payloads = ((f"Payload of a {KINDS[kind]}", f"{size:,} bytes") for kind, size in MAX_PAYLOAD_BYTES.items())
    others = ((what, f"{getattr(limits, name):,} {unit}".rstrip()) for what, name, unit in BOUNDS)
    return markdown_table(("bound", "value"), (*payloads, *others))


def rates() -> str:
    """How often an account may ask; before login, a connection."""
    return _rates(RATES)


def address_rates() -> str:
    """How often one address may, whatever number of connections it has."""
    return _rates(RATES_OF_ADDRESS)


def _rates(rates: Mapping[str, Rate]) -> str:
    """Longer spans than a second where less than one in a second is allowed."""
    return markdown_table(
        ("request", "at once", "then"),
        (
            (
                f"`{name}`" if name in REQUESTS else name,
                f"{rate.burst:,.0f}",
                f"{rate.per_s:,g} each second" if rate.per_s >= 1 else f"{rate.per_s * limits.HOUR_S:,g} each hour",
            )
            for name, rate in rates.items()
        ),
    )


def example() -> str:
    """Bytes to sign for made-up values, to check an implementation against."""
    common = {"relay_key": b"\x01" * 32, "certificate_hash": b"\x02" * 32, "challenge": b"\x03" * 32}
    certificate = DeviceCertificate(
        b"\x06" * 44, DeviceId(b"\x05" * 16), b"\x08" * 32, 1_700_000_000, 1_763_072_000, b""
    )
    signed = {
        "hello": signing.hello_tbs(protocol_min=1, protocol_max=1, **common),
        "device certificate": labelled(CERTIFICATE_LABEL, certificate.signed_content()),
        "login": signing.login_tbs(protocol=1, **common, account_id=b"\x04" * 16, device_id=b"\x05" * 16),
        "register": signing.register_tbs(
            protocol=1, **common, account_key=b"\x06" * 44, device_certificate=b"\x07" * 100, handle="bob", invite=""
        ),
        "revoke": signing.revoke_tbs(account_id=b"\x04" * 16, device_id=b"\x05" * 16),
    }
    lines = (line for name, data in signed.items() for line in (f"{name}:", *re.findall(".{1,96}", data.hex())))
    return "\n".join(("```text", *lines, "```"))


PAIRING_STRETCHED: Final = "febb35ef758cfdaca188a8c8e0987b1da39bcdedd27475e890e793cc90837943"
"""What Argon2id makes of the words in the example; a test stretches them, a page need not."""


def pairing() -> str:
    """Every step of pairing by code, from the table that is walked."""
    steps = ((role.value, state.value, event.value, after.value) for (role, state, event), after in PAIRING.items())
    return markdown_table(("side", "state", "what happens", "state after it"), steps)


def pairing_example() -> str:
    """All that two compute who pair with made-up values."""
    salt = pairing_keys.begin(b"\x01" * 32, "A3F2B1", b"\x02" * 32, b"\x03" * 32)
    stretched, number = bytes.fromhex(PAIRING_STRETCHED), b"\x04" * 32
    keys = pairing_keys.PairingKeys.derive(Secret(stretched), salt)
    commitment = pairing_keys.commitment(number)
    t1 = pairing_keys.with_offer(salt, commitment, b"\x05" * 100)
    t2 = pairing_keys.with_acceptance(t1, b"\x06" * 100, b"\x07" * 100)
    t3 = pairing_keys.with_confirmation(t2, number)
    values = {
        "salt": salt,
        "key": stretched,
        "commitment": commitment,
        "t1": t1,
        "offer.mac": keys.offer_mac(t1).reveal(),
        "psk_id": pairing_keys.psk_id(t1),
        "psk": keys.psk.reveal(),
        "t2": t2,
        "acceptance.mac": keys.acceptance_mac(t2).reveal(),
        "t3": t3,
        "confirmation.mac": keys.confirmation_mac(t3, Secret(b"\x08" * 48)).reveal(),
    }
    phrase = " ".join(words.phrase(Secret(bytes.fromhex("0123456789"))))
    lines = [f"{name + ':':17} {value.hex()}" for name, value in values.items()]
    return "\n".join(("```text", *lines, f"phrase of 0123456789: {phrase}", "```"))


def people_example() -> str:
    """What follows from the keys of two accounts."""
    spki = bytes.fromhex("302a300506032b6570032100")
    smaller, larger = spki + b"\x07" * 32, spki + b"\x09" * 32
    number = safety_number(larger, smaller)
    return _text(
        {
            "account ID": format_id(account_id(smaller)),
            "safety number": " ".join(number.groups),
            "QR code": number.qr.decode(),
        }
    )


def inside_example() -> str:
    """What a group says about itself, a running head, and padded lengths."""
    info = GroupInfo(GroupKind.GROUP, "climbing", (b"\x01" * 16, b"\x02" * 16))
    first = heads.first_head(b"\x08" * 48)
    padded = ", ".join(f"{length:,} to {padme(length):,}" for length in (8, 9, 100, 1_000, 70_000))
    return _text(
        {
            "description": encode_group_info(info).hex(),
            "first head": first.hex(),
            "next head": heads.next_head(first, 5, b"\x07" * 100).hex(),
            "padded": padded,
        }
    )


def room_example() -> str:
    """What follows from the link secret of a room."""
    secret, room_id = b"\x0a" * 32, b"\x09" * 16
    info = GroupInfo(GroupKind.ROOM, "lobby", (b"\x01" * 16,), version=ROOM_INFO_VERSION, public=True, link_epoch=3)

    def nonce(size: int) -> bytes:
        return b"\x0b" * size

    return _text(
        {
            "description": encode_group_info(info).hex(),
            "psk": room_keys.psk(secret, room_id).hex(),
            "psk_id": room_keys.psk_id(room_id, 3).hex(),
            "join token": room_keys.join_token(secret, room_id).hex(),
            "its hash": room_keys.join_token_hash(secret, room_id).hex(),
            "group info": room_keys.seal_group_info(secret, room_id, b"\x0c" * 4, nonce).hex(),
            "commit": room_keys.seal_commit(secret, room_id, b"\x0c" * 4, nonce).hex(),
            "skeletons": ", ".join(f"{nick} {nicks.skeleton(nick)}" for nick in ("Måya_1", "Борис", "mornvva")),
        }
    )


def look_alikes() -> str:
    """Which letters of nicknames count as which."""
    kinds: dict[str, str] = {}
    for letter, one in nicks.FOLDED.items():
        kinds[str(one)] = kinds.get(str(one), "") + chr(letter)
    pairs = [f"`{pair}` as `{one}`" for pair, one in nicks.PAIRS]
    lines = (f"| `{one}` | {' '.join(f'`{letter}`' for letter in letters)} |" for one, letters in sorted(kinds.items()))
    table = "\n".join(("| counts as | letters |", "| --- | --- |", *lines)).replace("`|`", "`\\|`")
    return f"{table}\n\nAfter that {' and '.join(pairs)}, in this order."


def _text(values: Mapping[str, str]) -> str:
    wide = max(map(len, values)) + 1
    return "\n".join(("```text", *(f"{name + ':':{wide}} {value}" for name, value in values.items()), "```"))


TABLES: Final[dict[str, Callable[[], str]]] = {
    "requests": requests,
    "responses": responses,
    "errors": errors,
    "closings": closings,
    "partings": partings,
    "pairing": pairing,
    "pairing example": pairing_example,
    "people example": people_example,
    "inside example": inside_example,
    "room example": room_example,
    "look-alikes": look_alikes,
    "bounds": bounds,
    "rates": rates,
    "address rates": address_rates,
    "example": example,
}


def filled(page: str) -> str:
    """The page with every table as the code has it now. Raises ``ValueError`` when a table has no place in it."""
    return fill(page, TABLES)


def main() -> int:
    """Write the tables in place."""
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
    print(PAGE.name)  # noqa: T201 - a script for people
    return 0


if __name__ == "__main__":
    sys.exit(main())
