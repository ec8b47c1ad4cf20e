"""The devices of one's own account: which of them is meant, and shutting one out for good.

Which there are is the relay's word, and it can leave some out; it cannot invent one, since the account key has signed
each. That key is on every device, so revoking holds against who has a machine, not against who has opened its store.
"""

from __future__ import annotations

from collections.abc import Iterable

from tacit.client.connection import Connection
from tacit.errors import UsageError
from tacit.identity import AccountKey, DeviceCertificate, format_id
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import NoSuchDevice
from tacit.wire.signing import revoke_tbs


class OwnDevice(UsageError):
    """That is the device that this profile is itself."""

    code = "own-device"
    hint = "Revoke it from another device of the account."


class AmbiguousDevice(UsageError):
    """More than one device of the account has an ID that begins so."""

    code = "ambiguous-device"
    hint = "Type more of it."


def find_device(certificates: Iterable[DeviceCertificate], text: str, *, own: bytes) -> DeviceCertificate:
    """The device with this ID, or with one that begins so.

    Raises ``NoSuchDevice``, ``AmbiguousDevice``, or ``OwnDevice`` where it is ``own``.
    """
    wanted = text.strip().lower()
    found = [one for one in certificates if wanted and format_id(one.device_id).startswith(wanted)]
    if not found:
        raise NoSuchDevice(text)
    if len(found) > 1:
        raise AmbiguousDevice(text)
    if found[0].device_id == own:
        raise OwnDevice
    return found[0]


async def revoke(connection: Connection, account: AccountKey, device_id: bytes) -> None:
    """Have the relay shut a device of this account out. Raises ``RelayError`` or ``TransportError``."""
    signature = account.sign_bytes(revoke_tbs(account_id=account.id, device_id=device_id))
    await connection.request(pb.RevokeDevice(device_id=device_id, signature=signature), pb.DeviceRevoked)
