"""What the devices of the machine can do, and what must come of it every time.

Order of a sender: write the new state to the disk, then send. So a crash undoes what was received and not yet written,
which is delivered again, and never what was sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tacit.crypto.suites import suite
from tacit.errors import InvalidMessage, PeerError
from tacit.limits import MAX_PAST_EPOCHS, PAST_EPOCH_S
from tacit.mls import (
    ApplicationData,
    Extension,
    ExternalPSK,
    GenerationConsumed,
    Group,
    GroupContextExtensions,
    KeyPackageBundle,
    LeafIndex,
    LeafNode,
    OwnMessage,
    PendingCommit,
    PendingProposals,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Processed,
    Proposal,
    ProposalReceived,
    PSKUnavailable,
    StagedCommit,
    WrongEpoch,
    create_group,
    create_key_package,
    decode_message,
    join,
    join_externally,
    save_changes,
)
from tacit.mls.messages import PublicMessage
from tests.mls.machine.devices import Device, Disk, Memory
from tests.mls.machine.relay import Entry, Invitation, Letter, Relay
from tests.mls.refusal import state_of

MAX_DEVICES = 12
MAX_GONE = 4
GROUP_ID = b"machine"
EXTENSION_TYPE = 0xF0A1
BEGIN_S = 1_800_000_000


class NotTheirKey(PeerError):
    """Somebody uses a name that is not theirs."""


class Unwanted(PeerError):
    """The application does not want a change."""


class World:
    """Devices, their relay, a clock, and a source of randomness that never repeats."""

    def __init__(self, suite_id: int, seed: int) -> None:
        self.suite = suite(suite_id)
        self.entropy = random.Random(seed).randbytes
        self.now_s = BEGIN_S
        self.relay = Relay()
        self.devices: dict[str, Device] = {}
        self.gone: list[Device] = []
        self.keys: dict[str, set[bytes]] = {}
        self.psks: dict[bytes, bytes] = {}
        self.knowing: dict[bytes, set[str]] = {}
        self.views: dict[int, tuple[bytes, bytes, bytes]] = {}
        self.positions: dict[tuple[int, int, bool, int], bytes] = {}
        self.said = 0
        self.named = 0
        name, private = self.new_name()
        group = create_group(
            GROUP_ID, suite_id, name.encode(), private, extension_types=(EXTENSION_TYPE,), entropy=self.entropy,
            now_s=self.now_s,
        )  # fmt: skip
        self.devices[name] = Device(name, Memory(group, 0))
        self.look_at(group)

    # --- what the application decides ---------------------------------------------------------------------------------

    def new_name(self) -> tuple[str, bytes]:
        """A name that nobody has had, and its first signature key."""
        self.named += 1
        name = f"d{self.named}"
        return name, self.new_key(name)

    def new_key(self, name: str) -> bytes:
        """Another signature key that goes with a name."""
        pair = self.suite.generate_signature_key_pair(self.entropy)
        self.keys.setdefault(name, set()).add(pair.public)
        return pair.private

    def authenticate(self, old: LeafNode | None, new: LeafNode) -> None:
        """Everyone knows everyone's keys, and nobody takes over another's leaf."""
        if new.signature_key not in self.keys.get(new.credential_identity.decode(), ()):
            raise NotTheirKey
        if old is not None and old.credential_identity != new.credential_identity:
            raise NotTheirKey

    def policy(self, name: str) -> Policy:
        """What a device decides by itself: the pre-shared keys that it has been told."""

        def find(psk_id: PreSharedKeyID) -> bytes | None:
            assert isinstance(psk_id.key, ExternalPSK)
            known = name in self.knowing[psk_id.key.psk_id]
            return self.psks[psk_id.key.psk_id] if known else None

        return Policy(find_psk=find, public_handshakes=True, external_commits=True)

    def process(
        self, name: str, group: Group, message: bytes, authorize: Callable[[object], None] | None = None
    ) -> Processed:
        """Let a group judge a message; whether that works or not, the group is what it was."""
        before = state_of(group)
        try:
            return group.process(
                message,
                authenticate=self.authenticate,
                authorize=authorize,
                now_s=self.now_s,
                policy=self.policy(name),
            )
        finally:
            assert state_of(group) == before

    def refuses(self, device: Device, message: bytes, error: type[PeerError] = PeerError) -> None:
        """A device does not take a message, and is none the worse for it."""
        with pytest.raises(error):
            self.process(device.name, device.group, message)

    # --- sending ------------------------------------------------------------------------------------------------------

    def sent(self, device: Device, message: bytes) -> None:
        """Account for a message that leaves: its place in the ratchet has never held another one."""
        if isinstance(decode_message(message), PublicMessage):
            return
        at = device.group.sender_position(message)
        known = self.positions.setdefault((at.epoch, at.leaf_index, at.is_handshake, at.generation), message)
        assert known == message, "one generation has served two messages"
        place = (at.epoch, device.name, at.is_handshake)
        self.relay.highest[place] = max(self.relay.highest.get(place, -1), at.generation)

    def say(self, device: Device, text: bytes, aad: bytes) -> None:
        """Say something; who was removed cannot read it."""
        if device.group.pending_proposals:
            with pytest.raises(PendingProposals):
                device.group.seal(text, entropy=self.entropy)
            return
        group, message = device.group.seal(text, aad=aad, entropy=self.entropy)
        device.memory = replace(device.memory, group=group)
        device.write()
        self.sent(device, message)
        self.said += 1
        readers = [member.leaf_node.credential_identity.decode() for member in group.members()]
        letter = Letter(self.said, group.epoch, device.name, message, text, aad)
        self.relay.post(letter, [name for name in readers if name != device.name])
        for other in self.gone:
            if other.name not in readers:
                self.refuses(other, message)

    def die_while_sending(self, device: Device, text: bytes) -> None:
        """Make a message that neither disk nor relay ever sees; its key serves again, under another nonce."""
        if not device.group.pending_proposals:
            device.group.seal(text, entropy=self.entropy)
        device.crash()

    def propose(
        self, device: Device, proposal: Proposal | None, *, private: bytes | None = None, public: bool = False
    ) -> None:
        """Send a proposal, or one of fresh keys for oneself; the relay drops it if its epoch is over."""
        group = device.group
        if proposal is None:
            group, message = group.propose_update(signature_private=private, public=public, entropy=self.entropy)
        else:
            group, message = group.propose(
                proposal, public=public, entropy=self.entropy, authenticate=self.authenticate
            )
        epoch = device.group.epoch
        device.memory = replace(device.memory, group=group)
        device.write()
        self.sent(device, message)
        self.relay.append(Entry(epoch, device.name, message, is_commit=False))

    def commit(
        self,
        device: Device,
        proposals: Sequence[Proposal],
        *,
        include_pending: bool,
        force_path: bool,
        private: bytes | None,
        public: bool = False,
    ) -> None:
        """Make a commit and keep it; nothing changes until it has its place in the log."""
        if self.awaits_own(device):
            return
        view = device.group.epoch_authenticator
        group, pending = device.group.create_commit(
            proposals,
            include_pending=include_pending,
            force_path=force_path,
            signature_private=private,
            public=public,
            entropy=self.entropy,
            now_s=self.now_s,
            authenticate=self.authenticate,
            policy=self.policy(device.name),
        )
        assert group.epoch_authenticator == view
        device.memory = replace(device.memory, group=group, pending=pending)
        device.write()

    def submit(self, device: Device, bundles: Sequence[KeyPackageBundle] = ()) -> bool:
        """Send the commit that is kept; whoever comes second has lost. ``True`` if it was the first of its epoch."""
        pending = device.memory.pending
        if pending is None or pending.next.epoch.context.epoch != device.group.epoch + 1:
            return False
        self.sent(device, pending.commit)
        if not self.relay.append(Entry(device.group.epoch, device.name, pending.commit, is_commit=True)):
            return False
        for bundle in bundles:
            name = bundle.key_package.leaf_node.credential_identity.decode()
            if bundle.key_package.leaf_node in pending.added:
                self.invite(name, bundle, pending)
        return True

    def awaits_own(self, device: Device) -> bool:
        """Whether an own commit has its place in the log and has not come back yet."""
        memory = device.memory
        coming = {entry.message for entry in self.relay.log[memory.cursor :]}
        return memory.pending is not None and memory.pending.commit in coming

    def give_up(self, device: Device) -> None:
        """Forget an own commit that has no place in the log."""
        if not self.awaits_own(device):
            device.memory = replace(device.memory, pending=None)

    def invite(self, name: str, bundle: KeyPackageBundle, pending: PendingCommit) -> None:
        """Hand a Welcome to the relay, once the commit has its place."""
        assert pending.welcome is not None
        epoch = pending.next.epoch.context.epoch
        self.relay.invitations[name] = Invitation(bundle, pending.welcome, len(self.relay.log), epoch)

    def bundle(self) -> KeyPackageBundle:
        """The key package of a newcomer."""
        name, private = self.new_name()
        return create_key_package(
            self.suite.id, name.encode(), private, now_s=self.now_s, entropy=self.entropy,
            extension_types=(EXTENSION_TYPE,),
        )  # fmt: skip

    def psk(self, device: Device) -> PreSharedKey:
        """A new pre-shared key of this device that some know at once and others only when they need it."""
        psk_id = self.entropy(8)
        self.psks[psk_id] = self.entropy(32)
        self.knowing[psk_id] = {device.name, *(name for name in self.devices if self.entropy(1)[0] < 128)}
        return PreSharedKey(PreSharedKeyID(ExternalPSK(psk_id), self.entropy(self.suite.hash_size)))

    @staticmethod
    def extensions(data: bytes) -> GroupContextExtensions:
        """Other extensions for the group."""
        return GroupContextExtensions((Extension(EXTENSION_TYPE, data),) if data else ())

    # --- receiving ----------------------------------------------------------------------------------------------------

    def join(self, name: str) -> Device:
        """A newcomer takes up its invitation, at last."""
        invitation = self.relay.invitations.pop(name)
        for psk_id in self.psks:
            self.knowing[psk_id].add(name)
        joined = join(
            invitation.welcome, [self.bundle(), invitation.bundle], authenticate=self.authenticate,
            known_group=lambda group_id: False, policy=self.policy(name),
        )  # fmt: skip
        assert joined.used_ref == invitation.bundle.ref
        assert joined.group.epoch == invitation.epoch
        device = self.devices[name] = Device(name, Memory(joined.group, invitation.cursor, since=invitation.epoch))
        self.look_at(joined.group)
        return device

    def come_in(self, helper: Device, name: str, private: bytes, old_leaf: LeafIndex | None = None) -> bool:
        """Somebody lets himself in with a helper's group info, unless a commit came first; ``True`` if that worked."""
        joined = join_externally(
            helper.group.group_info(),
            name.encode(),
            private,
            remove=old_leaf,
            authenticate=self.authenticate,
            policy=self.policy(name),
            extension_types=(EXTENSION_TYPE,),
            now_s=self.now_s,
            entropy=self.entropy,
        )
        if not self.relay.append(Entry(helper.group.epoch, name, joined.commit, is_commit=True)):
            return False
        for psk_id in self.psks:
            self.knowing[psk_id].add(name)
        memory = Memory(joined.group, len(self.relay.log), since=joined.group.epoch)
        self.devices[name] = Device(name, memory)
        self.look_at(joined.group)
        return True

    def come_back(self, helper: Device, device: Device) -> None:
        """A device that has lost everything but its name takes its old leaf over."""
        leaves = {member.leaf_node.credential_identity.decode(): member.leaf_index for member in helper.group.members()}
        if device is not helper and device.name in leaves and helper.group.epoch == self.relay.epoch:
            assert self.come_in(helper, device.name, self.new_key(device.name), leaves[device.name])

    def follow(self, device: Device) -> bool:
        """Take the next handshake of the log; ``False`` if there is none."""
        memory = device.memory
        if memory.cursor >= len(self.relay.log):
            return False
        entry = self.relay.log[memory.cursor]
        device.memory = replace(memory, cursor=memory.cursor + 1)
        if entry.sender == device.name:
            self.follow_own(device, entry)
        elif entry.epoch != device.group.epoch:
            raise AssertionError("a device has lost the log's thread")
        else:
            self.take(device, entry)
        return True

    def follow_own(self, device: Device, entry: Entry) -> None:
        """What comes back of our own: a commit is merged, a proposal was remembered when it was sent."""
        memory = device.memory
        self.refuses(device, entry.message, OwnMessage)
        if entry.is_commit:
            assert memory.pending is not None
            assert memory.pending.commit == entry.message
            self.begin(device, memory.group.merge(memory.pending), int(memory.pending.created_at))

    def take(self, device: Device, entry: Entry) -> None:
        """Take a handshake of somebody else, with whatever it needs that was lost on the way."""
        try:
            event = self.process(device.name, device.group, entry.message)
        except PSKUnavailable:
            assert any(device.name not in names for names in self.knowing.values())
            for names in self.knowing.values():
                names.add(device.name)
            return self.take(device, entry)
        except InvalidMessage as error:
            if error.check != "12.4/proposal-ref" or not device.memory.missed:
                raise
            self.fetch(device)
            return self.take(device, entry)
        assert entry.is_commit == isinstance(event, StagedCommit)
        if isinstance(event, StagedCommit):
            self.apply(device, event)
        else:
            assert isinstance(event, ProposalReceived)
            device.memory = replace(device.memory, group=event.group)
        return None

    def fetch(self, device: Device) -> None:
        """Get what was lost on the way."""
        missed, device.memory = device.memory.missed, replace(device.memory, missed=())
        for place in missed:
            self.take(device, self.relay.log[place])

    def lose(self, device: Device) -> None:
        """A proposal gets lost on its way to a device; a commit cannot be done without."""
        place = device.memory.cursor
        if place < len(self.relay.log):
            entry = self.relay.log[place]
            if not entry.is_commit and entry.sender != device.name:
                device.memory = replace(device.memory, cursor=place + 1, missed=(*device.memory.missed, place))

    def apply(self, device: Device, event: StagedCommit) -> None:
        """Keep what a commit leads to, or leave if it removes us."""
        removed = {member.leaf_node.credential_identity.decode() for member in event.removed}
        assert (event.group_after is None) == (device.name in removed)
        if event.group_after is not None:
            self.begin(device, event.group_after, self.now_s)
            return
        del self.devices[device.name]
        self.gone = [device, *self.gone][:MAX_GONE]

    def begin(self, device: Device, group: Group, ended_at: int) -> None:
        """A device is in a new epoch."""
        ended = {**device.memory.ended, device.group.epoch: ended_at}
        group = self.beyond_used_keys(device, group)
        device.memory = replace(device.memory, group=group, pending=None, missed=(), ended=ended)
        self.look_at(group)

    def read(self, device: Device, letter: Letter) -> None:
        """Open a letter, if it can still be, and no second time."""
        group, epoch = device.group, letter.epoch
        if epoch < device.memory.since:
            self.refuses(device, letter.message, WrongEpoch)
            del self.relay.mail[device.name][letter.number]
            return
        if epoch > group.epoch:
            self.refuses(device, letter.message, WrongEpoch)
            return
        ended_at = device.memory.ended.get(epoch, self.now_s)
        kept = epoch == group.epoch or group.epoch - epoch <= MAX_PAST_EPOCHS
        if not kept or self.now_s - ended_at > PAST_EPOCH_S:
            self.refuses(device, letter.message, WrongEpoch)
            del self.relay.mail[device.name][letter.number]
            return
        if letter.number in device.memory.read:
            self.refuses(device, letter.message, GenerationConsumed)
            return
        event = self.process(device.name, group, letter.message)
        assert isinstance(event, ApplicationData)
        assert (event.data, event.aad, event.epoch) == (letter.text, letter.aad, epoch)
        assert event.sender_leaf.credential_identity.decode() == letter.sender
        device.memory = replace(device.memory, group=event.group, read=device.memory.read | {letter.number})
        self.refuses(device, letter.message, GenerationConsumed)

    # --- faults -------------------------------------------------------------------------------------------------------

    def restore(self, device: Device) -> None:
        """Start from an older backup, and leave out all keys that the relay has seen in use since then."""
        backup = device.backup
        if any(entry.sender == device.name for entry in self.relay.log[backup.cursor :]):
            device.backup = device.disk
            return
        device.start_from(backup)
        device.memory = replace(device.memory, group=self.beyond_used_keys(device, device.group))
        device.write()

    def beyond_used_keys(self, device: Device, group: Group) -> Group:
        """A device that may have been set back asks the relay which of its keys have served in this epoch."""
        for is_handshake in (False, True):
            highest = self.relay.highest.get((group.epoch, device.name, is_handshake))
            if highest is not None:
                group = group.advance_own_ratchet(highest + 1, handshake=is_handshake)
        return group

    def leave_keys_out(self, device: Device, count: int, *, handshake: bool) -> None:
        """A device goes on with a later key than its next one."""
        highest = self.relay.highest.get((device.group.epoch, device.name, handshake), -1)
        group = device.group.advance_own_ratchet(highest + 1 + count, handshake=handshake)
        device.memory = replace(device.memory, group=group)

    def damage(self, device: Device, message: bytes, place: int) -> None:
        """One bit flips on the way."""
        at = place // 8 % len(message)
        broken = message[:at] + bytes((message[at] ^ 1 << place % 8,)) + message[at + 1 :]
        self.refuses(device, broken)

    def replay(self, device: Device, place: int) -> None:
        """Something old comes again; a proposal of this epoch may, and changes nothing."""
        entry = self.relay.log[place]
        if entry.epoch < device.group.epoch:
            self.refuses(device, entry.message, WrongEpoch)

    def unwanted(self, device: Device) -> None:
        """The application refuses what comes next."""

        def refuse(event: object) -> None:
            raise Unwanted

        place = device.memory.cursor
        if place < len(self.relay.log) and self.relay.log[place].sender != device.name:
            with pytest.raises(PeerError):
                self.process(device.name, device.group, self.relay.log[place].message, refuse)

    # --- what always holds --------------------------------------------------------------------------------------------

    def look_at(self, group: Group) -> None:
        """One epoch has one authenticator, one tree and one context, whoever looks and however they got there."""
        view = (group.epoch_authenticator, group.state.tree.tree_hash, group.context.encoded)
        assert self.views.setdefault(group.epoch, view) == view
        assert group.context.tree_hash == view[1]

    def audit(self) -> None:
        """Everyone stands where they think, with private keys that belong to the tree, and can be stored."""
        for device in self.devices.values():
            group = device.group
            self.look_at(group)
            leaf = group.member(group.own_leaf)
            assert leaf is not None
            assert leaf.credential_identity.decode() == device.name
            for node, private in group.state.private_keys.items():
                value = group.state.tree.nodes[node]
                assert value is not None
                kem_output, sealed = group.suite.hpke_seal(value.encryption_key, b"", b"proof")
                assert group.suite.hpke_open(private.reveal(), kem_output, b"", sealed) == b"proof"
            again = Disk.of(device.memory, save_changes(None, group).put).restart()
            assert again.group == group
            assert again.pending == device.memory.pending
            assert state_of(again.group) == state_of(group)

    def settle(self) -> None:
        """In the end everyone gets everything, is in the same epoch, and has read what can be read."""
        for name in list(self.relay.invitations):
            self.join(name)
        for device in list(self.devices.values()):
            while device.name in self.devices and self.follow(device):
                pass
            for letter in list(self.relay.mail.get(device.name, {}).values()):
                self.read(device, letter)
        assert {device.group.epoch for device in self.devices.values()} <= {self.relay.epoch}
        self.audit()
