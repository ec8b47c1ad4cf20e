"""Members of a group and their log, as plain values: everything the core does without a store, a relay or a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tacit import mls
from tacit.client.content import Receipt
from tacit.client.core.commits import commit_intent, make_commit
from tacit.client.core.effects import AddMessage, AddOutbox, DropOutbox, Effect, PutHead, SetMessage
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupKind
from tacit.client.core.inbound import process_entry
from tacit.client.core.outbound import seal_receipt, seal_text
from tacit.client.core.state import Context, EntryKind, GroupState, LogEntry, Me, OwnCommit, Sent, Step
from tacit.client.core.welcome import begin_group, open_welcome
from tacit.client.model import (
    ChatId,
    ConversationStatus,
    GroupId,
    Intent,
    IntentKind,
    Message,
    MessageId,
    MessageKind,
    MessageState,
    OutboxRow,
)
from tacit.crypto.eddsa import ED25519
from tacit.crypto.suites import X25519_SUITE
from tacit.entropy import Entropy
from tacit.identity import AccountKey, DeviceCertificate, device_id
from tacit.testing.entropy import SeededEntropy

NOW_S = 1_767_225_600


def make_me(entropy: Entropy, now_s: int = NOW_S) -> Me:
    """A fresh account with one device, certified at ``now_s``."""
    account = AccountKey.generate(entropy)
    device = ED25519.generate(entropy)
    certificate = DeviceCertificate.issue(account, device.public, now_s)
    return Me(account.id, device_id(device.public), account.public, certificate.encode(), device.private)


@dataclass
class Member:
    """One device: its state of the one group, what it has sent, and every effect so far."""

    name: str
    entropy: Entropy
    me: Me
    now_s: float = NOW_S
    state: GroupState | None = None
    outbox: dict[MessageId, OutboxRow] = field(default_factory=dict)
    lines: dict[MessageId, Message] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    bundles: list[mls.KeyPackageBundle] = field(default_factory=list)
    welcomes: list[OutboxRow] = field(default_factory=list)
    _rows: int = 0

    @property
    def id(self) -> bytes:
        """The account."""
        return self.me.account_id

    @property
    def ctx(self) -> Context:
        """What the core is given."""
        return Context(self.me, self.now_s, self.entropy, lambda _, seq: self.heads.get(seq))

    @property
    def group(self) -> GroupState:
        """The state of the group."""
        assert self.state is not None
        return self.state

    def take(self, step: Step) -> list[OutboxRow]:
        """Keep a step's outcome; returns what goes out."""
        self.state = step.state
        sent: list[OutboxRow] = []
        for effect in step.effects:
            self.effects.append(effect)
            match effect:
                case AddOutbox(row):
                    self._rows += 1
                    row = replace(row, row=self._rows)
                    (self.welcomes if row.inbox else sent).append(row)
                    self.outbox[row.message_id] = row
                case DropOutbox(number):
                    self.outbox = {i: r for i, r in self.outbox.items() if r.row != number}
                case AddMessage(message) if message.kind is MessageKind.TEXT:
                    self.lines.setdefault(message.id, replace(message, row=len(self.lines) + 1))
                case SetMessage(_, message_id, state, seq, epoch, counter):
                    line = self.lines[message_id]
                    self.lines[message_id] = replace(
                        line,
                        state=state,
                        seq=line.seq if seq is None else seq,
                        epoch=line.epoch if epoch is None else epoch,
                        counter=line.counter if counter is None else counter,
                    )
                case PutHead(seq, head):
                    self.heads[seq] = head
        return sent

    def text(self, text: str) -> list[OutboxRow]:
        """Seal a text."""
        message = Message(
            row=0,
            id=self.ctx.fresh_id(),
            chat_id=self.group.conversation.chat_id,
            group_id=GroupId(b""),
            kind=MessageKind.TEXT,
            state=MessageState.QUEUED,
            sender=self.id,
            text=text,
            sent_at_ms=self.ctx.now_ms,
            received_at_ms=self.ctx.now_ms,
            seq=0,
        )
        return self.take(seal_text(self.group, message, self.ctx))

    def receipt(self, delivered: int, read: int = 0) -> list[OutboxRow]:
        """Seal a receipt."""
        return self.take(seal_receipt(self.group, Receipt(delivered, read), self.ctx))

    def commit(self, *proposals: mls.Proposal) -> list[OutboxRow]:
        """Commit proposals, with those of others that fit."""
        return self.take(make_commit(self.group, proposals, self.ctx))

    def force(self, *proposals: mls.Proposal) -> list[OutboxRow]:
        """Commit proposals of any kind and whatever waits, as a client without manners could."""
        group, pending = self.group.group.create_commit(
            proposals, entropy=self.entropy, now_s=self.now_s, authenticate=lambda old, new: None
        )
        row = self._row(EntryKind.COMMIT, pending.commit)
        own = OwnCommit(row.message_id, pending)
        return self.take(Step(replace(self.group, group=group, own_commit=own), (AddOutbox(row),)))

    def propose(self, proposal: mls.Proposal) -> list[OutboxRow]:
        """Propose anything, as a client without manners could."""
        group, payload = self.group.group.propose(proposal, entropy=self.entropy)
        row = self._row(EntryKind.MESSAGE, payload)
        return self.take(Step(replace(self.group, group=group), (AddOutbox(row),)))

    def offer(self) -> mls.Add:
        """A proposal that adds this device."""
        return mls.Add(mls.read_key_package(self.key_package(), now_s=self.now_s, authenticate=lambda old, new: None))

    def wish(self, kind: IntentKind, *, who: Sequence[bytes] = (), packages: Sequence[bytes] = (), text: str = "",
             row: int = 1) -> list[OutboxRow]:  # fmt: skip
        """Commit what a person asked for."""
        intent = Intent(row, ChatId("x"), kind, MessageId(b"i" * 16), tuple(who), tuple(packages), text)
        step = commit_intent(self.group, intent, self.ctx)
        assert step is not None
        return self.take(step)

    def key_package(self) -> bytes:
        """A fresh KeyPackage, whose private half is kept."""
        bundle = mls.create_key_package(
            X25519_SUITE,
            self.me.certificate,
            self.me.signature_private,
            now_s=self.now_s,
            entropy=self.entropy,
            extension_types=(GROUP_INFO_EXTENSION,),
        )
        self.bundles.append(bundle)
        return bundle.key_package_bytes

    def leaf(self, account_id: bytes) -> mls.LeafIndex:
        """Where an account stands in the tree."""
        return mls.LeafIndex(next(m.leaf for m in self.group.roster.members if m.account_id == account_id))

    def _row(self, kind: EntryKind, payload: bytes) -> OutboxRow:
        group_id = GroupId(self.group.group_id)
        return OutboxRow(0, self.ctx.fresh_id(), group_id, None, kind, payload)

    def notices(self) -> list[str]:
        """Codes and reasons of every notice so far."""
        found = (e.message.notice for e in self.effects if isinstance(e, AddMessage))
        return [f"{n.code}/{n.reason}" if n.reason else n.code for n in found if n is not None]

    def said(self) -> list[str]:
        """Texts that others wrote."""
        return [m.text for m in self.lines.values() if m.state is MessageState.RECEIVED]


