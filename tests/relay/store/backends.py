"""What can be behind the relay's store; each passes ``test_contract.py`` and ``test_log_model.py``.

These know ``Store``, the values of ``rows`` and the functions of the store's modules, and hand those the ``Tables``
that a change gets without looking into it. Another backend is another line here. See ADR 33.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from tacit.errors import RelayError
from tacit.relay.store import Store, Tables, accounts
from tacit.relay.store.rows import Appended, DeviceAddress, Needs, Registration, Session

Opener: TypeAlias = Callable[[Path], Store]
"""Opens the store that is kept in a folder, on the running event loop."""

BACKENDS: Final[dict[str, Opener]] = {
    "sqlite": lambda folder: Store(folder / "relay.db"),
    "memory": lambda folder: Store(None),
}
LASTING: Final = ("sqlite",)
"""Those that have what they had when they are opened again."""

Outcome: TypeAlias = Appended | RelayError


def identifier(name: str) -> bytes:
    return name.encode().ljust(16, b"-")


def address(name: str) -> DeviceAddress:
    return DeviceAddress(identifier(name), identifier(name))


def wish(name: str, *, handle: str = "", invite: bytes | None = None, phone: bytes | None = None) -> Registration:
    own = identifier(name)
    return Registration(own, b"key " + own, own, b"device", b"certificate", 2**40, handle, invite, phone)


async def join(store: Store, name: str, *, needs: Needs = Needs(), **more: object) -> Session:  # noqa: B008 - frozen
    """Register somebody with one device, and log in."""
    await store.change(partial(accounts.register, wish=wish(name, **more), needs=needs, now_s=0))  # type: ignore[arg-type]
    return await session(store, name)


async def session(store: Store, name: str) -> Session:
    def find(db: Tables) -> Session:
        return accounts.known_device(db, identifier(name), identifier(name)).session

    return await store.query(find)
