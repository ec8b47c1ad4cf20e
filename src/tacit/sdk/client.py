"""The one class through which programs use tacit: a profile that is open, connected and able to talk.

Holds signatures and their meaning; the work is done by the rooms below. Every call either answers, raises one of the
documented errors, or has a timeout: nothing waits for ever. Values that come back are those of ``tacit.sdk.types``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tacit.sdk.types import (
    ChatInfo,
    Event,
    MessageInfo,
    Person,
    SafetyNumberInfo,
    StatusInfo,
    WaitFor,
)

DEFAULT_PROFILE = "default"
ONLINE_TIMEOUT_S = 15.0


class Client:
    """An open profile. Use ``async with Client.open(...) as me``; leaving the block ends every task it started.

    A *target* is ``@handle``, an account ID, a contact link, a local name, the title of a group, or the ID of a chat.
    """

    # ---- profiles ----

    @staticmethod
    def exists(profile: str = DEFAULT_PROFILE, data_dir: Path | None = None) -> bool:
        """Tell whether there is a profile of that name on this machine.

        Raises ``UsageError`` when the name cannot be a profile's name.
        """
        raise NotImplementedError

    @staticmethod
    async def create(
        profile: str = DEFAULT_PROFILE,
        *,
        name: str,
        relay: str,
        passphrase: str | None,
        data_dir: Path | None = None,
        timeout_s: float = ONLINE_TIMEOUT_S,
    ) -> None:
        """Make keys and a store, and register the handle ``name`` at the relay of the link ``relay``.

        An empty ``name`` registers no handle. ``passphrase=None`` leaves the store's key beside the store. On any error nothing is left behind:
        ``UsageError`` (bad name, bad link, profile exists), ``TransportError`` (relay unreachable), ``Untrusted``
        (``relay-pin-mismatch``), ``RelayError`` (``handle-taken``, ``invite-needed``, ``invite-invalid``, ...).
        """
        raise NotImplementedError

    @classmethod
    def open(
        cls,
        profile: str = DEFAULT_PROFILE,
        *,
        passphrase: str | None = None,
        data_dir: Path | None = None,
        connect: bool = True,
    ) -> AbstractAsyncContextManager[Client]:
        """Open a profile; with ``connect`` the connection to the relay is made and kept in the background.

        Does not wait for the relay: see ``wait_online``. Raises ``NotFound`` (no such profile), ``Locked``
        (``wrong-passphrase``, ``profile-in-use``), ``StorageError`` (damaged, newer).
        """
        raise NotImplementedError

    # ---- self ----

    @property
    def me(self) -> Person:
        """The owner of this profile."""
        raise NotImplementedError

    @property
    def profile(self) -> str:
        """Name of the profile."""
        raise NotImplementedError

    @property
    def contact_link(self) -> str:
        """What others paste to reach this account: relay, fingerprint and account ID."""
        raise NotImplementedError

    async def status(self) -> StatusInfo:
        """How this profile stands: connection, what is queued, how many chats and requests."""
        raise NotImplementedError

    async def wait_online(self, timeout_s: float = ONLINE_TIMEOUT_S) -> None:
        """Wait until the relay has let this device in.

        Raises the reason it did not within ``timeout_s``: ``TransportError``, ``Untrusted`` at once, or ``Offline``.
        """
        raise NotImplementedError

    async def wait_caught_up(self, timeout_s: float = ONLINE_TIMEOUT_S) -> None:
        """Wait until everything that waited at the relay has been read and processed. Raises as ``wait_online``."""
        raise NotImplementedError

    async def set_receipts(self, on: bool) -> None:
        """Tell others, or no longer tell them, when their messages have arrived here and been read."""
        raise NotImplementedError

    # ---- messages ----

    async def send(self, target: str, text: str) -> MessageInfo:
        """Write ``text`` down and send it as soon as the relay and the state of the chat allow.

        Returns at once with a message that is ``queued`` or further. Somebody unknown is looked up at the relay,
        pinned, and a direct chat begins. Raises ``NotFound`` (nobody by that name), ``UsageError`` (empty or longer than
        ``MAX_TEXT_BYTES``, ambiguous target, chat has ended), ``Offline`` (unknown, and the relay cannot be asked),
        ``HandleChanged`` (the relay answers with another account than the one pinned).
        """
        raise NotImplementedError

    async def wait_for(self, message_id: str, state: WaitFor, timeout_s: float) -> MessageInfo:
        """Wait until an own message is at least in ``state`` and return it.

        Raises ``TimedOut`` when it is not there in time, ``NotSent`` when it will never go out, ``NotFound``.
        """
        raise NotImplementedError

    def events(self) -> AsyncIterator[Event]:
        """Everything that happens from now on, in order; each iterator gets everything.

        A reader that is too slow gets missed lines from history later, so no message is lost; of the other events
        it then sees the latest. The iterator ends when the client is closed.
        """
        raise NotImplementedError

    async def history(self, target: str, *, limit: int = 50, before_row: int | None = None) -> list[MessageInfo]:
        """The last ``limit`` lines of a chat in order of display, or those before ``before_row``."""
        raise NotImplementedError

    async def mark_read(self, target: str, row: int | None = None) -> None:
        """Say that the owner has seen the chat up to the line ``row``, or all of it."""
        raise NotImplementedError

    # ---- people ----

    async def contacts(self) -> list[Person]:
        """Everyone this profile knows, by name."""
        raise NotImplementedError

    async def person(self, target: str) -> Person:
        """One known person. Raises ``NotFound`` naming the nearest names, ``UsageError`` when several match."""
        raise NotImplementedError

    async def add_contact(self, target: str, name: str = "") -> Person:
        """Pin the account behind ``@handle``, account ID or contact link, and call it ``name`` here.

        Raises ``NotFound``, ``Offline``, ``HandleChanged``, ``Untrusted`` (the relay's answer does not add up).
        """
        raise NotImplementedError

    async def rename_contact(self, target: str, name: str) -> Person:
        """Change what a person is called here; an empty ``name`` goes back to the handle."""
        raise NotImplementedError

    async def block(self, target: str) -> Person:
        """Take no more requests and show no more direct messages from a person."""
        raise NotImplementedError

    async def unblock(self, target: str) -> Person:
        """Undo ``block``."""
        raise NotImplementedError

    async def requests(self) -> list[ChatInfo]:
        """Chats that strangers have opened and that wait for a yes."""
        raise NotImplementedError

    async def accept(self, target: str) -> ChatInfo:
        """Say yes to a request, given as chat or person; what they have written arrives from now on."""
        raise NotImplementedError

    async def refuse(self, target: str, *, block: bool = False) -> None:
        """Say no to a request: the chat ends unread, and with ``block`` the person can ask no more."""
        raise NotImplementedError

    async def safety_number(self, target: str) -> SafetyNumberInfo:
        """What two people compare, over a channel they trust, to know that nobody sits between them."""
        raise NotImplementedError

    async def verify(self, target: str, compared: str | bytes | None = None) -> Person:
        """Mark a person as verified.

        ``compared`` holds the digits or the scanned QR content that the other side shows, checked here; ``None`` means that the
        person at this machine has compared. Raises ``SafetyNumberMismatch`` (``Untrusted``) and marks nothing when they differ.
        """
        raise NotImplementedError

    async def unverify(self, target: str) -> Person:
        """Take the mark back."""
        raise NotImplementedError

    # ---- chats ----

    async def chats(self) -> list[ChatInfo]:
        """Every chat but requests, the one with the latest line first."""
        raise NotImplementedError

    async def chat(self, target: str) -> ChatInfo:
        """One chat. Raises ``NotFound`` naming the nearest names, ``UsageError`` when several match."""
        raise NotImplementedError

    async def open_direct(self, target: str) -> ChatInfo:
        """Return the direct chat with a person; begins it now if there is none. Raises as ``send``."""
        raise NotImplementedError

    async def create_group(self, title: str, members: Sequence[str] = ()) -> ChatInfo:
        """Make a group whose admin is the owner of this profile, and invite ``members``.

        Returns when the wish is on disk; invitations go out as soon as the relay allows. Raises as ``send``.
        """
        raise NotImplementedError

    async def invite(self, chat: str, who: str) -> None:
        """Add a person to a group, as an admin. Goes out as soon as possible; a notice line tells when it is done.

        Raises ``NotAllowed`` when the owner of this profile is no admin, and as ``send``.
        """
        raise NotImplementedError

    async def remove(self, chat: str, who: str) -> None:
        """Remove a person from a group, as an admin. Raises ``NotAllowed``, ``NotFound``."""
        raise NotImplementedError

    async def rename(self, chat: str, title: str) -> None:
        """Change the title of a group, as an admin. Raises ``NotAllowed``, ``UsageError`` (too long)."""
        raise NotImplementedError

    async def leave(self, chat: str) -> None:
        """Ask to be removed; another member commits it. History stays."""
        raise NotImplementedError
