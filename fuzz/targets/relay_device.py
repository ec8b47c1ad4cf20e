"""What a device that is logged in can send, over the real dispatcher and a real store, with another one listening."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from fuzz.bent import bent
from fuzz.relays import LOG_ID, NOW_S, SIGN, kept, relay, seed
from tacit.wire import relay_pb2 as pb

DAMAGED_EACH = 6
"""In the tests, for each input takes milliseconds."""


def seeds() -> Iterator[bytes]:
    """Each request as an honest client makes it, and some in a row."""
    alice, bob = relay().alice.address, relay().bob.address
    package = pb.KeyPackage(suite=1, key_package=b"key package", expires_at=NOW_S + 30 * 86_400)
    last = pb.KeyPackage(suite=1, key_package=b"last", expires_at=NOW_S + 80 * 86_400, last_resort=True)
    message = pb.Append(log_id=LOG_ID, message_id=b"m" * 16, kind=pb.ENTRY_KIND_MESSAGE, payload=b"hello")
    commit = pb.Append(
        log_id=LOG_ID,
        message_id=b"c" * 16,
        kind=pb.ENTRY_KIND_COMMIT,
        payload=b"commit",
        after_commit=1,
        readers_added=[bob],
    )
    welcome = pb.Append(inbox=bob, message_id=b"w" * 16, kind=pb.ENTRY_KIND_WELCOME, payload=b"welcome")
    positions = [pb.Position(log_id=LOG_ID, seq=2), pb.Position(log_id=alice.device_id, seq=1)]
    yield seed(pb.PublishKeys(key_packages=[package, last]), pb.RecipientKeysRequest(who=pb.Who(handle="b"), suite=1))
    yield seed(pb.RecipientKeysRequest(who=pb.Who(account_id=bob.account_id), suite=1))
    yield seed(pb.SenderKeysRequest(who=pb.Who(account_id=bob.account_id)))
    yield seed(pb.CreateLog(log_id=b"n" * 16), message, message, commit, welcome)
    yield seed(pb.Listen(after=positions), pb.Acknowledge(positions=positions))
    yield seed(pb.Append(log_id=LOG_ID, message_id=b"r" * 16, kind=pb.ENTRY_KIND_COMMIT, readers_removed=[bob]))
    yield seed(pb.RevokeDevice(device_id=bytes(16), signature=SIGN), pb.RevokeDevice(device_id=alice.device_id))
    room = pb.Room(join_token_hash=hashlib.sha256(b"t" * 32).digest(), group_info=b"info", name="lobby")
    made = pb.CreateLog(log_id=b"o" * 16, room=room)
    into = pb.Append(log_id=b"o" * 16, message_id=b"i" * 16, kind=pb.ENTRY_KIND_COMMIT, room=room, join_token=b"t" * 32)
    into.readers_added.append(alice)
    yield seed(made, into, pb.EnterRoom(log_id=b"o" * 16, join_token=b"t" * 32), pb.EnterRoom(name="lobby"))
    for field in pb.ClientFrame.DESCRIPTOR.oneofs_by_name["request"].fields:
        frame = pb.ClientFrame(request_id=7)
        getattr(frame, field.name).SetInParent()
        data = frame.SerializeToString()
        yield len(data).to_bytes(2, "big") + data
    yield from kept("relay_device")


def damage(seed: bytes, chance: random.Random) -> bytes:
    """Mostly requests that parse, about what there is; what does not parse ends the connection at once."""
    alice, bob = relay().alice.address, relay().bob.address
    known = (alice.account_id, alice.device_id, bob.account_id, bob.device_id)
    return bent(seed, chance, known)


def check(data: bytes) -> None:
    """Every request is granted or refused with a documented code, and who listens gets entries and nothing else."""
    relay().device_says(data)
