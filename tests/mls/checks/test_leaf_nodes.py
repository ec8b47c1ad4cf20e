"""Leaves that no honest client makes, each brought in by every way that a leaf has into a tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tacit.errors import InvalidMessage
from tacit.limits import KEY_PACKAGE_MAX_RANGE_S, MAX_LEAF_BYTES
from tacit.mls import (
    Add,
    Extension,
    GroupContextExtensions,
    Remove,
    RequiredCapabilities,
    Update,
    create_group,
    create_key_package,
)
from tacit.mls.checks.leaf_nodes import check_we_support_group_extensions
from tacit.mls.credentials import BasicCredential
from tacit.mls.leaf_nodes import LeafNode, Lifetime
from tacit.mls.registry import GREASE_VALUES, LeafNodeSource
from tacit.mls.tree_math import LeafIndex
from tests.mls.certificates import certified
from tests.mls.crew import NOW_S, Crew, NotTheirKey
from tests.mls.mirror import Mirror, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses, refuses_to_join

NEUTRAL_POINT = b"\1" + bytes(31)
NOT_CANONICAL = b"\xff" * 31 + b"\x7f"
APPLICATION_ID = Extension(1, b"who")


def with_capabilities(leaf: LeafNode, **changed: Any) -> dict[str, Any]:
    return {"capabilities": replace(leaf.capabilities, **changed)}


BROKEN: dict[str, tuple[Callable[[LeafNode], dict[str, Any]], str]] = {
    "encryption key of no length": (lambda leaf: {"encryption_key": b""}, "7.2/key-form"),
    "encryption key too long": (lambda leaf: {"encryption_key": bytes(33)}, "7.2/key-form"),
    "version not listed": (lambda leaf: with_capabilities(leaf, versions=(2,)), "7.2/version-and-suite"),
    "suite not listed": (lambda leaf: with_capabilities(leaf, cipher_suites=(3,)), "7.2/version-and-suite"),
    "credential not listed": (lambda leaf: with_capabilities(leaf, credentials=(2,)), "7.2/own-credential-type"),
    "extension not listed": (lambda leaf: {"extensions": (Extension(0xF123, b""),)}, "7.3/extension-listed"),
    "extension twice": (lambda leaf: {"extensions": (APPLICATION_ID, APPLICATION_ID)}, "13.4/extension-duplicate"),
    "extension of a group": (lambda leaf: {"extensions": (Extension(3, b"\0\0\0"),)}, "13.4/extension-container"),
    "tree in a leaf": (lambda leaf: {"extensions": (Extension(2, b"\0"),)}, "13.4/extension-container"),
    "too large": (
        lambda leaf: {
            "extensions": (Extension(0xF123, bytes(MAX_LEAF_BYTES)),),
            **with_capabilities(leaf, extensions=(0xF123,)),
        },
        "limits/leaf-size",
    ),
    "bad dictionary": (lambda leaf: {"extensions": (Extension(6, b"\1"),)}, "13.4/extension-data"),
    "trailing byte in a dictionary": (lambda leaf: {"extensions": (Extension(6, b"\0\0"),)}, "13.4/extension-data"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_leaf_is_refused_in_an_add(crew: Crew, mirror: Mirror, name: str) -> None:
    change, check = BROKEN[name]
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, **change(package.leaf_node))
    refuses(crew, "bob", mirror.private(Add(forged)), check)
    with breaks(check):
        crew.create_commit("bob", [Add(forged)])


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_leaf_is_refused_in_an_update(crew: Crew, mirror: Mirror, name: str) -> None:
    change, check = BROKEN[name]
    leaf = mirror.update_leaf(**change(mirror.own_leaf))
    refuses(crew, "bob", mirror.private(Update(leaf)), check)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_leaf_is_refused_in_a_path(crew: Crew, mirror: Mirror, name: str) -> None:
    change, check = BROKEN[name]
    forged = mirror.commit(leaf=lambda leaf: replace(leaf, **change(leaf)))
    refuses(crew, "bob", forged.message, check)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_leaf_is_refused_by_who_joins(crew: Crew, mirror: Mirror, name: str) -> None:
    """Rule 12.4.3.1/leaves."""
    change, check = BROKEN[name]
    bundle = crew.bundle("dave")
    forged = mirror.commit([Add(bundle.key_package)], leaf=lambda leaf: replace(leaf, **change(leaf)))
    refuses_to_join(crew, mirror.welcome(forged), bundle, check)


@pytest.mark.parametrize("key", [NEUTRAL_POINT, bytes(32), NOT_CANONICAL, b"", bytes(31)])
def test_weak_signature_keys_are_refused(crew: Crew, mirror: Mirror, key: bytes) -> None:
    """Hazard B26."""
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, signature_key=key)
    refuses(crew, "bob", mirror.private(Add(forged)), "7.2/key-form")
    refuses(crew, "bob", mirror.private(Update(mirror.update_leaf(signature_key=key))), "7.2/key-form")
    forged_commit = mirror.commit(leaf=lambda leaf: replace(leaf, signature_key=key))
    refuses(crew, "bob", forged_commit.message, "7.2/key-form")


@pytest.mark.parametrize("signature", [b"", bytes(64)])
def test_a_leaf_must_be_signed(crew: Crew, mirror: Mirror, signature: bytes) -> None:
    package = crew.bundle("dave").key_package
    unsigned = replace(package.leaf_node, signature=signature)
    private = crew.key("dave").private
    forged = replace(forge_key_package_leaf(package, crew.suite, private), leaf_node=unsigned)
    refuses(crew, "bob", mirror.private(Add(forged)), "7.3/signature")
    update = replace(mirror.update_leaf(), signature=signature)
    refuses(crew, "bob", mirror.private(Update(update)), "7.3/signature")
    commit = mirror.commit(leaf_after_signing=lambda leaf: replace(leaf, signature=signature))
    refuses(crew, "bob", commit.message, "7.3/signature")


def test_a_leaf_is_signed_for_one_place_in_one_group(crew: Crew, mirror: Mirror) -> None:
    for_carol = mirror.leaf(mirror.own_leaf, index=2, source=LeafNodeSource.UPDATE, encryption_key=mirror.fresh_key())
    refuses(crew, "bob", mirror.private(Update(for_carol)), "7.3/signature")
    other = Crew(2, seed=9)
    elsewhere = Mirror(other["alice"], crew.entropy)
    elsewhere.group = replace(
        other["alice"],
        state=replace(
            other["alice"].state,
            context=replace(other["alice"].context, group_id=b"elsewhere"),
            signature_private=crew["alice"].state.signature_private,
        ),
    )
    leaf = elsewhere.leaf(mirror.own_leaf, source=LeafNodeSource.UPDATE, encryption_key=mirror.fresh_key())
    refuses(crew, "bob", mirror.private(Update(leaf)), "7.3/signature")


@pytest.mark.parametrize("source", [LeafNodeSource.KEY_PACKAGE, LeafNodeSource.COMMIT])
def test_an_update_has_a_leaf_for_updates(crew: Crew, mirror: Mirror, source: LeafNodeSource) -> None:
    lifetime = Lifetime(NOW_S, NOW_S) if source is LeafNodeSource.KEY_PACKAGE else None
    leaf = replace(mirror.update_leaf(), source=source, lifetime=lifetime)
    refuses(crew, "bob", mirror.private(Update(leaf)), "7.3/source")


@pytest.mark.parametrize("source", [LeafNodeSource.KEY_PACKAGE, LeafNodeSource.UPDATE])
def test_a_path_has_a_leaf_for_commits(crew: Crew, mirror: Mirror, source: LeafNodeSource) -> None:
    lifetime = Lifetime(NOW_S, NOW_S) if source is LeafNodeSource.KEY_PACKAGE else None
    forged = mirror.commit(leaf=lambda leaf: replace(leaf, source=source, lifetime=lifetime, parent_hash=b""))
    refuses(crew, "bob", forged.message, "7.3/source")


@pytest.mark.parametrize("source", [LeafNodeSource.UPDATE, LeafNodeSource.COMMIT])
def test_a_key_package_has_a_leaf_for_key_packages(crew: Crew, mirror: Mirror, source: LeafNodeSource) -> None:
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, source=source, lifetime=None)
    refuses(crew, "bob", mirror.private(Add(forged)), "7.3/source")


@pytest.mark.parametrize(
    "lifetime", [Lifetime(NOW_S, NOW_S + KEY_PACKAGE_MAX_RANGE_S + 1), Lifetime(0, 2**64 - 1), Lifetime(2, 1)]
)
def test_a_key_package_is_not_good_for_ever(crew: Crew, mirror: Mirror, lifetime: Lifetime) -> None:
    """Hazard A18."""
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, lifetime=lifetime)
    refuses(crew, "bob", mirror.private(Add(forged)), "7.2/lifetime-range")


@pytest.mark.parametrize("lifetime", [Lifetime(NOW_S - 10, NOW_S - 1), Lifetime(NOW_S + 1, NOW_S + 10)])
def test_nobody_commits_a_key_package_out_of_its_time(crew: Crew, mirror: Mirror, lifetime: Lifetime) -> None:
    """Hazard A18; who receives the commit later on does not ask, for then time has passed for everyone."""
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, lifetime=lifetime)
    with breaks("7.3/lifetime"):
        crew.create_commit("bob", [Add(forged)])
    accepted = crew["bob"].process(mirror.commit([Add(forged)]).message, authenticate=crew.authenticate)
    assert accepted is not None


def test_an_update_or_a_path_brings_a_new_encryption_key(crew: Crew, mirror: Mirror) -> None:
    """Hazard B4."""
    same = mirror.own_leaf.encryption_key
    update = mirror.update_leaf(encryption_key=same)
    refuses(crew, "bob", mirror.private(Update(update)), "7.3/encryption-key-changed")
    forged = mirror.commit(leaf=lambda leaf: replace(leaf, encryption_key=same))
    refuses(crew, "bob", forged.message, "7.3/encryption-key-changed")


def test_no_leaf_has_the_encryption_key_of_another_node(crew: Crew, mirror: Mirror) -> None:
    """Hazard B4: Bob's, and that of a parent."""
    tree = crew["bob"].state.tree
    root_key = next(parent.encryption_key for _, parent in tree.parents())
    bob_key = crew["bob"].members()[1].leaf_node.encryption_key
    update = mirror.update_leaf(encryption_key=bob_key)
    refuses(crew, "carol", mirror.private(Update(update)), "7.3/encryption-key-unique")
    for taken in (bob_key, root_key):
        package = crew.bundle("dave").key_package
        forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, encryption_key=taken)
        refuses(crew, "carol", mirror.private(Add(forged)), "7.3/encryption-key-unique")
        refuses(crew, "carol", mirror.commit([Add(forged)]).message, "7.3/encryption-key-unique")


