"""The one class through which programs use tacit: a profile that is open, connected and able to talk.

Holds signatures and their meaning; the work is done by the rooms below. Every call either answers, raises one of the
documented errors, or has a timeout: nothing waits for ever. Values that come back are those of ``tacit.sdk.types``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from tacit.client import chats, invitations, own_devices, people
from tacit.client import rooms as room_changes
from tacit.client.directory import Asked, FoundDevices, look_up_devices
from tacit.client.enrolment import enrol
from tacit.client.errors import NoSuchProfile
from tacit.client.handshake import PhoneProof
from tacit.client.model import ChatId
from tacit.client.paths import profile_paths
from tacit.client.runtime import Runtime
from tacit.client.store import StoreMissing, open_profile
from tacit.errors import TacitError
from tacit.identity import parse_id, parse_link
from tacit.sdk import accounts, pinning, present, reading, rooms, waits, writing
from tacit.sdk.accounts import AccountInfo, AskCode, DeviceInfo, NewKey
from tacit.sdk.parts import REAL, Parts
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
GOODBYE_S = 1.0
"""How long a client that is being closed may take to tell the others what has arrived."""


class Client:
    """An open profile. Use ``async with Client.open(...) as me``; leaving the block ends every task it started.

    A *target* is ``@handle``, an account ID, a contact link, a local name, the title of a group, or the ID of a chat.
    """

    __slots__ = ("_profile", "_runtime", "_summary")

    def __init__(self, runtime: Runtime, profile: str, summary: reading.Summary) -> None:
        self._runtime = runtime
        self._profile = profile
        self._summary = summary

    # ---- profiles ----

    @staticmethod
    def exists(profile: str = DEFAULT_PROFILE, data_dir: Path | None = None) -> bool:
        """Tell whether there is a profile of that name on this machine.

        Raises ``UsageError`` when the name cannot be a profile's name.
        """
        return profile_paths(profile, data_dir).exist()

    @staticmethod
    async def create(
        profile: str = DEFAULT_PROFILE,
        *,
        name: str,
        relay: str,
        passphrase: str | None,
        data_dir: Path | None = None,
        key: NewKey = "ed25519",
        phone: str = "",
        findable: bool = False,
        ask_code: AskCode | None = None,
        parts: Parts = REAL,
    ) -> None:
        """Make keys and a store, and register the handle ``name`` at the relay of the link ``relay``.

        An empty ``name`` registers no handle; ``passphrase=None`` leaves the store's key beside the store. ``key`` is
        the kind of a fresh account key, or an ``AccountFile``; where the relay knows that account, this profile becomes
        a further device of it. ``phone`` is for relays that ask for a number: they send a code there, for which
        ``ask_code`` is called, and with ``findable`` others who want that too find the account by the number. On any
        error nothing is left behind here: ``UsageError`` (bad name, bad link, ``profile-exists``, ``unsupported-key``,
        ``phone-code-needed``), ``TransportError`` (unreachable), ``Untrusted`` (``relay-pin-mismatch``), ``RelayError``
        (``handle-taken``, ``invite-needed``, ``phone-needed``, ``phone-taken``).
        """
        await enrol(
            profile_paths(profile, data_dir),
            name=name,
            relay=parse_link(relay),
            passphrase=passphrase,
            connect=parts.connect,
            clock=parts.clock,
            entropy=parts.entropy,
            account=await asyncio.to_thread(accounts.account_from, key, parts.entropy),
            proof=PhoneProof(accounts.written_phone(phone) if phone else "", findable),
            ask_code=ask_code,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        profile: str = DEFAULT_PROFILE,
        *,
        passphrase: str | None = None,
        data_dir: Path | None = None,
        connect: bool = True,
        parts: Parts = REAL,
    ) -> AsyncIterator[Client]:
        """Open a profile; with ``connect`` the connection to the relay is made and kept in the background.

        Does not wait for the relay: see ``wait_online``. Raises ``NotFound`` (no such profile), ``Locked``
        (``wrong-passphrase``, ``passphrase-needed``, ``profile-in-use``), ``StorageError`` (damaged, newer).
        """
        paths = profile_paths(profile, data_dir)
        try:
            runtime = await Runtime.open(
                partial(open_profile, paths, passphrase),
                connect=parts.connect,
                clock=parts.clock,
                entropy=parts.entropy,
                checkpoint=parts.checkpoint,
                online=connect,
            )
        except StoreMissing:
            raise NoSuchProfile(profile) from None
        try:
            yield cls(runtime, profile, await runtime.read(partial(reading.summary, paths=paths)))
            with suppress(TacitError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await runtime.tell_receipts()
        finally:
            await runtime.close()

    # ---- self ----

    @property
    def me(self) -> Person:
        """The owner of this profile."""
        return self._summary.me

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self._profile

    @property
    def contact_link(self) -> str:
        """What others paste to reach this account: relay, fingerprint and account ID."""
        return self._summary.contact_link

    async def account(self, *, devices: bool = False) -> AccountInfo:
        """The account of this profile; with ``devices`` the relay is asked for all of its devices.

        Raises ``Offline`` or ``RelayError`` where that needs the relay.
        """
        found = await self._own_devices() if devices else None
        return await self._runtime.read(partial(accounts.account_info, found=found))

    async def other_device(self, device: str) -> DeviceInfo:
        """Another device of this account, by its ID or how that begins.

        Raises ``UsageError`` (``own-device``, ``ambiguous-device``), ``RelayError`` (``no-such-device``), ``Offline``.
        """
        found = await self._own_devices()
        return await self._runtime.read(partial(accounts.other_device, found=found, device=device))

    async def revoke_device(self, device: str | DeviceInfo) -> DeviceInfo:
        """Shut another device of this account out at the relay for good; raises as ``other_device``.

        It stays in the groups that it is in until it is removed there. For one that ``other_device`` has found the
        relay is not asked again.
        """
        gone = await self.other_device(device) if isinstance(device, str) else device
        if gone.this:
            raise own_devices.OwnDevice
        account = await self._runtime.read(accounts.own_account)
        await own_devices.revoke(self._runtime.uplink.require(), account, parse_id(gone.id))
        return gone

    async def set_findable(self, phone: str, *, on: bool) -> None:
        """Let people who want it too find this account by its own number ``phone``, or no longer.

        The relay says yes in any case: it tells nobody whether a number is an account's. Raises ``UsageError``
        (``bad-phone``), ``TransportError`` or ``RelayError``.
        """
        proof = PhoneProof(accounts.written_phone(phone), on)
        await self._runtime.uplink.register_again(await self._runtime.read(accounts.profile_of), proof)

    async def export_account_key(self, passphrase: str | None) -> bytes:
        """The account key as PEM (PKCS#8), sealed with a passphrase of its own; None leaves it open to every reader.

        Whoever has it is this account, everywhere. Raises ``UsageError`` for an empty passphrase.
        """
        return await self._runtime.read(partial(accounts.exported, passphrase=passphrase))

    async def status(self) -> StatusInfo:
        """How this profile stands: connection, what is queued, how many chats and requests."""
        counts = await self._runtime.read(reading.counts)
        uplink = self._runtime.uplink
        return reading.status(self._profile, self._summary, counts, uplink.state.value, uplink.key_packages)

    async def wait_online(self, timeout_s: float = ONLINE_TIMEOUT_S) -> None:
        """Wait until the relay has let this device in.

        Raises why it has not within ``timeout_s``: the last ``TransportError`` or ``RelayError``, ``Offline``; at once
        what makes trying again useless, such as ``Untrusted`` (``relay-pin-mismatch``).
        """
        await self._runtime.uplink.wait_online(timeout_s)

    async def wait_caught_up(self, timeout_s: float = ONLINE_TIMEOUT_S) -> None:
        """Wait until everything that waited at the relay has been read and processed, also in chats just entered.

        Raises as ``wait_online``.
        """
        await self._runtime.uplink.wait_caught_up(timeout_s)
        await waits.wait_for_logs(self._runtime, timeout_s)

    async def set_receipts(self, on: bool) -> None:
        """Tell others, or no longer tell them, when their messages have arrived here and been read."""
        await self._runtime.do(partial(people.set_receipts, on=on))

    # ---- messages ----

    async def send(self, target: str, text: str) -> MessageInfo:
        """Write ``text`` down and send it as soon as the relay and the state of the chat allow.

        Returns once it is on disk, ``queued`` or further. Somebody unknown is looked up at the relay, pinned, and a
        direct chat begins. Raises ``NotFound`` (nobody by that name), ``UsageError`` (empty or longer than
        ``MAX_TEXT_BYTES``, ambiguous target, ``chat-ended``, ``request-open``), ``Offline`` (unknown here, and the
        relay cannot be asked), ``HandleChanged`` (the relay answers with another account than the one pinned).
        """
        chat_id = await pinning.chat_to_write(self._runtime, target)
        message: MessageInfo = await self._runtime.do(partial(writing.send, chat_id=chat_id, text=text))
        if message.state == "queued":
            self._runtime.uplink.hurry()
        return message

    async def wait_for(self, message_id: str, state: WaitFor, timeout_s: float) -> MessageInfo:
        """Wait until an own message is at least in ``state`` and return it.

        Raises ``TimedOut`` when it is not there in time, ``NotSent`` when it will never go out, ``NotFound``.
        """
        own = reading.parse_message_id(message_id)
        message = await waits.wait_for_state(self._runtime, own, state, timeout_s)
        return await self._runtime.read(partial(present.message_info, message=message))

    def events(self) -> AsyncIterator[Event]:
        """Everything that happens from now on, in order; each iterator gets everything.

        A reader that is too slow gets missed lines from history later, so no message is lost; of the other events
        it then sees the latest. The iterator ends when the client is closed.
        """
        return waits.stream(self._runtime, self._runtime.watch())

    async def history(self, target: str, *, limit: int = 50, before_row: int | None = None) -> list[MessageInfo]:
        """The last ``limit`` lines of a chat in order of display, or those before ``before_row``."""
        return await self._runtime.read(partial(reading.history, target=target, limit=limit, before_row=before_row))

    async def mark_read(self, target: str, row: int | None = None) -> None:
        """Say that the owner has seen the chat up to the line ``row``, or all of it."""
        chat_id = await self._chat_id(target)
        await self._runtime.do(partial(chats.mark_read, chat_id=chat_id, row=row))

    # ---- people ----

    async def contacts(self) -> list[Person]:
        """Everyone this profile knows, by name."""
        return await self._runtime.read(reading.contacts)

    async def person(self, target: str) -> Person:
        """One known person. Raises ``NotFound`` naming the nearest names, ``UsageError`` when several match."""
        return await self._runtime.read(partial(reading.known_person, target=target))

    async def add_contact(self, target: str, name: str = "") -> Person:
        """Pin the account behind ``@handle``, account ID, contact link or ``+number``, and call it ``name`` here.

        A number is looked up only where the relay allows that and both accounts are findable.

        Raises ``NotFound``, ``Offline``, ``HandleChanged``, ``Untrusted`` (the relay's answer does not add up).
        """
        if target.strip().startswith("+"):
            account = await pinning.account_by_number(self._runtime, target)
        else:
            account = await self._account(target)
        await self._runtime.do(partial(people.accept_contact, account_id=account, name=name))
        return await self._person(account)

    async def rename_contact(self, target: str, name: str) -> Person:
        """Change what a person is called here; an empty ``name`` goes back to the handle."""
        account = await self._known_account(target)
        await self._runtime.do(partial(people.rename, account_id=account, name=name))
        return await self._person(account)

    async def block(self, target: str) -> Person:
        """Take no more requests and show no more direct messages from a person."""
        account = await self._known_account(target)
        await self._runtime.do(partial(people.block, account_id=account))
        return await self._person(account)

    async def unblock(self, target: str) -> Person:
        """Undo ``block``; what they wrote meanwhile and the relay still holds arrives now."""
        account = await self._known_account(target)
        await self._runtime.do(partial(people.unblock, account_id=account))
        return await self._person(account)

    async def requests(self) -> list[ChatInfo]:
        """Chats that strangers have opened and that wait for a yes."""
        return await self._runtime.read(reading.requests)

    async def accept(self, target: str) -> ChatInfo:
        """Say yes to a request, given as chat or person; what they have written arrives from now on."""
        chat_id = await self._runtime.read(partial(reading.request_of, target=target))
        await self._runtime.do(partial(invitations.accept, chat_id=chat_id))
        return await self.chat(chat_id)

    async def refuse(self, target: str, *, block: bool = False) -> None:
        """Say no to a request: the chat ends unread, and with ``block`` the person can ask no more."""
        chat_id = await self._runtime.read(partial(reading.request_of, target=target))
        await self._runtime.do(partial(invitations.refuse, chat_id=chat_id, block=block))

    async def safety_number(self, target: str) -> SafetyNumberInfo:
        """What two people compare, over a channel they trust, to know that nobody sits between them."""
        return await self._runtime.read(partial(reading.safety_number_of, target=target))

    async def verify(self, target: str, compared: str | bytes | None = None) -> Person:
        """Mark a person as verified.

        ``compared`` holds the digits (str) or the scanned QR content (bytes) that the other side shows, checked here;
        ``None`` means that the person at this machine has compared. Raises ``SafetyNumberMismatch`` (``Untrusted``) and
        marks nothing when they differ.
        """
        account = await self._known_account(target)
        await self._runtime.do(partial(people.verify, account_id=account, compared=compared))
        return await self._person(account)

    async def unverify(self, target: str) -> Person:
        """Take the mark back."""
        account = await self._known_account(target)
        await self._runtime.do(partial(people.unverify, account_id=account))
        return await self._person(account)

    # ---- chats ----

    async def chats(self) -> list[ChatInfo]:
        """Every chat but requests, the one with the latest line first."""
        return await self._runtime.read(reading.open_chats)

    async def chat(self, target: str) -> ChatInfo:
        """One chat. Raises ``NotFound`` naming the nearest names, ``UsageError`` when several match."""
        return await self._runtime.read(partial(reading.chat, target=target))

    async def open_direct(self, target: str) -> ChatInfo:
        """Return the direct chat with a person; begins it now if there is none. Raises as ``send``."""
        account = await self._account(target)
        return await self.chat(await self._runtime.do(partial(chats.open_direct, account_id=account)))

    async def create_group(self, title: str, members: Sequence[str] = ()) -> ChatInfo:
        """Make a group whose admin is the owner of this profile, and invite ``members``.

        Returns when the wish is on disk; invitations go out as soon as the relay allows. Raises as ``send``.
        """
        accounts = [await self._account(member) for member in members]
        return await self.chat(await self._runtime.do(partial(chats.create_group, title=title, members=accounts)))

    async def invite(self, chat: str, who: str) -> None:
        """Add a person to a group, as an admin. Goes out as soon as possible; a notice line tells when it is done.

        Raises ``NotAllowed`` when the owner of this profile is no admin, and as ``send``.
        """
        chat_id, account = await self._chat_id(chat), await self._account(who)
        await self._runtime.do(partial(chats.invite, chat_id=chat_id, account_id=account))

    async def remove(self, chat: str, who: str) -> None:
        """Remove a person from a group, as an admin. Raises ``NotAllowed``, ``NotFound``."""
        chat_id, account = await self._chat_id(chat), await self._known_account(who)
        await self._runtime.do(partial(chats.remove, chat_id=chat_id, account_id=account))

    async def rename(self, chat: str, title: str) -> None:
        """Change the title of a group, as an admin. Raises ``NotAllowed``, ``UsageError`` (too long)."""
        chat_id = await self._chat_id(chat)
        await self._runtime.do(partial(chats.rename, chat_id=chat_id, title=title))

    async def leave(self, chat: str) -> None:
        """Ask to be removed; another member commits it. History stays. A room ends with its last member."""
        chat_id = await self._chat_id(chat)
        await self._runtime.do(partial(chats.leave, chat_id=chat_id))

    # ---- rooms ----

    async def create_room(self, name: str, *, nick: str, public: bool = False) -> ChatInfo:
        """Make a room with the owner of this profile as its admin, under a nickname.

        Returns when the relay has it, so that its link is good. With ``public`` whoever knows the name at this relay
        comes in, and the relay could, too. Raises ``BadNick``, ``UsageError`` (``bad-title``), ``Offline``,
        ``RelayError`` (``room-name-taken``, ``room-name-refused``).
        """
        return await self.chat(await rooms.create(self._runtime, name, nick, public=public))

    async def join_room(self, where: str, *, nick: str) -> ChatInfo:
        """Come into a room by its link, or into a public one at this relay by its name.

        Whoever is in already finds that out; whoever has lost the place there comes back. Raises ``NickTaken`` (with
        ``suggestion``) before anything is sent, ``BadNick``, ``BadLink``, ``OtherRelay``, ``Offline``, ``RelayError``
        (``no-such-room``, ``room-locked``, ``room-crowded``), ``PeerError`` (``room-damaged``, ``room-old``,
        ``room-suite``).
        """
        return await self.chat(await rooms.join(self._runtime, where, nick))

    async def room_link(self, target: str) -> str:
        """What others paste to come into a room. Raises ``NotARoom``, ``RelayError`` (``room-locked``)."""
        return await self._runtime.read(partial(rooms.link, target=target))

    async def change_nick(self, target: str, nick: str) -> ChatInfo:
        """Be called something else in a room; a notice line tells when it is done.

        Raises ``NickTaken`` (with ``suggestion``), ``BadNick``, ``NotARoom``.
        """
        chat_id = await self._chat_id(target)
        await self._runtime.do(partial(room_changes.change_nick, chat_id=chat_id, nick=nick))
        return await self.chat(chat_id)

    async def lock_room(self, target: str, *, locked: bool) -> ChatInfo:
        """Let nobody into a room any more, or let people in again, as an admin. Raises ``NotAllowed``, ``NotARoom``."""
        chat_id = await self._chat_id(target)
        await self._runtime.do(partial(room_changes.lock, chat_id=chat_id, locked=locked))
        return await self.chat(chat_id)

    async def kick(self, target: str, nick: str) -> ChatInfo:
        """Put somebody out of a room and renew its link, as an admin.

        Raises ``NotAllowed``, ``NotARoom``, ``NotFound``.
        """
        chat_id = await self._chat_id(target)
        await self._runtime.do(partial(room_changes.kick, chat_id=chat_id, nick=nick))
        return await self.chat(chat_id)

    async def member_of(self, target: str, nick: str) -> Person:
        """Whoever is called that in a room: send to their ``id`` to talk to them alone. Raises ``NotFound``."""
        return await rooms.member_of(self._runtime, await self._chat_id(target), nick)

    # ---- names ----

    async def _own_devices(self) -> FoundDevices:
        return await look_up_devices(self._runtime.uplink.require(), Asked(account_id=parse_id(self.me.id)))

    async def _chat_id(self, target: str) -> ChatId:
        return await self._runtime.read(partial(reading.chat_id, target=target))

    async def _known_account(self, target: str) -> bytes:
        return await self._runtime.read(partial(reading.known_account, target=target))

    async def _account(self, target: str) -> bytes:
        return await pinning.account(self._runtime, target)

    async def _person(self, account: bytes) -> Person:
        return await self._runtime.read(partial(present.person, account_id=account))
