"""Keys of every suite that are none, or are weak: refused when they come in, not first when they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES, X25519_SUITE, CipherSuite, suite
from tacit.mls import Add, Update
from tacit.mls.commits import UpdatePath
from tacit.mls.registry import WireFormat
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror, forge_key_package, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses

NIST = {0x0002, 0x0005, 0x0007}


def compressed(public: bytes) -> bytes:
    """The same point in the form that MLS does not send."""
    size = len(public) // 2
    return bytes([2 + (public[-1] & 1)]) + public[1 : 1 + size]


def off_the_curve(public: bytes) -> bytes:
    return public[:-1] + bytes([public[-1] ^ 1])


def not_reduced(public: bytes) -> bytes:
    """The first coefficient is 4095, above the modulus of 3329."""
    return b"\xff" + bytes([public[1] | 0x0F]) + public[2:]


def low_order_half(public: bytes) -> bytes:
    return public[:-32] + bytes(32)


HPKE: dict[str, tuple[Callable[[CipherSuite], bool], Callable[[bytes], bytes]]] = {
    "empty": (lambda suite: True, lambda public: b""),
    "a byte short": (lambda suite: True, lambda public: public[:-1]),
    "a byte long": (lambda suite: True, lambda public: public + b"\0"),
    "compressed": (lambda suite: suite.id in NIST, compressed),
    "off the curve": (lambda suite: suite.id in NIST, off_the_curve),
    "coefficient too large": (lambda suite: suite.id == DEFAULT_SUITE, not_reduced),
    "half of low order": (lambda suite: suite.id == DEFAULT_SUITE, low_order_half),
    "zero": (lambda suite: True, lambda public: bytes(len(public))),
}
CASES = [
    pytest.param(number, name, id=f"{number:#06x} {name}")
    for number in SUPPORTED_SUITES
    for name, (applies, _) in HPKE.items()
    if applies(suite(number))
]


def test_the_default_suite_and_the_mandatory_one_are_there() -> None:
    """Rules 17.1/mandatory-suite and 17.1/private-suite."""
    assert suite(0x0001).name == "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
    assert X25519_SUITE == 0x0001
    assert 0xF000 <= DEFAULT_SUITE <= 0xFFFF
    assert suite(DEFAULT_SUITE).draft.startswith("draft-")
    assert {number for number in SUPPORTED_SUITES if suite(number).draft} == {DEFAULT_SUITE}


@pytest.mark.parametrize(("number", "name"), CASES)
def test_a_key_that_nobody_can_encrypt_to_is_refused_where_it_comes_in(number: int, name: str) -> None:
    """Hazard B27: in an Add, an Update and a path, and by who would commit them."""
    crew = Crew(2, number)
    mirror, package = Mirror(crew["alice"], crew.entropy), crew.bundle("dave").key_package
    private = crew.key("dave").private
    bad = HPKE[name][1](mirror.fresh_key())
    leaf = forge_key_package_leaf(package, crew.suite, private, encryption_key=bad)
    refuses(crew, "bob", mirror.private(Add(leaf)), "7.2/key-form")
    init = forge_key_package(package, crew.suite, private, init_key=bad)
    refuses(crew, "bob", mirror.private(Add(init)), "10.1/init-key-form")
    refuses(crew, "bob", mirror.private(Update(mirror.update_leaf(encryption_key=bad))), "7.2/key-form")

    def with_bad_key(path: UpdatePath) -> UpdatePath:
        return replace(path, nodes=(replace(path.nodes[0], encryption_key=bad), *path.nodes[1:]))

    refuses(crew, "bob", mirror.commit(path=with_bad_key).message, "7.1/key-form")
    for forged, check in ((leaf, "7.2/key-form"), (init, "10.1/init-key-form")):
        with breaks(check):
            crew.create_commit("bob", [Add(forged)])


SIGNATURE: dict[str, tuple[frozenset[int], Callable[[bytes], bytes]]] = {
    "empty": (frozenset(SUPPORTED_SUITES), lambda public: b""),
    "a byte short": (frozenset(SUPPORTED_SUITES), lambda public: public[:-1]),
    "a byte long": (frozenset(SUPPORTED_SUITES), lambda public: public + b"\0"),
    "zero": (frozenset(SUPPORTED_SUITES), lambda public: bytes(len(public))),
    "all ones": (frozenset(SUPPORTED_SUITES), lambda public: b"\xff" * len(public)),
    "neutral": (frozenset(SUPPORTED_SUITES) - set(NIST), lambda public: b"\1" + bytes(len(public) - 1)),
    "compressed": (frozenset(NIST), compressed),
    "off the curve": (frozenset(NIST), off_the_curve),
}


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(number, name, id=f"{number:#06x} {name}")
        for name, (numbers, _) in SIGNATURE.items()
        for number in sorted(numbers)
    ],
)
def test_a_key_under_which_anything_would_verify_is_refused_where_it_comes_in(number: int, name: str) -> None:
    """Hazard B26, in every suite."""
    crew = Crew(2, number)
    mirror, package = Mirror(crew["alice"], crew.entropy), crew.bundle("dave").key_package
    bad = SIGNATURE[name][1](package.leaf_node.signature_key)
    forged = forge_key_package_leaf(package, crew.suite, crew.key("dave").private, signature_key=bad)
    refuses(crew, "bob", mirror.private(Add(forged)), "7.2/key-form")
    refuses(crew, "bob", mirror.private(Update(mirror.update_leaf(signature_key=bad))), "7.2/key-form")
    forged_commit = mirror.commit(leaf=lambda leaf: replace(leaf, signature_key=bad))
    refuses(crew, "bob", forged_commit.message, "7.2/key-form")


@pytest.mark.parametrize("number", sorted(NIST))
def test_ecdsa_signatures_come_in_der(number: int) -> None:
    """Rule 5.1.2/ecdsa-der: the two numbers side by side, as other protocols send them, are no signature here."""
    crew = Crew(2, number)
    mirror = Mirror(crew["alice"], crew.entropy)
    good = mirror.sign(mirror.content(b"x"), WireFormat.PRIVATE_MESSAGE)
    assert crew.open("bob", mirror.private(b"x", signature=good)) == b"x"
    r, s = numbers_in(good)
    size = (len(crew["alice"].members()[0].leaf_node.signature_key) - 1) // 2
    raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    for other in (raw, good + b"\0", good[:-1], b""):
        refuses(crew, "bob", mirror.private(b"x", signature=other), "6.1/signature")


def numbers_in(der: bytes) -> tuple[int, int]:
    """The two integers of an ECDSA signature in DER, each shorter than 128 bytes."""
    body = der[3:] if der[1] == 0x81 else der[2:]
    assert body[0] == 2
    first, rest = body[2 : 2 + body[1]], body[2 + body[1] :]
    return int.from_bytes(first, "big"), int.from_bytes(rest[2 : 2 + rest[1]], "big")
