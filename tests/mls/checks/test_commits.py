"""Commits and update paths that no honest client makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.limits import LARGEST_GROUP_MEMBERS, MAX_EPOCH, MAX_GROUP_MEMBERS, MAX_LEAF_BYTES, MAX_TREE_BYTES
from tacit.mls import Add, Extension, GroupContextExtensions, LeafNode, Proposal, Remove, StagedCommit
from tacit.mls.checks.trees import check_members
from tacit.mls.commits import UpdatePath, UpdatePathNode
from tacit.mls.group_context import GroupContext
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import encode_ratchet_tree
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import breaks, refuses, refuses_to_join


@pytest.fixture
def crew() -> Crew:
    """Seven of eight places taken, and every parent above Alice filled."""
    crew = Crew(7)
    crew.commit("alice")
    return crew


def with_node(path: UpdatePath, place: int, **changed: object) -> UpdatePath:
    nodes = list(path.nodes)
    nodes[place] = replace(nodes[place], **changed)  # type: ignore[arg-type]
    return replace(path, nodes=tuple(nodes))


@pytest.mark.parametrize("proposals", [[], [Remove(LeafIndex(2))], [GroupContextExtensions(())]])
def test_a_path_is_there_where_it_must_be(crew: Crew, mirror: Mirror, proposals: list[Proposal]) -> None:
    refuses(crew, "bob", mirror.commit(proposals, with_path=False).message, "12.4/path-required")


def test_adds_alone_need_no_path(crew: Crew, mirror: Mirror) -> None:
    forged = mirror.commit([Add(crew.bundle("heidi").key_package)], with_path=False)
    event = crew["bob"].process(forged.message, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    assert event.group_after.epoch_authenticator == forged.epoch.secrets.epoch_authenticator.reveal()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_path_is_neither_too_short_nor_too_long(crew: Crew, mirror: Mirror, place: int) -> None:
    """Hazard B3."""
    shorter = mirror.commit(path=lambda path: replace(path, nodes=path.nodes[:place] + path.nodes[place + 1 :]))
    refuses(crew, "bob", shorter.message, "7.6/path-length")
    extra = UpdatePathNode(mirror.fresh_key(), ())
    longer = mirror.commit(path=lambda path: replace(path, nodes=(*path.nodes[:place], extra, *path.nodes[place:])))
    refuses(crew, "bob", longer.message, "7.6/path-length")
    none = mirror.commit(path=lambda path: replace(path, nodes=()))
    refuses(crew, "bob", none.message, "7.6/path-length")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_there_is_one_ciphertext_for_each_node_of_a_resolution(crew: Crew, mirror: Mirror, place: int) -> None:
    """Hazard B3."""

    def fewer(path: UpdatePath) -> UpdatePath:
        return with_node(path, place, encrypted_path_secret=path.nodes[place].encrypted_path_secret[:-1])

    def more(path: UpdatePath) -> UpdatePath:
        there = path.nodes[place].encrypted_path_secret
        return with_node(path, place, encrypted_path_secret=(*there, there[0]))

    for name in ("bob", "carol", "grace"):
        refuses(crew, name, mirror.commit(path=fewer).message, "7.6/ciphertext-count")
        refuses(crew, name, mirror.commit(path=more).message, "7.6/ciphertext-count")


def test_a_path_leaves_out_who_is_added_with_it(crew: Crew, mirror: Mirror) -> None:
    """Hazard B3: whoever is added learns the path secret from the Welcome and from nowhere else."""
    forged = mirror.commit([Add(crew.bundle("heidi").key_package)], excluded=[])
    refuses(crew, "bob", forged.message, "7.6/ciphertext-count")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_key_of_a_path_is_in_the_tree_already(crew: Crew, mirror: Mirror, place: int) -> None:
    """Hazard B4: the key of a leaf, of a parent on the path and of one beside it, and one key twice."""
    tree = crew["bob"].state.tree
    taken = [node.encryption_key for node in tree.nodes if node is not None]
    for key in (taken[0], taken[1], taken[-1]):
        forged = mirror.commit(path=lambda path, key=key: with_node(path, place, encryption_key=key))
        refuses(crew, "bob", forged.message, "12.4.2/path-key-fresh")
    twice = mirror.commit(path=lambda path: with_node(path, place, encryption_key=path.nodes[place - 1].encryption_key))
    refuses(crew, "bob", twice.message, "12.4.2/path-key-fresh")
    like_leaf = mirror.commit(path=lambda path: with_node(path, place, encryption_key=path.leaf_node.encryption_key))
    refuses(crew, "bob", like_leaf.message, "12.4.2/path-key-fresh")


def test_no_key_of_a_path_is_that_of_another_leaf(crew: Crew, mirror: Mirror) -> None:
    """Hazard B4: neither the committer's leaf nor a parent takes the key of a member, or of who is added with it."""
    bob = crew["bob"].members()[1].leaf_node.encryption_key
    forged = mirror.commit(leaf=lambda leaf: replace(leaf, encryption_key=bob))
    refuses(crew, "carol", forged.message, "12.4.2/path-key-fresh")
    heidi = crew.bundle("heidi").key_package
    add = [Add(heidi)]
    for key in (heidi.leaf_node.encryption_key, bob):
        for place in (0, 2):
            forged = mirror.commit(
                add, path=lambda path, key=key, place=place: with_node(path, place, encryption_key=key)
            )
            refuses(crew, "carol", forged.message, "12.4.2/path-key-fresh")
    forged = mirror.commit(add, leaf=lambda leaf: replace(leaf, encryption_key=heidi.leaf_node.encryption_key))
    refuses(crew, "carol", forged.message, "12.4.2/path-key-fresh")


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_keys_of_a_path_are_well_formed(crew: Crew, mirror: Mirror, key: bytes) -> None:
    """Hazard B27."""
    forged = mirror.commit(path=lambda path: with_node(path, 1, encryption_key=key))
    refuses(crew, "bob", forged.message, "7.1/key-form")