def test_no_two_members_have_one_signature_key(crew: Crew, mirror: Mirror) -> None:
    """Hazard B4: Alice gives her leaf the key of Bob, whose signature she has from somewhere."""
    bob = crew.key("bob")
    update = mirror.update_leaf(private=bob.private, signature_key=bob.public)
    refuses(crew, "carol", mirror.private(Update(update)), "7.3/signature-key-unique")
    forged = mirror.commit(leaf=lambda leaf: replace(leaf, signature_key=bob.public), leaf_signed_by=bob.private)
    refuses(crew, "carol", forged.message, error=NotTheirKey)
    permissive = refuses(crew, "carol", forged.message, authenticate=lambda old, new: None)
    assert isinstance(permissive, InvalidMessage)
    assert permissive.check == "7.3/signature-key-unique"


def test_a_credential_type_that_somebody_does_not_know_is_refused(crew: Crew, mirror: Mirror) -> None:
    package = crew.bundle("dave").key_package
    capabilities = replace(package.leaf_node.capabilities, credentials=(1, 2))
    forged = forge_key_package_leaf(
        package,
        crew.suite,
        crew.key("dave").private,
        credential=certified("dave", crew.key("dave").public),
        capabilities=capabilities,
    )
    message = mirror.commit([Add(forged)]).message
    refuses(crew, "bob", message, "7.3/credential-types", authenticate=lambda old, new: None)


