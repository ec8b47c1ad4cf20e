"""The key package for want of another: marked as such, used more than once, and never the rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.mls import Add, Extension, Group, KeyPackageBundle, NotForUs, Update, join, read_key_package
from tacit.mls.registry import ExtensionType
from tests.mls.crew import GROUP_ID, NOW_S, Crew
from tests.mls.mirror import Mirror, forge_key_package
from tests.mls.refusal import breaks, refuses


class Box:
    """The key packages of somebody who takes invitations, and drops what they use up."""

    def __init__(self, *bundles: KeyPackageBundle) -> None:
        self.bundles = list(bundles)

    def take(self, crew: Crew, welcome: bytes | None) -> Group:
        assert welcome is not None
        joined = join(welcome, self.bundles, authenticate=crew.authenticate, known_group=lambda group_id: False)
        used = next(bundle for bundle in self.bundles if bundle.ref == joined.used_ref)
        if not used.key_package.is_last_resort:
            self.bundles.remove(used)
        return joined.group


def test_a_last_resort_lets_one_into_two_groups() -> None:
    crew, other = Crew(1), Crew(1, seed=1)
    other.keys["carol"] = crew.key("carol")
    package = crew.bundle("carol", last_resort=True)
    box = Box(crew.bundle("carol"), package)
    groups = [box.take(c, c.commit("alice", [Add(package.key_package)]).welcome) for c in (crew, other)]
    assert [group.group_id for group in groups] == [GROUP_ID, GROUP_ID]
    assert groups[0].epoch_authenticator == crew["alice"].epoch_authenticator
    assert groups[1].epoch_authenticator == other["alice"].epoch_authenticator
    assert len(box.bundles) == 2


def test_any_other_key_package_lets_one_in_once() -> None:
    """Hazard A17."""
    crew, other = Crew(1), Crew(1, seed=1)
    other.keys["carol"] = crew.key("carol")
    package = crew.bundle("carol")
    box = Box(package, crew.bundle("carol", last_resort=True))
    box.take(crew, crew.commit("alice", [Add(package.key_package)]).welcome)
    with pytest.raises(NotForUs):
        box.take(other, other.commit("alice", [Add(package.key_package)]).welcome)


def test_key_packages_share_no_key() -> None:
    crew = Crew(1)
    bundles = [crew.bundle("bob", last_resort=n % 2 == 0) for n in range(6)]
    keys = {bundle.key_package.init_key for bundle in bundles}
    keys |= {bundle.key_package.leaf_node.encryption_key for bundle in bundles}
    assert len(keys) == 12


def test_the_mark_of_earlier_drafts_is_understood() -> None:
    crew = Crew(1)
    package, private = crew.bundle("bob").key_package, crew.key("bob").private
    for data, marked in ((b"", True), (b"\0", False)):
        forged = forge_key_package(
            package, crew.suite, private, extensions=(Extension(ExtensionType.LAST_RESORT, data),)
        )
        published = replace(crew.bundle("bob"), key_package=forged)
        read = read_key_package(published.key_package_bytes, now_s=NOW_S, authenticate=crew.authenticate)
        assert read.is_last_resort is marked


def test_the_mark_stands_in_key_packages_only() -> None:
    crew = Crew(2)
    mirror = Mirror(crew["alice"], crew.entropy)
    listed = mirror.own_leaf.capabilities
    marked = mirror.update_leaf(
        capabilities=replace(listed, extensions=(ExtensionType.LAST_RESORT,)),
        extensions=(Extension(ExtensionType.LAST_RESORT, b""),),
    )
    refuses(crew, "bob", mirror.private(Update(marked)), "13.4/extension-container")
    with breaks("13.4/extension-container"):
        Crew(1, extensions=(Extension(ExtensionType.LAST_RESORT, b""),), extension_types=(ExtensionType.LAST_RESORT,))
