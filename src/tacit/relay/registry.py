"""Who is known here: registration, lookup and the end of devices.

An account proves its key with a signature and its ID by being that key's hash, so nobody can take another's place; the
relay checks device certificates just as clients do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from tacit.errors import CryptoError, DecodeError
from tacit.identity import BadHandle as NotAHandle
from tacit.identity import DeviceCertificate, IdentityError, account_id, parse_handle, verify_account_bytes
from tacit.relay.addresses import NEW_ACCOUNT
from tacit.relay.context import Context
from tacit.relay.login import Challenges
from tacit.relay.phones import find, require_proof
from tacit.relay.store import accounts, invites
from tacit.relay.store.rows import Needs, Registration, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import BadCertificate, BadHandle, BadSignature, PhoneTaken
from tacit.wire.operations import choose_protocol
from tacit.wire.signing import register_tbs, revoke_tbs

MAX_TIME_S: Final = 2**63 - 1
"""The latest time that the store can hold; a certificate can name one twice as late."""


async def register(context: Context, challenges: Challenges, body: pb.Register, origin: str) -> pb.Registered:
    """Make an account and a device known, at the wish of somebody at ``origin``. Raises the refusal."""
    wish = _checked_wish(context, challenges, body)
    needs = Needs(invite=context.config.needs_invite, phone=context.config.needs_phone)
    now_s = context.now_s()
    # Looked up first, so that neither a known account nor a stranger without an invitation counts as a new account.
    if await context.store.query(partial(accounts.would_be_new, wish=wish, needs=needs, now_s=now_s)):
        context.resources.check_registration()
        if needs.phone:
            wish = replace(wish, proved_phone=require_proof(context, body, wish.account_id, origin))
        context.addresses.take(origin, NEW_ACCOUNT)
        context.new_accounts.take(context.clock.monotonic_s())
    elif needs.phone and body.phone:
        wish = replace(wish, own_phone=context.phones.hash_of(context.phones.read(body.phone)))
    try:
        held = await context.store.change(partial(accounts.register, wish=wish, needs=needs, now_s=now_s))
    except PhoneTaken:
        context.phones.codes.burn(body.otp_request)
        raise
    context.phones.codes.burn(body.otp_request)
    context.metrics.registrations += 1
    return pb.Registered(account_id=wish.account_id, handle=held, next_challenge=challenges.ask())


async def sender_keys(context: Context, session: Session, body: pb.SenderKeysRequest) -> pb.SenderKeys:
    """Look an account up. Raises ``NoSuchAccount`` or ``BadHandle``."""
    who = await named(context, session, body.who)
    account, certificates = await context.store.query(partial(accounts.look_up, who=who))
    return pb.SenderKeys(
        account_id=account.account_id,
        account_key=account.account_key,
        handle=account.handle,
        device_certificates=certificates,
    )


async def revoke_device(context: Context, session: Session, body: pb.RevokeDevice) -> pb.DeviceRevoked:
    """Shut one of the account's own devices out for good, at the word of the account key."""
    account = await context.store.query(partial(accounts.find_account, who=session.account_id))
    signed = revoke_tbs(account_id=session.account_id, device_id=body.device_id)
    _check_account_signature(account.account_key, signed, body.signature)
    device = await context.store.change(
        partial(accounts.revoke_device, account=session.account, device_id=body.device_id, now_s=context.now_s())
    )
    context.sessions.shut_out(device)
    return pb.DeviceRevoked()


async def named(context: Context, session: Session, who: pb.Who) -> bytes | str:
    """Whom a request names: an account ID, or a handle in its one form. Raises ``BadHandle`` or ``NoSuchAccount``."""
    match who.WhichOneof("who"):
        case "handle":
            return checked_handle(who.handle)
        case "phone":
            return await find(context, session, who.phone)
    return who.account_id


def checked_handle(text: str) -> str:
    """A handle in its one form. Raises ``BadHandle``."""
    try:
        return parse_handle(text)
    except NotAHandle:
        raise BadHandle from None


def checked_certificate(data: bytes, account_key: bytes, now_s: int) -> DeviceCertificate:
    """A device's certificate, valid now and issued by this account. Raises ``BadCertificate``."""
    try:
        certificate = DeviceCertificate.decode(data)
        certificate.verify(now_s)
    except (IdentityError, CryptoError, DecodeError):
        raise BadCertificate from None
    if certificate.account_key != account_key or certificate.expires_at > MAX_TIME_S:
        raise BadCertificate
    return certificate


def _checked_wish(context: Context, challenges: Challenges, body: pb.Register) -> Registration:
    """What somebody asks to be registered as, signed with the account key for this connection. Raises the refusal."""
    challenge = challenges.take()
    choose_protocol(body.protocol, body.protocol)
    handle = checked_handle(body.handle) if body.handle else ""
    signed = register_tbs(
        protocol=body.protocol,
        relay_key=context.identity.public_key,
        certificate_hash=challenges.certificate_hash,
        challenge=challenge,
        account_key=body.account_key,
        device_certificate=body.device_certificate,
        handle=body.handle,
        invite=body.invite,
        phone=body.phone,
        otp_request=body.otp_request,
        findable=body.findable,
    )
    _check_account_signature(body.account_key, signed, body.signature)
    certificate = checked_certificate(body.device_certificate, body.account_key, context.now_s())
    return Registration(
        account_id=account_id(body.account_key),
        account_key=body.account_key,
        device_id=certificate.device_id,
        device_key=certificate.device_key,
        certificate=body.device_certificate,
        certificate_expires_at=certificate.expires_at,
        handle=handle,
        invite_hash=invites.hash_token(body.invite) if body.invite else None,
        findable=body.findable,
    )


def _check_account_signature(account_key: bytes, signed: bytes, signature: bytes) -> None:
    try:
        verify_account_bytes(account_key, signed, signature)
    except CryptoError:
        raise BadSignature from None
