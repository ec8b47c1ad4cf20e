"""What one golden file holds, and the way to its JSON and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NOW_S = 1_800_000_000


@dataclass(frozen=True)
class Golden:
    """Alice's and Bob's group in the middle of its life, and what they were about to do next.

    Carol is in it too, and Dave was. Everything that is bytes lies in the file as hex.
    """

    format: int
    """The version of the stored form; the first byte of every stored part."""
    suite: int
    epoch: int
    members: list[str]
    authenticator: bytes
    resumption_psks: dict[str, bytes]
    """What Bob keeps of the epochs that are over, by their numbers."""
    alice_epoch: bytes
    alice_ratchets: bytes
    bob_epoch: bytes
    bob_ratchets: bytes
    bob_pending: bytes
    """His commit, which nobody has seen yet, of Carol's proposal and of a pre-shared key; stored with his group."""
    bob_pending_alone: bytes
    """The same, stored by itself."""
    psk: bytes
    erin_bundle: bytes
    """The key package of somebody who is not in the group yet."""
    skipped_letter: bytes
    """Overtaken by one that Bob has read."""
    past_letter: bytes
    """Of the epoch before."""
    next_letter: bytes
    alice_commit: bytes
    """A commit that refers to what Carol and Bob have proposed for themselves."""
    next_authenticator: bytes
    """After Alice's commit."""


PSK_ID = b"golden"
SKIPPED, PAST, NEXT = b"overtaken", b"from an epoch that is over", b"the next one"


def path_of(format_version: int, suite_id: int) -> Path:
    """Where the file of a format and a suite lies."""
    return HERE / f"state-v{format_version}-{suite_id:04x}.json"


def dump(golden: Golden) -> str:
    """The text of the file."""
    values = {field.name: _plain(getattr(golden, field.name)) for field in fields(golden)}
    return json.dumps(values, indent=1) + "\n"


def parse(text: str) -> Golden:
    """What a file holds."""
    values: dict[str, Any] = json.loads(text)
    for field in fields(Golden):
        if field.type == "bytes":
            values[field.name] = bytes.fromhex(values[field.name])
    values["resumption_psks"] = {epoch: bytes.fromhex(psk) for epoch, psk in values["resumption_psks"].items()}
    return Golden(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
