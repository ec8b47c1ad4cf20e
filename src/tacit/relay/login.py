"""Greeting and login: the relay shows its key, a device answers a challenge that serves once.

A signature names relay key, certificate and challenge, so what a device signs here opens nothing elsewhere, and what it
signed elsewhere opens nothing here.
"""

from __future__ import annotations

from functools import partial

from tacit.crypto.eddsa import ED25519
from tacit.errors import CryptoError
from tacit.limits import RETURN_WAIT_S
from tacit.relay.context import Context
from tacit.relay.store import accounts, key_packages
from tacit.relay.store.rows import KnownDevice, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import AccountSuspended, BadSignature, DeviceRevoked
from tacit.wire.operations import CHALLENGE_BYTES, PROTOCOL_MAX, PROTOCOL_MIN, choose_protocol
from tacit.wire.signing import hello_tbs, login_tbs


class Challenges:
    """The challenge of one connection: asked once, answered once."""

    __slots__ = ("_context", "_current", "certificate_hash")

    def __init__(self, context: Context, certificate_hash: bytes) -> None:
        self._context = context
        self._current = b""
        self.certificate_hash = certificate_hash
        """Of the certificate that this connection's listener shows; empty without TLS."""

    def ask(self) -> bytes:
        """A fresh challenge in the place of any earlier one."""
        self._current = self._context.entropy(CHALLENGE_BYTES)
        return self._current

    def take(self) -> bytes:
        """The current challenge, which from now on is none. Raises ``BadSignature`` when there is none."""
        challenge, self._current = self._current, b""
        if not challenge:
            raise BadSignature
        return challenge


def greet(context: Context, challenges: Challenges) -> pb.Hello:
    """The first frame on a connection."""
    challenge = challenges.ask()
    signed = hello_tbs(
        protocol_min=PROTOCOL_MIN,
        protocol_max=PROTOCOL_MAX,
        challenge=challenge,
        certificate_hash=challenges.certificate_hash,
        relay_key=context.identity.public_key,
    )
    return pb.Hello(
        protocol_min=PROTOCOL_MIN,
        protocol_max=PROTOCOL_MAX,
        challenge=challenge,
        certificate_hash=challenges.certificate_hash,
        relay_key=context.identity.public_key,
        signature=ED25519.sign(context.identity.private_key.reveal(), signed),
        registration=context.config.registration,
        ephemeral=context.config.ephemeral,
        time_s=context.now_s(),
    )


async def login(context: Context, challenges: Challenges, body: pb.Login) -> tuple[Session, pb.LoggedIn]:
    """Let a device in that has signed the challenge. Raises the refusal."""
    challenge = challenges.take()
    choose_protocol(body.protocol, body.protocol)
    device = await context.store.query(
        partial(accounts.known_device, account_id=body.account_id, device_id=body.device_id)
    )
    _check_signature(context, challenges, challenge, body, device)
    if device.revoked:
        raise DeviceRevoked
    if device.suspended:
        raise AccountSuspended
    left = await context.store.query(partial(key_packages.count, device=device.session.device, now_s=context.now_s()))
    return device.session, pb.LoggedIn(
        handle=device.handle,
        one_time_key_packages=left.one_time,
        last_resort_used=left.last_resort_used,
        incarnation=context.store.incarnation,
        waiting_s=min(RETURN_WAIT_S, max(0, context.store.waits_until - context.now_s())),
    )


def _check_signature(
    context: Context, challenges: Challenges, challenge: bytes, body: pb.Login, device: KnownDevice
) -> None:
    signed = login_tbs(
        protocol=body.protocol,
        relay_key=context.identity.public_key,
        certificate_hash=challenges.certificate_hash,
        challenge=challenge,
        account_id=body.account_id,
        device_id=body.device_id,
    )
    try:
        ED25519.verify(device.device_key, signed, body.signature)
    except CryptoError:
        raise BadSignature from None