def test_a_member_must_know_the_credential_types_in_use(crew: Crew, mirror: Mirror) -> None:
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(
        package,
        crew.suite,
        crew.key("dave").private,
        credential=certified("dave", crew.key("dave").public),
        capabilities=replace(package.leaf_node.capabilities, credentials=(2,)),
    )
    message = mirror.private(Add(forged))
    refuses(crew, "bob", message, "7.3/credential-types", authenticate=lambda old, new: None)


def test_required_capabilities_bind_who_comes_in() -> None:
    """Hazard B18."""
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    crew = Crew(3, extensions=(required,), extension_types=(0xF7A0,))
    mirror = Mirror(crew["alice"], crew.entropy)
    crew.extension_types = ()
    package = crew.bundle("dave").key_package
    refuses(crew, "bob", mirror.commit([Add(package)]).message, "7.3/required-capabilities")
    without = replace(mirror.own_leaf.capabilities, extensions=(6,))
    update = Update(mirror.update_leaf(capabilities=without, extensions=()))
    refuses(crew, "bob", mirror.private(update), "7.3/required-capabilities")


@pytest.mark.parametrize(
    "required",
    [
        RequiredCapabilities(extension_types=(0xF123,)),
        RequiredCapabilities(proposal_types=(0xF123,)),
        RequiredCapabilities(credential_types=(2,)),
    ],
)
def test_nothing_is_required_that_a_member_lacks(crew: Crew, mirror: Mirror, required: RequiredCapabilities) -> None:
    """Hazard B18."""
    proposal = GroupContextExtensions((required.as_extension(),))
    refuses(crew, "bob", mirror.private(proposal), "7.3/required-capabilities")
    refuses(crew, "bob", mirror.commit([proposal]).message, "7.3/required-capabilities")


