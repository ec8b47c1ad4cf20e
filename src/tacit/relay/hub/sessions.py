"""Who is logged in, and how whoever is shut out is out at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tacit.relay.store.rows import AccountRow, DeviceRow, Session
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import AccountSuspended, Closed, DeviceRevoked

if TYPE_CHECKING:
    from tacit.relay.connection import Connection

REPLACED_AGAIN_S = 60
"""When a device that was replaced by itself may come back: two copies of one device must not chase each other."""

PUT_OUT_S = 0.5
"""How long somebody who was shut out may take to read what is left; out is out within a second."""


class Sessions:
    """Who is logged in: at most one connection for each device."""

    def __init__(self) -> None:
        self._connections: dict[DeviceRow, Connection] = {}
        self._revoked: set[DeviceRow] = set()
        self._suspended: set[AccountRow] = set()

    def enter(self, session: Session, connection: Connection) -> None:
        """Note a login, ending an earlier connection of the same device.

        Raises ``DeviceRevoked`` or ``AccountSuspended`` for one that was shut out while it logged in.
        """
        if session.device in self._revoked:
            raise DeviceRevoked
        if session.account in self._suspended:
            raise AccountSuspended
        earlier = self._connections.get(session.device)
        if earlier is not None:
            earlier.end(pb.Closing(code=Closed.REPLACED, reconnect_after_s=REPLACED_AGAIN_S))
        self._connections[session.device] = connection

    def leave(self, device: DeviceRow, connection: Connection) -> None:
        """Note the end of a connection."""
        if self._connections.get(device) is connection:
            del self._connections[device]

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, device: DeviceRow) -> bool:
        return device in self._connections

    def shut_out(self, device: DeviceRow, code: str = Closed.REVOKED) -> None:
        """End the connection of a device that was revoked, or whose account was deleted."""
        self._revoked.add(device)
        connection = self._connections.get(device)
        if connection is not None:
            _put_out(connection, code)

    def shut_out_account(self, account: AccountRow) -> None:
        """End the connections of an account that was suspended."""
        self._suspended.add(account)
        for connection in tuple(self._connections.values()):
            if connection.session is not None and connection.session.account == account:
                _put_out(connection, Closed.SUSPENDED)

    def let_in_account(self, account: AccountRow) -> None:
        """Take an account that was resumed again."""
        self._suspended.discard(account)


def _put_out(connection: Connection, code: str) -> None:
    """Say why, and end; one that does not read what was queued for it before is cut off."""
    connection.end(pb.Closing(code=code))
    asyncio.get_running_loop().call_later(PUT_OUT_S, connection.cut_off)