class Log:
    """The one log, and the members who read it."""

    def __init__(self, *members: Member) -> None:
        self.members = list(members)
        self.entries: list[LogEntry] = []
        self.authors: list[Member] = []

    def append(self, author: Member, rows: Sequence[OutboxRow]) -> list[LogEntry]:
        """Give rows their numbers, without showing them to anybody."""
        for row in rows:
            self.entries.append(LogEntry(len(self.entries) + 1, row.message_id, row.kind, row.payload))
            self.authors.append(author)
        return self.entries[len(self.entries) - len(rows) :]

    def post(self, author: Member, rows: Sequence[OutboxRow]) -> None:
        """Append, and show to everybody."""
        for entry in self.append(author, rows):
            for member in self.members:
                self.show(member, entry)

    def show(self, member: Member, entry: LogEntry, *, change: Callable[[LogEntry], LogEntry] = lambda e: e) -> None:
        """Show one entry to one member."""
        if member.state is None or member.group.conversation.status is ConversationStatus.REMOVED:
            return
        entry = change(replace(entry, own=self.authors[entry.seq - 1] is member))
        row = member.outbox.get(entry.message_id)
        sent = Sent(row, member.lines.get(row.content_id) if row.content_id else None) if row else None
        rows = member.take(process_entry(member.group, entry, sent, member.ctx))
        assert not rows, "nothing goes out by itself"

    def catch_up(self, member: Member) -> None:
        """Show a member everything that is new to it."""
        for entry in self.entries[member.group.conversation.cursor :]:
            self.show(member, entry)

    def welcome(self, author: Member) -> None:
        """Hand every invitation to its device, which joins behind the present end of the log."""
        waiting, author.welcomes = author.welcomes, []
        for row in waiting:
            member = next(m for m in self.members if m.me.device == row.inbox)
            del author.outbox[row.message_id]
            invitation = open_welcome(row.payload, member.bundles, lambda _: False, member.ctx)
            state = invitation.state
            conversation = replace(
                state.conversation,
                status=ConversationStatus.ACTIVE,
                cursor=len(self.entries),
                last_commit=len(self.entries),
            )
            member.state = replace(state, conversation=conversation)


def people(*names: str, seed: int = 7) -> list[Member]:
    """Devices of several accounts."""
    entropies = [SeededEntropy(seed, name) for name in names]
    return [Member(n, e, make_me(e)) for n, e in zip(names, entropies, strict=True)]


def begun(creator: Member, kind: GroupKind = GroupKind.GROUP, name: str = "friends", peer: bytes | None = None) -> None:
    """Let somebody begin a group alone."""
    state = begin_group(kind, name, peer, X25519_SUITE, creator.ctx)
    active = replace(state.conversation, status=ConversationStatus.ACTIVE)
    creator.state = replace(state, conversation=active)


def group_of(*names: str, kind: GroupKind = GroupKind.GROUP) -> tuple[Log, list[Member]]:
    """A group that the first one has made and invited the others to."""
    members = people(*names)
    log = Log(*members)
    creator, others = members[0], members[1:]
    direct = kind is GroupKind.DIRECT
    begun(creator, kind, "" if direct else "friends", others[0].id if direct else None)
    packages = [member.key_package() for member in others]
    log.post(creator, creator.wish(IntentKind.INVITE, who=[m.id for m in others], packages=packages))
    log.welcome(creator)
    for member in members:
        member.effects.clear()
    return log, members