@pytest.mark.parametrize("parent_hash", [b"", bytes(32)])
def test_the_new_leaf_signs_for_the_keys_above_it(crew: Crew, mirror: Mirror, parent_hash: bytes) -> None:
    """Hazard B15."""
    forged = mirror.commit(leaf=lambda leaf: replace(leaf, parent_hash=parent_hash))
    refuses(crew, "bob", forged.message, "7.9.2/path-parent-hash")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_other_keys_than_were_signed_for_are_refused(crew: Crew, mirror: Mirror, place: int) -> None:
    forged = mirror.commit(path=lambda path: with_node(path, place, encryption_key=mirror.fresh_key()))
    refuses(crew, "bob", forged.message, "7.9.2/path-parent-hash")


def test_a_path_secret_that_cannot_be_decrypted_is_refused(crew: Crew, mirror: Mirror) -> None:
    """Hazard B2: only those notice to whom the broken ciphertext was sent."""

    def broken(path: UpdatePath) -> UpdatePath:
        first, *others = path.nodes[1].encrypted_path_secret
        wrong = replace(first, ciphertext=bytes(len(first.ciphertext)))
        return with_node(path, 1, encrypted_path_secret=(wrong, *others))

    forged = mirror.commit(path=broken)
    refuses(crew, "carol", forged.message, "7.5/path-secret")
    assert crew["bob"].process(forged.message, authenticate=crew.authenticate)


def test_a_path_is_encrypted_for_one_epoch(crew: Crew, mirror: Mirror) -> None:
    """The context of the encryption is the provisional one, and no other."""

    def other_epoch(context: GroupContext) -> GroupContext:
        return replace(context, epoch=context.epoch + 1)

    refuses(crew, "bob", mirror.commit(context=other_epoch).message, "7.5/path-secret")
    old_tree = crew["alice"].context.tree_hash
    forged = mirror.commit(context=lambda context: replace(context, tree_hash=old_tree))
    refuses(crew, "bob", forged.message, "7.5/path-secret")


