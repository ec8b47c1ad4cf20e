"""Requests that say something else: frames that parse, with fields that an honest client would not fill in like that.

A byte changed at random mostly makes a frame that is none, and the relay hangs up before it has looked at a field.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from fuzz.relays import LOG_ID, MAX_FRAMES, SIGN, frames
from fuzz.soak import damaged
from tacit.wire import relay_pb2 as pb

NUMBERS: Final = (0, 1, 2, 3, 7, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**64 - 1)
TEXTS: Final = ("", "b", "a-name", "@b", "x" * 64, "ÿ" * 40, "\x1b[2J", "+41791234567")
MANY: Final = (2, 20, 300)
"""How often a part of a list is repeated."""

RAW_ONE_IN: Final = 8
"""Inputs of which the bytes are damaged after that."""


def bent(seed: bytes, chance: random.Random, known: Iterable[bytes] = ()) -> bytes:
    """An input with one to three of its requests changed; ``known`` are IDs and keys that mean something."""
    found = frames(seed) or [b""]
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found))
        match chance.randrange(8):
            case 0:
                found.insert(chance.randrange(len(found) + 1), found[at])
            case 1 if len(found) > 1:
                found.insert(chance.randrange(len(found)), found.pop(at))
            case _:
                found[at] = _bent_frame(found[at], chance, tuple(known))
    whole = b"".join(len(frame).to_bytes(2, "big") + frame for frame in found[:MAX_FRAMES] if len(frame) < 2**16)
    return damaged(whole, chance) if chance.randrange(RAW_ONE_IN) == 0 else whole


def _bent_frame(data: bytes, chance: random.Random, known: tuple[bytes, ...]) -> bytes:
    frame = pb.ClientFrame()
    try:
        frame.ParseFromString(data)
    except DecodeError:
        return data
    request = frame.WhichOneof("request")
    if request is not None:
        _bend(getattr(frame, request), chance, known)
    return frame.SerializeToString()


def _bend(message: Message, chance: random.Random, known: tuple[bytes, ...]) -> None:
    """Change one field, set or not, of a message or of one inside it."""
    if not message.DESCRIPTOR.fields:
        return
    field: Any = chance.choice(message.DESCRIPTOR.fields)
    if field.is_repeated:
        _bend_list(message, field, chance, known)
    elif field.type != FieldDescriptor.TYPE_MESSAGE:
        setattr(message, field.name, _value(field, getattr(message, field.name), chance, known))
    elif chance.randrange(4) == 0:
        message.ClearField(field.name)
    else:
        inner = getattr(message, field.name)
        inner.SetInParent()
        _bend(inner, chance, known)


def _bend_list(message: Message, field: Any, chance: random.Random, known: tuple[bytes, ...]) -> None:
    items = getattr(message, field.name)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        items.append(_value(field, items[-1] if items else field.default_value, chance, known))
    elif not items or chance.randrange(3) == 0:
        _bend(items.add(), chance, known)
    elif chance.randrange(3) == 0:
        items.extend([items[-1]] * chance.choice(MANY))
    elif chance.randrange(3) == 0:
        del items[chance.randrange(len(items))]
    else:
        _bend(chance.choice(items), chance, known)


def _value(field: Any, now: Any, chance: random.Random, known: tuple[bytes, ...]) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_BOOL:
            return not now
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_STRING:
            return chance.choice((*TEXTS, now[: len(now) // 2], now + now))
        case FieldDescriptor.CPPTYPE_STRING:
            fresh = chance.randbytes(chance.choice((1, 16, 16, 16, 32, 64, 3_000, 40_000)))
            return chance.choice((b"", bytes(16), LOG_ID, SIGN, now[:-1], now + b"\0", *known, fresh, fresh, fresh))
        case FieldDescriptor.CPPTYPE_ENUM:
            return chance.randrange(6)
        case _:
            bits = 64 if field.cpp_type in (FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_INT64) else 32
            return (chance.choice((*NUMBERS, now + 1)) if chance.randrange(2) else chance.randrange(50)) % 2**bits
