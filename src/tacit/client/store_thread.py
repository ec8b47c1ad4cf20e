"""The books of an open profile, and the one thread that reads and writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tacit.client.books import Books
from tacit.client.errors import Closed
from tacit.client.store import OpenProfile
from tacit.clock import Clock
from tacit.crypto.memory import forget_private_keys
from tacit.entropy import Entropy

T = TypeVar("T")


class StoreThread:
    """Does one thing after the other with the books."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tacit-store")
        self._profile: OpenProfile | None = None
        self._books: Books | None = None

    @property
    def books(self) -> Books:
        """What may be looked at from elsewhere, too. Raises ``Closed`` before they are open."""
        if self._books is None:
            raise Closed
        return self._books

    async def open(self, open_profile: Callable[[], OpenProfile], clock: Clock, entropy: Entropy) -> Books:
        """Open the profile and read its books; raises what opening raises."""

        def load() -> Books:
            self._profile = open_profile()
            return Books(self._profile.store, clock, entropy)

        self._books = await self._on_thread(load)
        return self._books

    async def run(self, work: Callable[[Books], T]) -> T:
        """Do something with the books. Raises what it raises, and ``Closed`` before they are open."""
        books = self.books
        return await self._on_thread(lambda: work(books))

    async def close(self) -> None:
        """Close the profile behind everything that was begun, and end the thread."""
        await self._on_thread(self._close)
        self._thread.shutdown(wait=True)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _close(self) -> None:
        if self._books is not None:
            self._books.close()
        if self._profile is not None:
            self._profile.close()
        forget_private_keys()