@pytest.mark.parametrize(("place", "notices"), [(0, ["bob"]), (1, ["carol", "dave"]), (2, ["erin", "frank", "grace"])])
def test_path_secrets_belong_to_the_keys_that_all_can_see(
    crew: Crew, mirror: Mirror, place: int, notices: list[str]
) -> None:
    """Hazard B2: those below one node are told another secret than its key belongs to, and each of them notices."""

    def other_secret(secrets: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (*secrets[:place], bytes(32), *secrets[place + 1 :])

    forged = mirror.commit(path_secrets=other_secret)
    for name in ("bob", "carol", "dave", "erin", "frank", "grace"):
        if name in notices:
            refuses(crew, name, forged.message, "7.5/path-public-key")
        else:
            assert crew[name].process(forged.message, authenticate=crew.authenticate)


def test_path_secrets_follow_from_each_other(crew: Crew, mirror: Mirror) -> None:
    """Hazard B2: every secret fits the key that is shown for it, and the second does not come from the first."""
    unrelated = crew.entropy(crew.suite.hash_size)
    forged = mirror.commit(chain=lambda secrets: (secrets[0], unrelated, secrets[2]))
    refuses(crew, "bob", forged.message, "7.5/path-public-key")
    refuses(crew, "carol", forged.message, "7.5/path-public-key")
    assert crew["erin"].process(forged.message, authenticate=crew.authenticate)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_path_secret_has_its_length(crew: Crew, mirror: Mirror, secret: bytes) -> None:
    forged = mirror.commit(path_secrets=lambda secrets: (secret, *secrets[1:]))
    refuses(crew, "bob", forged.message, "7.5/path-secret")


def test_a_path_is_of_no_use_without_a_private_key(crew: Crew, mirror: Mirror) -> None:
    """As for a member whose stored keys were lost; what was sent is as it should be."""
    crew.groups["bob"] = replace(crew["bob"], state=replace(crew["bob"].state, private_keys={}))
    refuses(crew, "bob", mirror.commit().message, "7.5/path-secret")


def grown_too_large(tree: RatchetTree) -> RatchetTree:
    leaf = tree.leaf(LeafIndex(0))
    return RatchetTree(tree.suite, tuple(None if index % 2 else leaf for index in range(2 * 1024 - 1)))


def test_a_group_has_a_largest_size(crew: Crew, mirror: Mirror) -> None:
    """Refused before any of the key packages is looked at, all of which are broken."""
    bundle = crew.bundle("heidi")
    broken = replace(bundle.key_package, signature=b"")
    many = [Add(broken)] * (MAX_GROUP_MEMBERS - len(crew.groups) + 1)
    refuses(crew, "bob", mirror.commit(many, listed=[]).message, "limits/group-members")
    nobody = [Remove(LeafIndex(leaf)) for leaf in range(100, 1100)]
    refuses(crew, "bob", mirror.commit([*many, *nobody], listed=[]).message, "limits/group-members")
    forged = mirror.commit([Add(bundle.key_package)], final_tree=grown_too_large)
    refuses_to_join(crew, mirror.welcome(forged), bundle, "limits/group-members")


def with_large_leaves(tree: RatchetTree, size: int) -> RatchetTree:
    """A tree of leaves only, which is encoded in that many bytes."""
    leaf = tree.leaf(LeafIndex(0))
    assert leaf is not None

    def filled(filling: int) -> LeafNode:
        return replace(leaf, extensions=(Extension(0xF123, bytes(filling)),))

    large = filled(MAX_LEAF_BYTES // 2)
    count, rest = divmod(size, large.encoded_size + 3)
    nodes = [filled(MAX_LEAF_BYTES // 2 + rest + 1), *[None, large] * (count - 1)]
    return RatchetTree(tree.suite, tuple(nodes))


@pytest.mark.parametrize("members", [3, MAX_GROUP_MEMBERS, MAX_GROUP_MEMBERS + 1, LARGEST_GROUP_MEMBERS])
def test_a_tree_can_always_be_sent_and_stored(crew: Crew, members: int) -> None:
    """Members who each make their leaf large lock nobody out; asked by whoever commits, follows or joins."""
    small = crew["bob"].state.tree
    check_members(small, (), members)
    most = max(MAX_TREE_BYTES, MAX_TREE_BYTES * members // MAX_GROUP_MEMBERS)
    for size, rule in ((most, "7.3/signature-key-unique"), (most + 1, "limits/tree-bytes")):
        large = with_large_leaves(small, size)
        assert len(encode_ratchet_tree(large)) == 4 + size
        with breaks(rule):
            check_members(large, (), members)


def test_an_epoch_has_a_last_number(crew: Crew, mirror: Mirror) -> None:
    """Whoever invites says which epoch it is; one that no store can hold is not entered in any way."""
    late = {
        name: replace(group, state=replace(group.state, context=replace(group.context, epoch=MAX_EPOCH)))
        for name, group in crew.groups.items()
    }
    crew.groups = late
    mirror.group = late["alice"]
    bundle = crew.bundle("heidi")
    forged = mirror.commit([Add(bundle.key_package)])
    refuses(crew, "bob", forged.message, "limits/epoch")
    refuses_to_join(crew, mirror.welcome(forged), bundle, "limits/epoch")
    with breaks("limits/epoch"):
        crew.create_commit("bob")
    mirror.group = replace(
        late["alice"], state=replace(late["alice"].state, context=replace(late["alice"].context, epoch=2**64 - 2))
    )
    refuses_to_join(crew, mirror.welcome(mirror.commit([Add(bundle.key_package)])), bundle, "limits/epoch")


def test_a_removed_member_learns_nothing_more(crew: Crew) -> None:
    """Rule 12.4.2/removed."""
    removed = crew["carol"]
    pending = crew.create_commit("alice", [Remove(LeafIndex(2))])
    event = removed.process(pending.commit, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert event.group_after is None
    crew.commit("bob", [Remove(LeafIndex(2))])
    message = crew.seal("alice", b"without carol")
    crew.groups["carol"] = removed
    refuses(crew, "carol", message, "6/epoch")


def test_a_stranger_commits_nothing(crew: Crew, mirror: Mirror) -> None:
    """Hazard A13."""
    forged = mirror.commit(signed_by=crew.key("mallory").private)
    refuses(crew, "bob", forged.message, "6.1/signature")


def test_only_the_first_of_two_commits_counts(crew: Crew, mirror: Mirror) -> None:
    """Rule 14/one-commit-per-epoch.

    Hazard A22: a bogus commit that comes first wedges nobody, and a late one does nothing.
    """
    bogus = mirror.commit(tag=lambda tag: bytes(len(tag)))
    refuses(crew, "bob", bogus.message, "6.1/confirmation-tag")
    late = mirror.commit()
    crew.commit("carol")
    refuses(crew, "bob", late.message, "6/epoch")
