"""What the RFC asks of whoever makes or takes in commits, key packages and Welcomes, and that nobody else can break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from tacit.codec import encode
from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.mls import (
    Add,
    Extension,
    ExternalPSK,
    Group,
    GroupContextExtensions,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    Remove,
    RequiredCapabilities,
    StagedCommit,
    join,
)
from tacit.mls.checks.leaf_nodes import check_leaf_signature
from tacit.mls.commits import Commit, HPKECiphertext
from tacit.mls.epochs import Epoch
from tacit.mls.key_schedule import derive_epoch_secret, schedule_epoch
from tacit.mls.labels import WELCOME, encrypt_with_label
from tacit.mls.messages import GroupSecrets, PublicMessage, Welcome, decode_message, encode_message
from tacit.mls.parent_hashes import parent_hash
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import encode_ratchet_tree
from tacit.mls.registry import LeafNodeSource, WireFormat
from tacit.mls.transcript import confirmed_transcript_hash
from tacit.mls.tree_math import LeafIndex, NodeIndex
from tacit.mls.welcome import open_group_secrets
from tests.mls import mirror as mirror_module
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import refuses, refuses_to_join, state_of

CAROL = LeafIndex(2)


def test_every_key_package_has_keys_of_its_own(crew: Crew) -> None:
    """Rule 10/init-key-fresh."""
    packages = [crew.bundle("dave").key_package for _ in range(5)]
    keys = {key for package in packages for key in (package.init_key, package.leaf_node.encryption_key)}
    assert len(keys) == 10


def test_a_path_that_we_make_has_a_leaf_made_for_it(crew: Crew) -> None:
    """Rule 7.5/path-leaf: a fresh key each time, and a signature for its place in this group."""
    keys = set()
    for _ in range(3):
        crew.commit("bob")
        leaf = crew["alice"].members()[1].leaf_node
        assert leaf.source is LeafNodeSource.COMMIT
        check_leaf_signature(crew.suite, leaf, crew["alice"].group_id, LeafIndex(1))
        for other in (0, 2):
            with pytest.raises(InvalidMessage):
                check_leaf_signature(crew.suite, leaf, crew["alice"].group_id, LeafIndex(other))
        keys.add(leaf.encryption_key)
    assert len(keys) == 3


def opens_with(suite: CipherSuite, private: bytes, public: bytes) -> bool:
    sealed = suite.hpke_seal(public, b"", b"probe")
    try:
        return suite.hpke_open(private, sealed[0], b"", sealed[1]) == b"probe"
    except CryptoError:
        return False


def held(group: Group) -> dict[int, bytes]:
    return {int(node): secret.reveal() for node, secret in group.state.private_keys.items()}


def test_private_keys_that_a_commit_outdates_are_given_up() -> None:
    """Rule 7.4/outdated-keys: after a commit, only keys of nodes as they now stand are left."""
    crew = Crew(6)
    for name in ("alice", "carol", "erin"):
        crew.commit(name)
    before = held(crew["bob"])
    assert set(before) == {2, 1, 3, 7}
    crew.remove("erin", "alice")
    after = held(crew["bob"])
    assert set(after) == {2, 7}
    assert after[2] == before[2]
    assert after[7] != before[7]
    crew.commit("bob")
    assert set(before.values()).isdisjoint(held(crew["bob"]).values())
    for group in crew.groups.values():
        for node, private in held(group).items():
            there = group.state.tree.nodes[node]
            assert there is not None
            assert opens_with(crew.suite, private, there.encryption_key)


def test_who_is_added_takes_the_leftmost_place_and_trees_shrink() -> None:
    """Rule 7.7/tree-shape."""
    crew = Crew(5)
    assert crew["alice"].state.tree.leaf_count == 8
    crew.commit("alice", [Remove(LeafIndex(3)), Remove(LeafIndex(1))])
    crew.add("alice", "frank", "grace", "heidi")
    assert [crew.index(name) for name in ("frank", "grace", "heidi")] == [1, 3, 5]
    crew.commit("alice", [Remove(LeafIndex(5)), Remove(LeafIndex(4))])
    assert crew["alice"].state.tree.leaf_count == 4
    crew.commit("alice", [Remove(LeafIndex(n)) for n in (1, 2, 3)])
    assert crew["alice"].state.tree.leaf_count == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_no_blank_is_sent_behind_the_last_member(size: int) -> None:
    """Rule 12.4.3.3/no-trailing-blanks."""
    crew = Crew(size)
    tree = crew["alice"].state.tree
    encoded = encode_ratchet_tree(tree)
    assert encoded.endswith(crew["alice"].members()[-1].leaf_node.encoded)
    assert tree.leaf(LeafIndex(size - 1)) is not None


def test_proposals_take_effect_in_the_order_of_the_rfc(crew: Crew) -> None:
    """Rule 12.3/order: the list says Add first; yet the Remove makes room, and the new requirements bind who comes."""
    dave = crew.bundle("dave")
    crew.commit("alice", [Add(dave.key_package), Remove(CAROL)])
    assert crew["alice"].member(CAROL) == dave.key_package.leaf_node


def test_new_requirements_bind_those_who_come_in_the_same_commit() -> None:
    """Rule 12.3/order: wherever in the list they stand; and what the list takes away binds nobody any more."""
    extension = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    required = GroupContextExtensions((extension,))
    crew = Crew(2, extension_types=(0xF7A0,))
    mirror = Mirror(crew["alice"], crew.entropy)
    crew.extension_types = ()
    add = Add(crew.bundle("carol").key_package)
    for proposals in ([add, required], [required, add]):
        refuses(crew, "bob", mirror.commit(proposals).message, "7.3/required-capabilities")
    crew = Crew(2, extensions=(extension,), extension_types=(0xF7A0,))
    crew.extension_types = ()
    crew.commit("alice", [Add(crew.bundle("carol").key_package), GroupContextExtensions(())])


def test_an_invalid_proposal_is_neither_kept_nor_committed(crew: Crew, mirror: Mirror) -> None:
    """Rule 12.2/valid-alone: judged when it comes; and judged again with the group as it is when it is committed."""
    lacking = GroupContextExtensions((Extension(0xF123, b""),))
    refuses(crew, "bob", mirror.private(lacking), "13.4/group-context-extension")
    refuses(crew, "bob", mirror.commit([lacking]).message, "13.4/group-context-extension")
    assert crew["bob"].pending_proposals == ()


def test_a_commit_that_fails_at_the_last_step_leaves_no_trace(crew: Crew, mirror: Mirror) -> None:
    """Rule 12.4.2/all-or-nothing: tree, keys and epoch are as before, and the honest commit goes through."""
    dave = crew.bundle("dave")
    crew.propose("carol", Remove(CAROL))
    mirror.group = crew["alice"]
    for proposals in ([], [Remove(CAROL)], [Add(dave.key_package)], [GroupContextExtensions(())]):
        refuses(crew, "bob", mirror.commit(proposals, tag=lambda tag: bytes(len(tag))).message, "6.1/confirmation-tag")
    before = state_of(crew["bob"])
    crew.commit("alice")
    assert crew["bob"].epoch == 2
    assert state_of(crew["bob"]) != before


def test_without_a_path_the_commit_secret_is_zero(crew: Crew, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 8/no-path: a committer who takes any other secret is alone with it."""
    add = [Add(crew.bundle("dave").key_package)]
    event = crew["bob"].process(mirror.commit(add, with_path=False).message, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    real = mirror_module.advance_schedule
    change_schedule(monkeypatch, lambda state, secret, psk, context: real(state, b"\1" * len(secret), psk, context))
    refuses(crew, "bob", mirror.commit(add, with_path=False).message, "6.1/confirmation-tag")


def change_schedule(monkeypatch: pytest.MonkeyPatch, schedule: Callable[..., Any]) -> None:
    """From now on the mirror runs its key schedule like this."""
    monkeypatch.setattr(mirror_module, "advance_schedule", schedule)


def test_the_key_schedule_takes_the_new_context(crew: Crew, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 8/contexts: not the old one, for the joiner secret as for the epoch secret."""
    real = mirror_module.advance_schedule

    def old_context(state: Epoch, secret: bytes, psk: bytes, context: object) -> object:
        del context
        return real(state, secret, psk, state.context)

    def old_context_for_the_epoch(state: Epoch, secret: bytes, psk: bytes, context: Any) -> object:
        schedule = real(state, secret, psk, context)
        epoch_secret = derive_epoch_secret(state.suite, schedule.member_secret, state.context.encoded)
        return replace(schedule, keys=schedule_epoch(state.suite, epoch_secret))

    for wrong in (old_context, old_context_for_the_epoch):
        change_schedule(monkeypatch, wrong)
        refuses(crew, "bob", mirror.commit().message, "6.1/confirmation-tag")


def test_signature_and_membership_tag_take_the_old_context(crew: Crew) -> None:
    """Rule 8/contexts: a commit that is signed, or whose tag is made, for the epoch that it begins."""

    class Early(Mirror):
        def sign(self, content: Any, wire_format: WireFormat, private: bytes | None = None) -> bytes:
            now, then = self.group, replace(self.group.context, epoch=self.group.epoch + 1)
            self.group = replace(now, state=replace(now.state, context=then))
            signature = super().sign(content, wire_format, private)
            self.group = now
            return signature

    mirror = Early(crew["alice"], crew.entropy)
    refuses(crew, "bob", mirror.commit().message, "6.1/signature")
    public = Policy(public_handshakes=True)
    refuses(crew, "bob", mirror.commit(wire_format=WireFormat.PUBLIC_MESSAGE).message, "6.1/signature", policy=public)


@pytest.mark.parametrize(
    ("sent", "hashed"),
    [
        (WireFormat.PRIVATE_MESSAGE, WireFormat.PUBLIC_MESSAGE),
        (WireFormat.PUBLIC_MESSAGE, WireFormat.PRIVATE_MESSAGE),
    ],
)
def test_the_transcript_covers_the_wire_format(
    crew: Crew, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, sent: WireFormat, hashed: WireFormat
) -> None:
    """Rule 8.2/wire-format: hashed as the other one, the commit leads to another epoch."""
    public = Policy(public_handshakes=True)
    assert crew["bob"].process(mirror.commit(wire_format=sent).message, authenticate=crew.authenticate, policy=public)
    monkeypatch.setattr(
        mirror_module,
        "confirmed_transcript_hash",
        lambda suite, interim, wire_format, content, signature: confirmed_transcript_hash(
            suite, interim, hashed, content, signature
        ),
    )
    refuses(crew, "bob", mirror.commit(wire_format=sent).message, "6.1/confirmation-tag", policy=public)


def test_all_new_members_are_told_the_same_psks_in_the_order_of_the_commit(crew: Crew) -> None:
    """Rule 8.4/psk-order; and in another order they lead nowhere."""
    keys = {b"one": b"1" * 32, b"two": b"2" * 32, b"three": b"3" * 32}
    ids = [PreSharedKeyID(ExternalPSK(name), crew.entropy(crew.suite.hash_size)) for name in keys]
    policy = Policy(find_psk=lambda psk: keys.get(psk.key.psk_id))  # type: ignore[union-attr]
    bundles = [crew.bundle(name) for name in ("dave", "erin")]
    proposals: list[Proposal] = [Add(bundle.key_package) for bundle in bundles]
    proposals += [PreSharedKey(psk) for psk in ids]
    _, pending = crew["alice"].create_commit(
        proposals, entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=policy
    )
    assert pending.welcome is not None
    welcome = decode_message(pending.welcome)
    assert isinstance(welcome, Welcome)
    told = []
    for bundle, entry in zip(bundles, welcome.secrets, strict=True):
        told.append(open_group_secrets(crew.suite, welcome, entry, bundle.init_private.reveal()))
        joined = join(
            pending.welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False, policy=policy
        )
        assert joined.group.epoch_authenticator == pending.group_after.epoch_authenticator
    assert [secrets.psks for secrets in told] == [tuple(ids), tuple(ids)]
    other_order = replace(told[0], psks=(ids[1], ids[0], ids[2]))
    broken = resealed(crew, welcome, bundles[0].key_package.init_key, other_order)
    refuses_to_join(crew, broken, bundles[0], "12.4.3.1/group-info", policy=policy)


def resealed(crew: Crew, welcome: Welcome, init_key: bytes, secrets: GroupSecrets) -> bytes:
    """The Welcome with other group secrets for the first of those whom it invites."""
    sealed = encrypt_with_label(crew.suite, init_key, WELCOME, welcome.encrypted_group_info, encode(secrets))
    first = replace(welcome.secrets[0], encrypted_group_secrets=HPKECiphertext(*sealed))
    return encode_message(replace(welcome, secrets=(first, *welcome.secrets[1:])))


def test_no_message_is_good_on_both_sides_of_a_fork(crew: Crew, mirror: Mirror) -> None:
    """Hazard B25: whoever knows the keys of both sides may seal for both, and yet signs for one only."""
    one, other = mirror.commit(), mirror.commit()
    bob, carol = (
        crew[name].process(forged.message, authenticate=crew.authenticate).group_after  # type: ignore[union-attr]
        for name, forged in (("bob", one), ("carol", other))
    )
    crew.groups.update(bob=bob, carol=carol)
    sides = [Mirror(replace(bob, state=forged.epoch), crew.entropy) for forged in (one, other)]
    sides[1].group = replace(carol, state=other.epoch)
    content = sides[0].content(b"to whom")
    signature = sides[0].sign(content, WireFormat.PRIVATE_MESSAGE)
    assert bob.epoch == carol.epoch
    assert crew.open("bob", sides[0].private(b"to whom", signature=signature)) == b"to whom"
    refuses(crew, "carol", sides[1].private(b"to whom", signature=signature), "6.1/signature")


def test_a_parent_hash_covers_the_sibling_as_it_was() -> None:
    """Rule 7.9/original-sibling: hashed with who came unmerged afterwards, the same keys are not accepted."""
    crew = Crew(7)
    crew.commit("erin")
    crew.commit("alice")
    before = crew["alice"].state.tree
    crew.commit("alice", [Add(crew.bundle("heidi").key_package)], force_path=False)
    mirror, bundle = Mirror(crew["alice"], crew.entropy), crew.bundle("ivan")

    def sign_for(sibling_hash: bytes) -> Callable[[RatchetTree], RatchetTree]:
        """Alice's leaf and the parents above it, chained anew below the root of eight leaves."""

        def chained(tree: RatchetTree) -> RatchetTree:
            nodes: list[Any] = list(tree.nodes)
            above = nodes[7]
            for node, sibling in ((3, sibling_hash), (1, tree.node_hash(NodeIndex(5)))):
                nodes[node] = structs.replace(nodes[node], parent_hash=parent_hash(crew.suite, above, sibling))
                above = nodes[node]
            value = parent_hash(crew.suite, above, tree.node_hash(NodeIndex(2)))
            nodes[0] = mirror.leaf(nodes[0], parent_hash=value)
            return RatchetTree(crew.suite, tuple(nodes))

        return chained

    def welcome(sibling: RatchetTree) -> bytes:
        final = sign_for(sibling.node_hash(NodeIndex(11)))
        return mirror.welcome(mirror.commit([Add(bundle.key_package)], with_path=False, final_tree=final))

    assert join(welcome(before), [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False)
    refuses_to_join(crew, welcome(crew["alice"].state.tree), bundle, "7.9.2/parent-hash")


def test_the_commit_of_one_member_in_public_is_that_of_all(crew: Crew, mirror: Mirror) -> None:
    """Rule 6/one-door: the same call takes a commit in the clear, where the policy lets it."""
    message = mirror.commit([Remove(CAROL)], wire_format=WireFormat.PUBLIC_MESSAGE).message
    decoded = decode_message(message)
    assert isinstance(decoded, PublicMessage)
    assert isinstance(decoded.content.body, Commit)
    event = crew["bob"].process(message, authenticate=crew.authenticate, policy=Policy(public_handshakes=True))
    assert isinstance(event, StagedCommit)
    assert [member.leaf_index for member in event.removed] == [2]
