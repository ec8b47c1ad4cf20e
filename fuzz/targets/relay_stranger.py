"""What a peer that has not logged in can send, over the real dispatcher and a real store."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fuzz.bent import bent
from fuzz.relays import NAME, SIGN, kept, relay, seed
from tacit.wire import relay_pb2 as pb

DAMAGED_EACH = 20
"""In the tests, for each input takes milliseconds."""


def seeds() -> Iterator[bytes]:
    """Registrations and logins, good and bad, and what only members may ask."""
    someone = relay().stranger
    register = pb.Register(
        protocol=1,
        account_key=someone.account.public,
        device_certificate=someone.certificate.encode(),
        handle="fuzz",
        signature=SIGN,
    )
    login = pb.Login(protocol=1, account_id=someone.account.id, device_id=someone.certificate.device_id, signature=SIGN)
    yield seed(register, login, pb.CreateLog(log_id=bytes(16)))
    yield seed(login)
    yield seed(pb.Login(protocol=2, signature=bytes(64)), pb.Register(protocol=1, invite="x" * 26))
    yield seed(pb.SubmitOtp(), pb.Acknowledge(), pb.SenderKeysRequest(who=pb.Who(handle="fuzz")))
    yield seed(pb.OpenRendezvous(), pb.PassOn(payload=b"x"), pb.Dismiss(), pb.JoinRendezvous(name="A3F2B1"), login)
    say, much = pb.PassOn(payload=b"x"), pb.PassOn(payload=b"y" * 2_000)
    yield seed(pb.OpenRendezvous(), say, much, say, pb.Dismiss(), say, pb.Dismiss(close=True), say)
    yield seed(pb.JoinRendezvous(name=NAME), say, much, say, pb.Dismiss(), pb.JoinRendezvous(name=NAME), say)
    yield b"\x00\x00\x00\x03\x08\x01\x12"
    yield from kept("relay_stranger")


def damage(seed: bytes, chance: random.Random) -> bytes:
    """Mostly requests that parse."""
    someone = relay().stranger
    return bent(seed, chance, (someone.account.id, someone.certificate.device_id, someone.account.public))


def check(data: bytes) -> None:
    """Every frame is answered with a documented code or ends the connection, and the relay finds no fault in itself."""
    relay().stranger_says(data)
