"""Private halves of the KeyPackages that lie at the relay, as opaque bytes.

A one-time row is deleted in the transaction that joins the group, so a second Welcome for it fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tacit.client.model import KeyPackageRow
from tacit.client.store.database import Database

_SELECT: Final = "SELECT ref, bundle, last_resort, expires_at, incarnation FROM key_package"


class KeyPackageRows:
    """The KeyPackage bundles."""

    __slots__ = ()
    _db: Database

    def add_bundles(self, bundles: Iterable[KeyPackageRow]) -> None:
        """Keep bundles whose KeyPackages are about to be published."""
        self._db.run_many(
            "INSERT OR REPLACE INTO key_package (ref, bundle, last_resort, expires_at, incarnation)"
            " VALUES (?, ?, ?, ?, ?)",
            [(b.ref, b.bundle, b.last_resort, b.expires_at, b.incarnation) for b in bundles],
        )

    def bundles(self) -> list[KeyPackageRow]:
        """Every bundle, the soonest to expire first."""
        return [_bundle(row) for row in self._db.all(f"{_SELECT} ORDER BY expires_at, ref")]

    def bundle(self, ref: bytes) -> KeyPackageRow | None:
        """One bundle by its KeyPackageRef."""
        row = self._db.one(f"{_SELECT} WHERE ref = ?", (ref,))
        return _bundle(row) if row else None

    def last_resort(self) -> KeyPackageRow | None:
        """The last-resort bundle that expires last, None if there is none."""
        row = self._db.one(f"{_SELECT} WHERE last_resort ORDER BY expires_at DESC")
        return _bundle(row) if row else None

    def drop_bundle(self, ref: bytes) -> None:
        """Delete a bundle: used, replaced or expired."""
        self._db.run("DELETE FROM key_package WHERE ref = ?", (ref,))

    def drop_expired_bundles(self, now_s: int) -> int:
        """Delete every bundle past its time; returns how many."""
        return self._db.run("DELETE FROM key_package WHERE expires_at < ?", (now_s,))


def _bundle(row: tuple[Any, ...]) -> KeyPackageRow:
    return KeyPackageRow(row[0], row[1], bool(row[2]), row[3], row[4])