def test_default_capabilities_may_be_required(crew: Crew) -> None:
    required = RequiredCapabilities(extension_types=(1, 5), proposal_types=(1, 7), credential_types=(1,))
    crew.commit("alice", [GroupContextExtensions((required.as_extension(),))])


def test_all_that_we_support_may_be_required_at_once(crew: Crew) -> None:
    required = RequiredCapabilities(extension_types=tuple(range(1, 7)), proposal_types=tuple(range(1, 8)))
    crew.commit("alice", [GroupContextExtensions((required.as_extension(),))])
    crew.add("bob", "dave")


def test_a_group_has_no_extension_that_a_member_lacks(crew: Crew, mirror: Mirror) -> None:
    """Hazard B18."""
    proposal = GroupContextExtensions((Extension(0xF123, b""),))
    refuses(crew, "bob", mirror.commit([proposal]).message, "13.4/group-context-extension")
    refuses(crew, "bob", mirror.private(proposal), "13.4/group-context-extension")
    with breaks("13.4/group-context-extension"):
        crew.create_commit("bob", [proposal])


def test_the_grease_that_we_list_is_no_promise(crew: Crew) -> None:
    """Hazard B19."""
    own = crew["alice"].members()[0].leaf_node
    grease = next(value for value in own.capabilities.extensions if value in GREASE_VALUES)
    with breaks("13.4/unsupported-group-extension"):
        check_we_support_group_extensions(own, (Extension(grease, b""),))
    check_we_support_group_extensions(own, (Extension(6, b"\0"), RequiredCapabilities().as_extension()))


def test_grease_that_we_list_is_no_promise_to_those_who_commit() -> None:
    """Two members who happen to list the same grease support it no more than any other value."""
    for seed in range(100):
        crew = Crew(2, seed=seed)
        alice, bob = (set(member.leaf_node.capabilities.extensions) for member in crew["alice"].members())
        common = alice & bob & set(GREASE_VALUES)
        if common:
            break
    grease = Extension(common.pop(), b"")
    for extension in (grease, RequiredCapabilities(extension_types=(grease.extension_type,)).as_extension()):
        proposal = GroupContextExtensions((extension,))
        mirror = Mirror(crew["alice"], crew.entropy)
        refuses(crew, "bob", mirror.private(proposal), "13.4/unsupported-group-extension")
        refuses(crew, "bob", mirror.commit([proposal]).message, "13.4/unsupported-group-extension")
        with breaks("13.4/unsupported-group-extension"):
            crew.create_commit("alice", [proposal])


