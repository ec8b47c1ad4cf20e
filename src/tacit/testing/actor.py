"""Somebody in a world: a profile on disk, a client that comes and goes, and a way to the relay.

The words are those of a story. What an actor *sees* is the history that the SDK gives, put into short lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tacit import mls
from tacit.client.model import GroupId
from tacit.client.paths import ProfilePaths, profile_paths
from tacit.client.store import Store
from tacit.client.store.keys import unlock
from tacit.errors import TacitError
from tacit.sdk.accounts import NewKey
from tacit.sdk.client import DEFAULT_PROFILE, Client
from tacit.sdk.parts import Parts
from tacit.sdk.types import ChatInfo, Connection, Event, MessageInfo, NoticeInfo, ProblemEvent
from tacit.testing.crashes import Crashed, CrashPlan, copy_profile, replace_profile
from tacit.testing.entropy import SeededEntropy
from tacit.testing.links import Way

if TYPE_CHECKING:
    from tacit.testing.world import World


class Actor:
    """One person with one device."""

    def __init__(self, world: World, name: str, *, passphrase: str | None = None) -> None:
        self.world = world
        self.name = name
        self.way = Way(world.relay.dial)
        self.way.meddle(world.ledger.watch(name, self.group))
        self.data_dir = world.folder / name
        self.events: list[Event] = []
        """Everything that the client has told since it was first started."""
        self.id = ""
        self.plan: CrashPlan | None = None
        self._passphrase = passphrase
        # Entropy goes on where it was after a restart, as the kernel's does.
        self._parts = Parts(self.way.connect, world.clock, SeededEntropy(world.seed, name), self.checkpoint)
        self._client: Client | None = None
        self._stack = contextlib.AsyncExitStack()
        self._listening: asyncio.Task[None] | None = None
        self._reader: Store | None = None
        self._remove_plan: Callable[[], None] = lambda: None

    @property
    def at(self) -> str:
        """The handle, as it is typed."""
        return f"@{self.name}"

    @property
    def client(self) -> Client:
        """The running client."""
        if self._client is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._client

    @property
    def paths(self) -> ProfilePaths:
        """Where the profile lies."""
        return profile_paths(DEFAULT_PROFILE, self.data_dir)

    # ---- coming and going ----

    async def create(self, key: NewKey = "ed25519", *, handle: str | None = None) -> None:
        """Make the profile and register at the relay, under the own name unless another ``handle`` is given."""
        await Client.create(
            name=self.name if handle is None else handle,
            relay=self.world.relay.link,
            passphrase=self._passphrase,
            data_dir=self.data_dir,
            key=key,
            parts=self._parts,
        )

    async def start(self) -> None:
        """Start the client."""
        opening = Client.open(passphrase=self._passphrase, data_dir=self.data_dir, parts=self._parts)
        client = await self._stack.enter_async_context(opening)
        self._client, self.id = client, client.me.id
        self._listening = asyncio.create_task(self._listen(client), name=f"{self.name}-listens")
        await self.world.settle()

    async def stop(self) -> None:
        """Close the client cleanly; harmless when it is not running."""
        self._client = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        with contextlib.suppress(Crashed):
            await self._stack.aclose()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None

    async def restart(self) -> None:
        """Close and start again."""
        await self.stop()
        await self.start()

    async def go_offline(self) -> None:
        """Lose the network."""
        self.way.close()
        await self.world.settle()

    async def go_online(self) -> None:
        """Have the network back, and wait until the client has noticed and caught up."""
        self.way.reopen()
        await self.client.wait_caught_up(timeout_s=300)
        await self.world.shortly()

    # ---- dying ----

    def doom(self, at: int = 0) -> CrashPlan:
        """Let the process die at the ``at``-th moment from now, or only count moments."""
        self.plan = CrashPlan(self.paths.folder, self.way.close, at=at)
        self._unwatch_plan()
        self._remove_plan = self.way.meddle(self.plan.meddle)
        return self.plan

    def checkpoint(self, name: str) -> None:
        """What the runtime calls between any two effects."""
        if self.plan is not None:
            self.plan.checkpoint(name)

    async def rise(self) -> None:
        """Start again from what the dead process left on the disk; whoever is still alive is spared."""
        plan, self.plan = self.plan, None
        self._unwatch_plan()
        if plan is None or plan.wreck is None:
            return
        await self.stop()
        replace_profile(self.paths.folder, plan.wreck)
        self.way.reopen()
        await self.start()

    def back_up(self) -> Path:
        """Copy the profile as it lies on the disk now."""
        return copy_profile(self.paths.folder, self.data_dir / "backup")

    async def restore(self, backup: Path) -> None:
        """Put a copy in the place of the profile and start it."""
        await self.stop()
        replace_profile(self.paths.folder, backup)
        await self.start()

    # ---- talking ----

    async def says(self, to: Actor | str, text: str) -> str:
        """Write a text; returns the ID of the message."""
        return (await self.client.send(self._target(to), text)).id

    async def creates(self, title: str, *members: Actor) -> str:
        """Create a group; returns the ID of the chat."""
        return (await self.client.create_group(title, [member.at for member in members])).id

    async def accepts(self, who: Actor | str) -> None:
        """Say yes to a request."""
        await self.client.accept(self._target(who))

    async def reads(self, chat: Actor | str) -> None:
        """Look at everything in a chat."""
        await self.client.mark_read(self._target(chat))

    # ---- seeing ----

    async def sees(self, chat: Actor | str) -> list[str]:
        """The history of a chat in short lines; nothing when there is no such chat."""
        return [self._line(m) for m in await self.messages(chat)]

    async def hears(self, chat: Actor | str) -> list[str]:
        """The texts of a chat, without notices."""
        return [self._line(m) for m in await self.messages(chat) if m.kind == "text"]

    async def messages(self, chat: Actor | str) -> list[MessageInfo]:
        """The history of a chat."""
        if not any(c.id == self._chat_id(chat) for c in await self.client.chats()):
            return []
        return await self.client.history(self._chat_id(chat), limit=10_000)

    async def state_of(self, chat: Actor | str, text: str) -> str:
        """How far an own text has come."""
        states = [m.state for m in await self.messages(chat) if m.mine and m.text == text]
        return ", ".join(states)

    async def requests(self) -> list[str]:
        """Who waits for a yes."""
        return sorted(self.world.name_of(r.peer or r.invited_by) for r in await self.client.requests())

    async def chat(self, chat: Actor | str) -> ChatInfo:
        """A chat as the SDK describes it."""
        return await self.client.chat(self._chat_id(chat))

    async def members(self, chat: Actor | str) -> list[str]:
        """Who is in a chat."""
        return sorted(self.world.name_of(p) for p in (await self.chat(chat)).members)

    def problems(self) -> list[str]:
        """Codes of what went wrong outside of any chat."""
        return [event.code for event in self.events if isinstance(event, ProblemEvent)]

    def disconnected_by(self) -> str:
        """Code of why the client is offline, empty when it is not."""
        states = [event for event in self.events if isinstance(event, Connection)]
        return states[-1].code if states else ""

    async def refused(self, doing: Awaitable[object]) -> str:
        """The code of the error that doing something raises; empty when nothing does."""
        try:
            await doing
        except TacitError as error:
            return error.code
        return ""

    def group(self, log_id: bytes) -> mls.Group | None:
        """This client's state of a group, as its store holds it now."""
        if self._reader is None:
            self._reader = Store.open(self.paths.store, unlock(self.paths.key_file, self._passphrase))
        rows = self._reader.group_rows(GroupId(log_id))
        return mls.load_rows(rows) if rows else None

    # ---- machinery ----

    async def _listen(self, client: Client) -> None:
        async for event in client.events():
            self.events.append(event)

    def _target(self, to: Actor | str) -> str:
        return to.at if isinstance(to, Actor) else to

    def _chat_id(self, chat: Actor | str) -> str:
        return f"direct:{chat.id}" if isinstance(chat, Actor) else chat

    def _line(self, message: MessageInfo) -> str:
        if message.notice is not None:
            return self._notice_line(message.notice)
        return f"{'me' if message.mine else self.world.name_of(message.sender)}: {message.text}"

    def _notice_line(self, notice: NoticeInfo) -> str:
        parts = [f"-- {notice.code}"]
        if notice.by is not None:
            parts.append(f"by {self.world.name_of(notice.by)}")
        if notice.who:
            parts.append("of " + ", ".join(sorted(self.world.name_of(p) for p in notice.who)))
        parts += [f"'{notice.name}'"] if notice.name else []
        parts += [f"({notice.count})"] if notice.count else []
        parts += [f"[{notice.reason}]"] if notice.reason else []
        return " ".join(parts)

    def _unwatch_plan(self) -> None:
        remove, self._remove_plan = self._remove_plan, lambda: None
        remove()
