"""KeyPackages: published by their device, claimed by whoever wants to add it to a group. Opaque, and given out once."""

from __future__ import annotations

from tacit.limits import KEY_PACKAGE_MAX_RANGE_S
from tacit.log import EventLog
from tacit.relay.context import Context
from tacit.relay.registry import checked_certificate, named
from tacit.relay.store import Tables, accounts, damage, key_packages
from tacit.relay.store.rows import Account, ClaimedKeys, KeyPackageCount, NewKeyPackage, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import BadCertificate, BadRequest, NoKeyPackages


async def publish_keys(context: Context, session: Session, body: pb.PublishKeys) -> pb.KeysSet:
    """Add KeyPackages of the device, and renew its certificate if a new one comes along."""
    now_s = context.now_s()
    packages = [_checked_key_package(package, now_s) for package in body.key_packages]

    def publish(db: Tables) -> KeyPackageCount:
        if body.device_certificate:
            _renew_certificate(db, session, body.device_certificate, now_s)
        return key_packages.publish(db, session.device, packages, now_s)

    left = await context.store.change(publish)
    return pb.KeysSet(one_time_key_packages=left.one_time, last_resort_used=left.last_resort_used)


async def recipient_keys(context: Context, session: Session, body: pb.RecipientKeysRequest) -> pb.RecipientKeys:
    """Claim one KeyPackage of each device of an account.

    Raises ``NoSuchAccount``, ``AccountSuspended`` or ``NoKeyPackages``.
    """
    who, now_s = await named(context, session, body.who), context.now_s()

    def claim(db: Tables) -> tuple[Account, tuple[ClaimedKeys, ...], int]:
        account, before = accounts.find_account(db, who), damage.found(db).key_packages
        accounts.check_not_suspended(db, account.row)
        claimed = key_packages.claim(db, account.row, body.suite, asking=session.device, now_s=now_s)
        return account, claimed, damage.found(db).key_packages - before

    account, claimed, spoilt = await context.store.change(claim)
    if spoilt:
        context.metrics.damaged += spoilt
        EventLog("relay").warning("damaged", kind=damage.KEY_PACKAGE, count=spoilt)
    # Not in the transaction, which has dropped what was spoilt.
    if claimed and all(keys.key_package is None for keys in claimed):
        raise NoKeyPackages
    return pb.RecipientKeys(
        account_id=account.account_id,
        account_key=account.account_key,
        handle=account.handle,
        devices=[_device_keys(keys) for keys in claimed],
    )


def _checked_key_package(package: pb.KeyPackage, now_s: int) -> NewKeyPackage:
    """A KeyPackage whose end is ahead, but not so far that it would have to be remembered for ever."""
    if not now_s < package.expires_at <= now_s + KEY_PACKAGE_MAX_RANGE_S:
        raise BadRequest("a KeyPackage that has expired, or that lives too long")
    return NewKeyPackage(package.suite, package.key_package, package.last_resort, package.expires_at)


def _renew_certificate(db: Tables, session: Session, data: bytes, now_s: int) -> None:
    account = accounts.find_account(db, session.account_id)
    certificate = checked_certificate(data, account.account_key, now_s)
    if certificate.device_id != session.device_id:
        raise BadCertificate
    accounts.renew_certificate(db, session.device, data, certificate.device_key, certificate.expires_at)


def _device_keys(keys: ClaimedKeys) -> pb.DeviceKeys:
    device = pb.DeviceKeys(device_id=keys.device_id, device_certificate=keys.certificate)
    if keys.key_package is not None:
        package = keys.key_package
        device.key_package.suite = package.suite
        device.key_package.key_package = package.key_package
        device.key_package.last_resort = package.last_resort
        device.key_package.expires_at = package.expires_at
    return device