def test_grease_in_capabilities_and_key_package_is_ignored(crew: Crew) -> None:
    """Rule 13.4/unknown-ignored. Hazard B19."""
    package = crew.bundle("dave").key_package
    listed = replace(
        package.leaf_node.capabilities,
        versions=(1, 0x1A1A),
        extensions=(6, *GREASE_VALUES),
        proposals=GREASE_VALUES,
        credentials=(1, *GREASE_VALUES),
    )
    extensions = tuple(Extension(value, b"any") for value in GREASE_VALUES)
    forged = forge_key_package_leaf(
        package, crew.suite, crew.key("dave").private, capabilities=listed, extensions=extensions
    )
    pending = crew.commit("alice", [Add(forged)])
    assert pending.welcome is not None


def test_what_everyone_supports_is_not_listed(crew: Crew) -> None:
    with breaks("7.2/default-capability"):
        create_key_package(
            1,
            b"dave",
            crew.key("dave").private,
            now_s=NOW_S,
            entropy=crew.entropy,
            extension_types=(1,),
        )
    with breaks("7.2/default-capability"):
        create_group(
            b"new", 1, b"dave", crew.key("dave").private, proposal_types=(3,), entropy=crew.entropy, now_s=NOW_S
        )


def test_nobody_takes_the_place_of_another(crew: Crew, mirror: Mirror) -> None:
    """Rule 5.3.1/authentication.

    Hazard B5: in an Update, in a path and in an Add, a victim's name with a key of one's own, or his key too.
    """
    name = BasicCredential(b"bob")
    victim = crew.key("bob")
    for private, public in ((mirror.signature_private, mirror.own_leaf.signature_key), (victim.private, victim.public)):
        update = mirror.update_leaf(private=private, credential=name, signature_key=public)
        commit = mirror.commit(
            leaf=lambda leaf, public=public: replace(leaf, credential=name, signature_key=public),
            leaf_signed_by=private,
        )
        refuses(crew, "carol", commit.message, error=NotTheirKey)
        error = InvalidMessage if public == victim.public else NotTheirKey
        refuses(crew, "carol", mirror.private(Update(update)), error=error)
    package = crew.bundle("dave").key_package
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, credential=name)
    refuses(crew, "carol", mirror.private(Add(forged)), error=NotTheirKey)
    refuses(crew, "carol", mirror.commit([Add(forged)]).message, error=NotTheirKey)


def test_nobody_joins_a_group_with_a_stranger_under_a_known_name(crew: Crew, mirror: Mirror) -> None:
    """Rule 5.3.1/authentication. Hazard A14: every leaf in the tree of a Welcome is authenticated."""
    bundle = crew.bundle("dave")
    name = BasicCredential(b"bob")
    forged = mirror.commit([Add(bundle.key_package)], leaf=lambda leaf: replace(leaf, credential=name))
    refuses_to_join(crew, mirror.welcome(forged), bundle, error=NotTheirKey)


def test_who_was_removed_can_be_added_again(crew: Crew) -> None:
    package = crew.bundle("carol")
    crew.commit("alice", [Remove(crew.index("carol")), Add(package.key_package)])
    assert crew["alice"].member(LeafIndex(2)) == package.key_package.leaf_node


def test_an_application_id_stands_in_a_leaf(crew: Crew) -> None:
    """It is the one extension of the RFC that may."""
    private = crew.key("dave").private
    named = forge_key_package_leaf(crew.bundle("dave").key_package, crew.suite, private, extensions=(APPLICATION_ID,))
    crew.commit("alice", [Add(named)])
    member = crew["bob"].member(LeafIndex(3))
    assert member is not None
    assert member.extensions == (APPLICATION_ID,)
