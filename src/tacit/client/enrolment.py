"""Making a profile: keys, a store, and a place at a relay. Either all of it is there at the end, or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tacit import limits
from tacit.client import key_stock
from tacit.client.batch import Batch
from tacit.client.books import Books
from tacit.client.connection import Connection
from tacit.client.errands import known_handle
from tacit.client.errors import ProfileExists
from tacit.client.handshake import NO_PROOF, Connect, PhoneProof, Welcomed, open_connection
from tacit.client.model import Profile
from tacit.client.paths import ProfilePaths
from tacit.client.proving import AskCode, with_proof
from tacit.client.runtime import no_checkpoint
from tacit.client.store import NewProfile, StoreExists, begin_profile
from tacit.client.uplink import login_of
from tacit.clock import Clock
from tacit.crypto.eddsa import ED25519
from tacit.entropy import Entropy
from tacit.errors import TacitError
from tacit.identity import AccountKey, DeviceCertificate, RelayLink, device_id, format_link, parse_handle
from tacit.wire import relay_pb2 as pb


async def enrol(
    paths: ProfilePaths,
    *,
    name: str,
    relay: RelayLink,
    passphrase: str | None,
    connect: Connect,
    clock: Clock,
    entropy: Entropy,
    account: AccountKey | None = None,
    proof: PhoneProof = NO_PROOF,
    ask_code: AskCode | None = None,
) -> None:
    """Make a profile at ``paths`` and register it at a relay under the handle ``name``; empty: without a handle.

    ``account`` is one that is there already, a fresh one otherwise; this is a further device of one that the relay
    knows. ``ask_code`` is asked where the relay sends a code to the number of ``proof``. Raises ``ProfileExists``,
    ``UsageError``, ``StorageError``, ``TransportError``, ``Untrusted`` or ``RelayError``, and has then left nothing
    behind on this machine.
    """
    handle = parse_handle(name) if name else ""
    account = account or AccountKey.generate(entropy)
    profile = new_profile(account, handle, replace(relay, account_id=None), clock.now_s(), entropy)
    new = await asyncio.to_thread(_begin, paths, passphrase, entropy, profile)

    async def enter(proof: PhoneProof) -> tuple[Connection, Welcomed]:
        return await open_connection(relay, login_of(profile), connect, clock, registering=proof)

    try:
        connection, welcomed = await with_proof(enter, proof, ask_code, clock)
        await _move_in(new, connection, welcomed, clock, entropy)
        await asyncio.to_thread(new.publish)
    except StoreExists:
        raise ProfileExists(paths.name) from None
    except BaseException:
        await asyncio.to_thread(new.discard)
        raise


def new_profile(account: AccountKey, handle: str, relay: RelayLink, now_s: float, entropy: Entropy) -> Profile:
    """Fresh keys for a device of an account."""
    device = ED25519.generate(entropy)
    certificate = DeviceCertificate.issue(account, device.public, now_s)
    return Profile(
        account_id=account.id,
        account_private=account.private.reveal(),
        device_id=device_id(device.public),
        device_private=device.private,
        device_certificate=certificate.encode(),
        handle=handle,
        relay_link=format_link(relay),
        registered=False,
        receipts=True,
        created_at=int(now_s),
    )


def _begin(paths: ProfilePaths, passphrase: str | None, entropy: Entropy, profile: Profile) -> NewProfile:
    try:
        new = begin_profile(paths, passphrase, entropy)
    except StoreExists:
        raise ProfileExists(paths.name) from None
    try:
        new.store.put_profile(profile)
    except BaseException:
        new.discard()
        raise
    return new


async def _move_in(new: NewProfile, connection: Connection, welcomed: Welcomed, clock: Clock, entropy: Entropy) -> None:
    reading = asyncio.create_task(_read(connection))
    try:
        packages = await asyncio.to_thread(_note_registered, new, welcomed.logged_in, clock, entropy)
        async with asyncio.timeout(limits.REQUEST_TIMEOUT_S):
            await connection.request(pb.PublishKeys(key_packages=packages), pb.KeysSet)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await connection.close()


async def _read(connection: Connection) -> None:
    try:
        await connection.run()
    except TacitError:
        return  # whoever waits for an answer hears of it


def _note_registered(new: NewProfile, said: pb.LoggedIn, clock: Clock, entropy: Entropy) -> list[pb.KeyPackage]:
    books = Books(new.store, clock, entropy)
    books.incarnation = said.incarnation
    batch = Batch(books)
    batch.note_registered(known_handle(said.handle))
    packages = key_stock.refill(batch, said.one_time_key_packages, last_resort_used=said.last_resort_used)
    batch.save(no_checkpoint)
    return packages
