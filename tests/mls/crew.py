"""A crew of honest members who all talk to each other, with a seeded source of randomness and a clock that stands."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tacit.crypto.keys import KeyPair
from tacit.crypto.suites import X25519_SUITE, suite
from tacit.errors import PeerError
from tacit.mls import (
    Add,
    ApplicationData,
    Extension,
    ExternalJoin,
    Group,
    KeyPackageBundle,
    LeafIndex,
    LeafNode,
    PendingCommit,
    Policy,
    Proposal,
    ProposalReceived,
    Remove,
    StagedCommit,
    create_group,
    create_key_package,
    join,
    join_externally,
)

NOW_S = 1_800_000_000
GROUP_ID = b"crew"
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


class NotTheirKey(PeerError):
    """Somebody uses a name that is not theirs."""


class Crew:
    """Members by name, each with the group as they see it; a message to all is delivered at once."""

    def __init__(
        self,
        size: int,
        suite_id: int = X25519_SUITE,
        *,
        seed: int = 0,
        extensions: tuple[Extension, ...] = (),
        extension_types: tuple[int, ...] = (),
    ) -> None:
        self.suite = suite(suite_id)
        self.entropy = random.Random(seed).randbytes
        self.extension_types = extension_types
        self.keys: dict[str, KeyPair] = {}
        self.groups: dict[str, Group] = {}
        creator, *others = NAMES[:size]
        self.groups[creator] = create_group(
            GROUP_ID,
            suite_id,
            creator.encode(),
            self.key(creator).private,
            extensions=extensions,
            extension_types=extension_types,
            entropy=self.entropy,
            now_s=NOW_S,
        )
        if others:
            self.add(creator, *others)

    def __getitem__(self, name: str) -> Group:
        return self.groups[name]

    def key(self, name: str) -> KeyPair:
        """The signature key that goes with a name."""
        if name not in self.keys:
            self.keys[name] = self.suite.generate_signature_key_pair(self.entropy)
        return self.keys[name]

    def authenticate(self, old: LeafNode | None, new: LeafNode) -> None:
        """Everyone knows everyone's key, and nobody takes over another's leaf."""
        known = self.keys.get(new.credential_identity.decode())
        if known is None or known.public != new.signature_key:
            raise NotTheirKey
        if old is not None and old.credential_identity != new.credential_identity:
            raise NotTheirKey

    def bundle(self, name: str, *, last_resort: bool = False) -> KeyPackageBundle:
        """A fresh key package."""
        return create_key_package(
            self.suite.id,
            name.encode(),
            self.key(name).private,
            now_s=NOW_S,
            entropy=self.entropy,
            last_resort=last_resort,
            extension_types=self.extension_types,
        )

    def index(self, name: str) -> LeafIndex:
        """Where somebody stands in the tree."""
        return self.groups[name].own_leaf

    def create_commit(self, by: str, proposals: Sequence[Proposal] = (), *, force_path: bool = True) -> PendingCommit:
        """A commit that is made and not sent."""
        group, pending = self.groups[by].create_commit(
            proposals, force_path=force_path, entropy=self.entropy, now_s=NOW_S, authenticate=self.authenticate
        )
        self.groups[by] = group
        return pending

    def commit(self, by: str, proposals: Sequence[Proposal] = (), *, force_path: bool = True) -> PendingCommit:
        """A commit that everybody takes up; who is removed leaves the crew."""
        pending = self.create_commit(by, proposals, force_path=force_path)
        for name, group in list(self.groups.items()):
            if name == by:
                continue
            event = group.process(pending.commit, authenticate=self.authenticate, now_s=NOW_S)
            assert isinstance(event, StagedCommit)
            if event.group_after is None:
                del self.groups[name]
            else:
                self.groups[name] = event.group_after
        self.groups[by] = self.groups[by].merge(pending)
        self.check_agreement()
        return pending

    def add(self, by: str, *names: str) -> None:
        """Let people in."""
        bundles = [self.bundle(name) for name in names]
        pending = self.commit(by, [Add(bundle.key_package) for bundle in bundles])
        assert pending.welcome is not None
        for name, bundle in zip(names, bundles, strict=True):
            joined = join(pending.welcome, [bundle], authenticate=self.authenticate, known_group=lambda group_id: False)
            assert joined.used_ref == bundle.ref
            self.groups[name] = joined.group
        self.check_agreement()

    def external_commit(self, name: str, by: str, **options: Any) -> ExternalJoin:
        """What somebody makes of a group info that a member gives out; it is not sent."""
        given: dict[str, Any] = {"authenticate": self.authenticate, "now_s": NOW_S, "entropy": self.entropy}
        given |= {"extension_types": self.extension_types, **options}
        return join_externally(self.groups[by].group_info(), name.encode(), self.key(name).private, **given)

    def join_externally(self, name: str, by: str, *, policy: Policy | None = None, **options: Any) -> None:
        """Let somebody in by an external commit that everybody takes up; an old leaf of theirs leaves the crew."""
        policy = policy or Policy(external_commits=True)
        joined = self.external_commit(name, by, policy=policy, **options)
        for member, group in list(self.groups.items()):
            event = group.process(joined.commit, authenticate=self.authenticate, now_s=NOW_S, policy=policy)
            assert isinstance(event, StagedCommit)
            assert event.external
            if event.group_after is None:
                del self.groups[member]
            else:
                self.groups[member] = event.group_after
        self.groups[name] = joined.group
        self.check_agreement()

    def remove(self, by: str, name: str) -> None:
        """Put somebody out."""
        self.commit(by, [Remove(self.index(name))])

    def propose(self, by: str, proposal: Proposal) -> None:
        """Send a proposal to everybody."""
        self.groups[by], message = self.groups[by].propose(
            proposal, now_s=NOW_S, entropy=self.entropy, authenticate=self.authenticate
        )
        self.deliver_proposal(by, message)

    def propose_update(self, by: str) -> None:
        """Send everybody a proposal for a fresh leaf."""
        self.groups[by], message = self.groups[by].propose_update(entropy=self.entropy)
        self.deliver_proposal(by, message)

    def deliver_proposal(self, by: str, message: bytes) -> None:
        """Let everybody but the sender have a proposal."""
        for name, group in self.groups.items():
            if name != by:
                event = group.process(message, authenticate=self.authenticate, now_s=NOW_S)
                assert isinstance(event, ProposalReceived)
                self.groups[name] = event.group

    def seal(self, by: str, text: bytes) -> bytes:
        """A message that is made and not delivered."""
        self.groups[by], message = self.groups[by].seal(text, entropy=self.entropy)
        return message

    def open(self, name: str, message: bytes) -> bytes:
        """What somebody reads."""
        event = self.groups[name].process(message, authenticate=self.authenticate, now_s=NOW_S)
        assert isinstance(event, ApplicationData)
        self.groups[name] = event.group
        return event.data

    def say(self, by: str, text: bytes) -> None:
        """A message that everybody reads."""
        message = self.seal(by, text)
        for name in self.groups:
            if name != by:
                assert self.open(name, message) == text

    def check_agreement(self) -> None:
        """All are in the same epoch and see the same tree."""
        views = {(group.epoch, group.epoch_authenticator, group.context) for group in self.groups.values()}
        assert len(views) == 1
