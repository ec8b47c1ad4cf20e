from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.errors import DecodeError
from tacit.mls import Add, Extension, create_key_package, read_key_package
from tacit.mls.key_packages import KeyPackage
from tacit.mls.messages import encode_message
from tests.mls.crew import NOW_S, Crew, NotTheirKey
from tests.mls.mirror import Mirror, forge_key_package, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses

CASES = {
    "other suite": ({"cipher_suite": 3}, "10.1/version-and-suite"),
    "other version": ({"version": 2}, "10.1/version-and-suite"),
    "init key of no length": ({"init_key": b""}, "10.1/init-key-form"),
    "extension twice": ({"extensions": (Extension(0x0A0A, b""), Extension(0x0A0A, b""))}, "13.4/extension-duplicate"),
    "extension of a leaf": ({"extensions": (Extension(1, b""),)}, "13.4/extension-container"),
    "bad dictionary": ({"extensions": (Extension(6, b"\4\0\4\0\0"),)}, "13.4/extension-data"),
}


def refused_everywhere(crew: Crew, mirror: Mirror, package: KeyPackage, check: str) -> None:
    refuses(crew, "bob", mirror.private(Add(package)), check)
    refuses(crew, "bob", mirror.commit([Add(package)]).message, check)
    with breaks(check):
        crew.create_commit("bob", [Add(package)])


@pytest.mark.parametrize("name", CASES)
def test_a_broken_key_package_is_refused(crew: Crew, mirror: Mirror, name: str) -> None:
    changed, check = CASES[name]
    package = crew.bundle("dave").key_package
    private = crew.key("dave").private
    refused_everywhere(crew, mirror, forge_key_package(package, crew.suite, private, **changed), check)


def test_init_key_and_encryption_key_differ(crew: Crew, mirror: Mirror) -> None:
    """Hazard B4."""
    package = crew.bundle("dave").key_package
    forged = forge_key_package(package, crew.suite, crew.key("dave").private, init_key=package.leaf_node.encryption_key)
    refused_everywhere(crew, mirror, forged, "10.1/init-key")


@pytest.mark.parametrize("signature", [b"", bytes(64)])
def test_a_key_package_is_signed(crew: Crew, mirror: Mirror, signature: bytes) -> None:
    package = replace(crew.bundle("dave").key_package, signature=signature)
    refused_everywhere(crew, mirror, package, "10.1/signature")


def test_the_leaf_of_one_key_package_is_not_that_of_another(crew: Crew, mirror: Mirror) -> None:
    one, other = crew.bundle("dave").key_package, crew.bundle("erin").key_package
    one = forge_key_package(one, crew.suite, crew.key("dave").private, extensions=())
    refused_everywhere(crew, mirror, replace(one, leaf_node=other.leaf_node), "10.1/signature")


def read(crew: Crew, data: bytes, now_s: float = NOW_S) -> KeyPackage:
    return read_key_package(data, now_s=now_s, authenticate=crew.authenticate)


def test_a_good_key_package_is_read(crew: Crew) -> None:
    for last_resort in (False, True):
        bundle = crew.bundle("dave", last_resort=last_resort)
        package = read(crew, bundle.key_package_bytes)
        assert package == bundle.key_package
        assert package.is_last_resort is last_resort


@pytest.mark.parametrize("extension_type", [0xF123, 0x1A1A])
def test_extensions_that_nobody_knows_are_ignored_in_key_packages_listed_or_not(
    crew: Crew, extension_type: int
) -> None:
    """ts-mls salts its key packages with GREASE that its capabilities do not list."""
    package = forge_key_package(
        crew.bundle("dave").key_package,
        crew.suite,
        crew.key("dave").private,
        extensions=(Extension(extension_type, b"?"),),
    )
    assert read(crew, encode_message(package)) == package


def test_extensions_of_our_own_key_packages_are_listed_in_their_capabilities(crew: Crew) -> None:
    with breaks("7.3/extension-listed"):
        create_key_package(
            crew.suite.id,
            b"dave",
            crew.key("dave").private,
            now_s=NOW_S,
            entropy=crew.entropy,
            extensions=(Extension(0xF123, b""),),
        )


def test_what_is_read_before_its_owner_is_added_is_judged_alike(crew: Crew) -> None:
    """Hazards A16, A18."""
    bundle, private = crew.bundle("dave"), crew.key("dave").private
    with breaks("10.1/signature"):
        read(crew, encode_message(replace(bundle.key_package, signature=bytes(64))))
    for now_s in (0, NOW_S + 365 * 86400):
        with breaks("7.3/lifetime"):
            read(crew, bundle.key_package_bytes, now_s)
    mallory = forge_key_package_leaf(
        bundle.key_package, crew.suite, crew.key("mallory").private, signature_key=crew.key("mallory").public
    )
    with pytest.raises(NotTheirKey):
        read(crew, encode_message(mallory))
    for broken in (b"", bundle.key_package_bytes + b"\0", bundle.key_package_bytes[:-1]):
        with pytest.raises(DecodeError):
            read(crew, broken)
    other_version = forge_key_package(bundle.key_package, crew.suite, private, version=2)
    with pytest.raises(DecodeError):
        read(crew, encode_message(other_version))


def test_a_commit_is_no_key_package(crew: Crew, mirror: Mirror) -> None:
    with pytest.raises(DecodeError):
        read(crew, mirror.private(b"x"))
