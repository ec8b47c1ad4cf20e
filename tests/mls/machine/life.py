"""Lets Hypothesis choose what happens in a ``World``."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE
from tacit.mls import Add, KeyPackageBundle, LeafIndex, Proposal, Remove
from tests.mls.machine.devices import Device
from tests.mls.machine.moving import move
from tests.mls.machine.nonces import watching
from tests.mls.machine.relay import Letter
from tests.mls.machine.world import MAX_DEVICES, World

picks = st.integers(0, 2**16)
"""Chooses among what there is, by its remainder."""

texts = st.integers(0, 700).map(lambda size: b"\xa5" * size)
HOUR_S = 3600
SUITES = (X25519_SUITE, X25519_SUITE, DEFAULT_SUITE)


@dataclass(frozen=True)
class Choices:
    """What else there is to say about a commit."""

    extensions: bool = False
    psk: bool = False
    include_pending: bool = True
    force_path: bool = True
    rotate: bool = False
    at_once: bool = False
    public: bool = False


choices = st.builds(Choices, *[st.booleans()] * 7)


class Life(RuleBasedStateMachine):
    """One group from its first member on."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.sealed = self.stack.enter_context(watching())
        self.known_bundles: list[KeyPackageBundle] = []

    def teardown(self) -> None:
        """Let everything arrive, look once more, perhaps go on in a new group, and stop watching."""
        try:
            if hasattr(self, "world"):
                self.world.settle()
                if self.world.said % 3 == 0:
                    move(self.world)
        finally:
            self.stack.close()

    @initialize(
        suite_id=st.sampled_from([X25519_SUITE, X25519_SUITE, DEFAULT_SUITE]), seed=picks, size=st.integers(1, 6)
    )
    def begin(self, suite_id: int, seed: int, size: int) -> None:
        self.world = World(suite_id, seed)
        if size > 1:
            (device,) = self.world.devices.values()
            self._commit(device, [Add(bundle.key_package) for bundle in self._newcomers(size - 1)])
            self.submit(0)
            self.follow(0)
            for _ in range(size - 1):
                self.join(0)

    # --- talk ---------------------------------------------------------------------------------------------------------

    @rule(who=picks, text=texts, aad=st.binary(max_size=8))
    def say(self, who: int, text: bytes, aad: bytes) -> None:
        before = len(self.sealed.pairs)
        device = self._device(who)
        self.world.say(device, text, aad)
        assert len(self.sealed.pairs) == before + (0 if device.group.pending_proposals else 2)

    @rule(speakers=st.lists(picks, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
    def converse(self, speakers: list[int], order: random.Random) -> None:
        """Several speak, and everyone reads in an order of their own what they have by then."""
        for number, who in enumerate(speakers):
            self.say(who, b"\xa5" * (who % 300), number.to_bytes(1, "big"))
        for device in self.world.devices.values():
            letters = [letter for letter in self._mail(device) if letter.number not in device.memory.read]
            for letter in order.sample(letters, k=min(len(letters), 5)):
                self.world.read(device, letter)

    @rule(who=picks, which=picks, count=st.integers(1, 8))
    def read(self, who: int, which: int, count: int) -> None:
        device = self._device(who)
        letters = self._mail(device)
        start = which % max(len(letters), 1)
        for letter in [*letters[start:], *letters[:start]][:count]:
            self.world.read(device, letter)

    @rule(who=picks, which=picks)
    def lose_a_letter(self, who: int, which: int) -> None:
        mail = self.world.relay.mail.get(self._device(who).name)
        if mail:
            del mail[list(mail)[which % len(mail)]]

    @rule(who=picks, generations=st.integers(1, 40), handshake=st.booleans())
    def leave_keys_out(self, who: int, generations: int, handshake: bool) -> None:
        device = self._device(who)
        highest = self.world.relay.highest.get((device.group.epoch, device.name, handshake), -1)
        if highest < 200:
            self.world.leave_keys_out(device, generations, handshake=handshake)

    # --- change -------------------------------------------------------------------------------------------------------

    @rule(who=picks, rotate=st.booleans(), public=st.booleans())
    def propose_fresh_keys(self, who: int, rotate: bool, public: bool) -> None:
        device = self._device(who)
        private = self.world.new_key(device.name) if rotate else None
        self.world.propose(device, None, private=private, public=public)

    @rule(who=picks, kind=st.sampled_from(["leave", "remove", "add", "extensions", "psk"]), which=picks)
    def propose(self, who: int, kind: str, which: int) -> None:
        device = self._device(who)
        if kind == "leave":
            self.world.propose(device, Remove(device.group.own_leaf))
        elif kind == "extensions":
            self.world.propose(device, self.world.extensions(which.to_bytes(4, "big")[: which % 5]))
        elif kind == "psk":
            self.world.propose(device, self.world.psk(device))
        elif kind == "add" and len(device.group.members()) < MAX_DEVICES:
            for bundle in self._newcomers(1):
                self.world.propose(device, Add(bundle.key_package))
        elif kind == "remove":
            self.world.propose(device, Remove(self._member(device, which)))

    @rule(who=picks, which=picks, add=st.integers(0, 3), remove=st.integers(0, 2), choices=choices)
    def commit(self, who: int, which: int, add: int, remove: int, choices: Choices) -> None:
        """Any commit; sent and delivered at once, or kept for later."""
        device = self._device(who)
        room = MAX_DEVICES - len(device.group.members())
        proposals: list[Proposal] = [Add(bundle.key_package) for bundle in self._newcomers(min(add, max(room, 0)))]
        leaves = [member.leaf_index for member in device.group.members() if member.leaf_index != device.group.own_leaf]
        proposals += [Remove(leaves[(which + i) % len(leaves)]) for i in range(min(remove, len(leaves) - 1))]
        if choices.extensions:
            proposals.append(self.world.extensions(which.to_bytes(4, "big")))
        if choices.psk:
            proposals.append(self.world.psk(device))
        self._commit(device, proposals, choices)
        if choices.at_once:
            self._submit(device)
            self.everyone_catches_up()

    @rule(who=picks, everyone=st.booleans())
    def heal(self, who: int, everyone: bool) -> None:
        """Fresh keys and all that was proposed, committed and sent at once."""
        self._commit(self._device(who), [])
        self.submit(who)
        if everyone:
            self.everyone_catches_up()

    @rule(who=picks)
    def submit(self, who: int) -> None:
        self._submit(self._device(who))

    @rule(who=picks)
    def race(self, who: int) -> None:
        """Two make a commit, both send it, and the second one has lost."""
        first, second = self._device(who), self._device(who + 1)
        for device in (first, second):
            self._commit(device, [])
        for device in (first, second):
            self._submit(device)

    @rule(who=picks)
    def give_a_commit_up(self, who: int) -> None:
        """Only one that was never sent."""
        self.world.give_up(self._device(who))

    # --- delivery -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.world.relay.invitations)
    @rule(which=picks)
    def join(self, which: int) -> None:
        names = list(self.world.relay.invitations)
        self.world.join(names[which % len(names)])

    @rule(who=picks)
    def come_in(self, who: int) -> None:
        """Somebody needs no invitation, if the helper's group info is of the present epoch."""
        helper = self._device(who)
        if len(helper.group.members()) < MAX_DEVICES:
            came_in = self.world.come_in(helper, *self.world.new_name())
            assert came_in == (helper.group.epoch == self.world.relay.epoch - came_in)

    @rule(who=picks, lost=picks)
    def come_back(self, who: int, lost: int) -> None:
        self.world.come_back(self._device(who), self._device(lost))

    @rule(who=picks)
    def follow(self, who: int) -> None:
        self.world.follow(self._device(who))

    @rule(who=picks)
    def catch_up(self, who: int) -> None:
        device = self._device(who)
        while device.name in self.world.devices and self.world.follow(device):
            pass

    @rule()
    def everyone_catches_up(self) -> None:
        for device in list(self.world.devices.values()):
            while device.name in self.world.devices and self.world.follow(device):
                pass

    @rule(who=picks)
    def lose_a_proposal(self, who: int) -> None:
        self.world.lose(self._device(who))

    # --- faults -------------------------------------------------------------------------------------------------------

    @rule(who=picks)
    def write(self, who: int) -> None:
        self._device(who).write()

    @rule(who=picks)
    def crash(self, who: int) -> None:
        self._device(who).crash()

    @rule(who=picks, text=texts)
    def die_while_sending(self, who: int, text: bytes) -> None:
        self.world.die_while_sending(self._device(who), text)

    @rule(who=picks)
    def back_up(self, who: int) -> None:
        device = self._device(who)
        device.backup = device.disk

    @rule(who=picks)
    def restore(self, who: int) -> None:
        self.world.restore(self._device(who))

    @rule(who=picks, which=picks, place=picks)
    def damage(self, who: int, which: int, place: int) -> None:
        device = self._device(who)
        letters = self._mail(device)
        if letters:
            self.world.damage(device, letters[which % len(letters)].message, place)
        if device.memory.cursor < len(self.world.relay.log):
            self.world.damage(device, self.world.relay.log[device.memory.cursor].message, place)

    @precondition(lambda self: self.world.relay.log)
    @rule(who=picks, which=picks)
    def replay(self, who: int, which: int) -> None:
        self.world.replay(self._device(who), which % len(self.world.relay.log))

    @rule(who=picks)
    def unwanted(self, who: int) -> None:
        self.world.unwanted(self._device(who))

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.world.now_s += hours * HOUR_S

    # --- what always holds --------------------------------------------------------------------------------------------

    @rule()
    def audit(self) -> None:
        self.world.audit()

    @invariant()
    def same_epoch_same_view(self) -> None:
        if hasattr(self, "world"):
            for device in self.world.devices.values():
                self.world.look_at(device.group)

    @invariant()
    def who_is_gone_stays_out(self) -> None:
        if hasattr(self, "world") and self.world.relay.log:
            newest = self.world.relay.log[-1]
            for device in self.world.gone:
                if newest.epoch > device.group.epoch:
                    self.world.refuses(device, newest.message)

    def _device(self, who: int) -> Device:
        devices = list(self.world.devices.values())
        return devices[who % len(devices)]

    def _mail(self, device: Device) -> list[Letter]:
        return list(self.world.relay.mail.get(device.name, {}).values())

    def _newcomers(self, count: int) -> list[KeyPackageBundle]:
        bundles = [self.world.bundle() for _ in range(count)]
        self.known_bundles += bundles
        return bundles

    def _member(self, device: Device, which: int) -> LeafIndex:
        members = device.group.members()
        return members[which % len(members)].leaf_index

    def _submit(self, device: Device) -> None:
        self.world.submit(device, self.known_bundles)

    def _commit(self, device: Device, proposals: list[Proposal], choices: Choices | None = None) -> None:
        chosen = choices or Choices()
        private = self.world.new_key(device.name) if chosen.rotate else None
        self.world.commit(
            device,
            proposals,
            include_pending=chosen.include_pending,
            force_path=chosen.force_path,
            private=private,
            public=chosen.public,
        )
