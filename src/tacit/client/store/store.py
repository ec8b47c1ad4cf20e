"""The store of one profile: the rows of ``client/model.py`` in one encrypted file.

Each topic's rows are a class in a file of its own; here they are put together behind one name, nothing overrides
anything. Reads and writes outside ``transaction()`` stand for themselves; inside, they happen together or not at all.
One thread at a time. Raises ``StorageError`` and nothing else for what the disk does.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tacit.client.store.chats import ChatRows
from tacit.client.store.contacts import ContactRows
from tacit.client.store.conversations import ConversationRows
from tacit.client.store.database import Database
from tacit.client.store.groups import GroupRows
from tacit.client.store.intents import IntentRows
from tacit.client.store.joins import JoinRows
from tacit.client.store.kept import KeptRows
from tacit.client.store.key_packages import KeyPackageRows
from tacit.client.store.messages import MessageRows
from tacit.client.store.outbox import OutboxRows
from tacit.client.store.profile import ProfileRows
from tacit.crypto.secret import Secret


class Store(
    ProfileRows,
    ContactRows,
    ChatRows,
    ConversationRows,
    GroupRows,
    MessageRows,
    IntentRows,
    OutboxRows,
    KeyPackageRows,
    KeptRows,
    JoinRows,
):
    """An open store."""

    __slots__ = ("_db",)

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    def create(cls, path: Path, key: Secret) -> Store:
        """Make an empty store at ``path``, which must not exist; ``key`` has 32 bytes."""
        return cls(Database.create(path, key))

    @classmethod
    def open(cls, path: Path, key: Secret) -> Store:
        """Open the store at ``path``.

        Raises ``WrongPassphrase`` for another key, ``StoreMissing``, ``StoreDamaged`` or ``StoreNewer``.
        """
        return cls(Database.open(path, key))

    def close(self) -> None:
        """Let go of the file; closing twice is harmless."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is on the disk at the end, or nothing of it; transactions do not nest."""
        return self._db.transaction()

    def scrub(self) -> None:
        """Empty the write-ahead log, so that no replaced secret waits in it; for moments when nothing else is due."""
        self._db.checkpoint()
