"""Members who show certificates: the chain is the application's to judge, that it is for the leaf's key is ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tacit.crypto.suites import SUPPORTED_SUITES, X25519_SUITE
from tacit.errors import PeerError
from tacit.mls import (
    Add,
    BasicCredential,
    Credential,
    Group,
    KeyPackageBundle,
    LeafNode,
    RequiredCapabilities,
    StagedCommit,
    X509Credential,
    create_group,
    create_key_package,
    join,
    read_key_package,
)
from tacit.mls.registry import GREASE_VALUES, CredentialType
from tests.mls.certificates import certified, name_in
from tests.mls.crew import GROUP_ID, NOW_S, Crew
from tests.mls.mirror import Mirror, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses

BOTH = (CredentialType.BASIC, CredentialType.X509)


class UnknownCertificate(PeerError):
    """A certificate is not of the authority."""


class Certified(Crew):
    """A crew whose members show certificates; the first has made the group."""

    def __init__(self, size: int, suite_id: int = X25519_SUITE, *, credential_types: tuple[int, ...] = ()) -> None:
        self.credential_types = credential_types
        super().__init__(1, suite_id)
        self.groups["alice"] = create_group(
            GROUP_ID,
            suite_id,
            self.certificate("alice"),
            self.key("alice").private,
            credential_types=credential_types,
            entropy=self.entropy,
            now_s=NOW_S,
        )
        names = ("bob", "carol", "dave")[: size - 1]
        if names:
            self.add("alice", *names)

    def certificate(self, name: str) -> X509Credential:
        return certified(name, self.key(name).public)

    def authenticate(self, old: LeafNode | None, new: LeafNode) -> None:
        """Names are what the authority says, and nobody changes his."""
        if not isinstance(new.credential, X509Credential):
            return super().authenticate(old, new)
        if len(new.credential.certificates) != 2:
            raise UnknownCertificate
        name = name_in(new.credential)
        if old is not None and isinstance(old.credential, X509Credential) and name_in(old.credential) != name:
            raise UnknownCertificate
        return None

    def bundle(self, name: str, *, last_resort: bool = False, credential: Credential | None = None) -> KeyPackageBundle:
        return create_key_package(
            self.suite.id,
            self.certificate(name) if credential is None else credential,
            self.key(name).private,
            credential_types=self.credential_types,
            last_resort=last_resort,
            now_s=NOW_S,
            entropy=self.entropy,
        )


def listed(leaf: LeafNode) -> list[int]:
    return [value for value in leaf.capabilities.credentials if value not in GREASE_VALUES]


@pytest.mark.parametrize("suite_id", sorted(SUPPORTED_SUITES))
def test_members_with_certificates_talk_in_every_suite(suite_id: int) -> None:
    crew = Certified(2, suite_id)
    assert [name_in(member.leaf_node.credential) for member in crew["bob"].members()] == ["alice", "bob"]  # type: ignore[arg-type]
    assert all(listed(member.leaf_node) == [CredentialType.X509] for member in crew["bob"].members())
    crew.propose_update("bob")
    crew.commit("alice")
    crew.say("bob", b"certified")


def test_the_application_is_given_the_whole_chain() -> None:
    crew = Certified(1)
    bundle = crew.bundle("bob")
    seen = []
    read_key_package(bundle.key_package_bytes, now_s=NOW_S, authenticate=lambda old, new: seen.append(new.credential))
    assert seen == [crew.certificate("bob")]
    shorter = X509Credential(crew.certificate("bob").certificates[:1])
    with pytest.raises(UnknownCertificate):
        crew.create_commit("alice", [Add(crew.bundle("bob", credential=shorter).key_package)])


def test_certificates_and_bare_names_mix_where_everybody_can_read_both() -> None:
    crew = Certified(2, credential_types=BOTH)
    bare = crew.bundle("carol", credential=BasicCredential(b"carol"))
    assert sorted(listed(bare.key_package.leaf_node)) == [CredentialType.BASIC, CredentialType.X509]
    pending = crew.commit("alice", [Add(bare.key_package)])
    assert pending.welcome is not None
    joined = join(pending.welcome, [bare], authenticate=crew.authenticate, known_group=lambda group_id: False)
    crew.groups["carol"] = joined.group
    crew.say("carol", b"just carol")


def test_who_cannot_read_certificates_stays_out() -> None:
    crew = Certified(2)
    bare = create_key_package(crew.suite.id, b"carol", crew.key("carol").private, now_s=NOW_S, entropy=crew.entropy)
    with breaks("7.3/credential-types"):
        crew.create_commit("alice", [Add(bare.key_package)])
    refuses(
        crew, "bob", Mirror(crew["alice"], crew.entropy).commit([Add(bare.key_package)]).message, "7.3/credential-types"
    )


def test_a_group_can_require_that_all_can_read_certificates() -> None:
    required = RequiredCapabilities(credential_types=(CredentialType.X509,)).as_extension()
    crew = Crew(1)
    with breaks("7.3/required-capabilities"):
        create_group(
            GROUP_ID,
            crew.suite.id,
            b"alice",
            crew.key("alice").private,
            extensions=(required,),
            entropy=crew.entropy,
            now_s=NOW_S,
        )
    group = create_group(
        GROUP_ID,
        crew.suite.id,
        b"alice",
        crew.key("alice").private,
        extensions=(required,),
        credential_types=(CredentialType.X509,),
        entropy=crew.entropy,
        now_s=NOW_S,
    )
    assert group.extensions == (required,)
    crew.groups["alice"] = group
    with breaks("7.3/required-capabilities"):
        crew.create_commit("alice", [Add(crew.bundle("bob").key_package)])


def renew(crew: Crew, by: str, **changed: Any) -> Group:
    crew.groups[by], pending = crew[by].create_commit(
        entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, **changed
    )
    for name, group in list(crew.groups.items()):
        if name != by:
            event = group.process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S)
            assert isinstance(event, StagedCommit)
            assert event.group_after is not None
            crew.groups[name] = event.group_after
    crew.groups[by] = crew[by].merge(pending)
    crew.check_agreement()
    return crew[by]


def test_a_certificate_is_renewed_together_with_its_key() -> None:
    crew = Certified(2)
    key = crew.suite.generate_signature_key_pair(crew.entropy)
    renew(crew, "bob", credential=certified("bob", key.public), signature_private=key.private)
    crew.say("bob", b"with another key")
    someone_else = crew.suite.generate_signature_key_pair(crew.entropy)
    with pytest.raises(UnknownCertificate):
        renew(
            crew,
            "bob",
            credential=certified("alice", someone_else.public),
            signature_private=someone_else.private,
        )
    with breaks("5.3/x509-key"):
        renew(crew, "bob", signature_private=someone_else.private)


def test_who_changes_from_a_name_to_a_certificate_can_read_certificates() -> None:
    """A leaf supports the type of its own credential, so the new one lists it."""
    crew = Certified(1, credential_types=BOTH)
    crew.groups["alice"] = create_group(
        GROUP_ID, crew.suite.id, b"alice", crew.key("alice").private, entropy=crew.entropy, now_s=NOW_S
    )
    after = renew(crew, "alice", credential=crew.certificate("alice"))
    (alice,) = after.members()
    assert isinstance(alice.leaf_node.credential, X509Credential)
    assert sorted(listed(alice.leaf_node)) == [CredentialType.BASIC, CredentialType.X509]


def test_a_certificate_is_for_the_key_of_the_leaf() -> None:
    crew = Certified(2)
    mirror = Mirror(crew["alice"], crew.entropy)
    package, private = crew.bundle("carol").key_package, crew.key("carol").private
    others = crew.certificate("dave")
    for_another = forge_key_package_leaf(package, crew.suite, private, credential=others)
    refuses(crew, "bob", mirror.private(Add(for_another)), "5.3/x509-key")
    refuses(crew, "bob", mirror.commit([Add(for_another)]).message, "5.3/x509-key")
    refuses(
        crew,
        "bob",
        mirror.commit(leaf=lambda leaf: replace(leaf, credential=others)).message,
        "5.3/x509-key",
    )
    with breaks("5.3/x509-key"):
        crew.create_commit("bob", [Add(for_another)])


@pytest.mark.parametrize(
    "certificates", [(), (b"",), (b"no certificate",), (b"\x30\x80\x00\x00",)], ids=["none", "empty", "text", "ber"]
)
def test_what_is_no_certificate_is_refused(certificates: tuple[bytes, ...]) -> None:
    crew = Certified(2)
    mirror = Mirror(crew["alice"], crew.entropy)
    package, private = crew.bundle("carol").key_package, crew.key("carol").private
    broken = forge_key_package_leaf(package, crew.suite, private, credential=X509Credential(certificates))
    refuses(crew, "bob", mirror.private(Add(broken)), "5.3/x509-certificate")


def test_nobody_comes_with_a_certificate_for_another_key() -> None:
    """Who does so finds out at once, and not when nobody can join his group or add him."""
    crew = Certified(2)
    others, private = crew.certificate("bob"), crew.key("alice").private
    with breaks("5.3/x509-key"):
        create_key_package(X25519_SUITE, others, private, now_s=NOW_S, entropy=crew.entropy)
    with breaks("5.3/x509-key"):
        create_group(b"new", X25519_SUITE, others, private, now_s=NOW_S, entropy=crew.entropy)


def test_the_rest_of_the_chain_is_the_applications_to_read() -> None:
    crew = Certified(1)
    odd = X509Credential((crew.certificate("bob").certificates[0], b"whatever that is"))
    bundle = crew.bundle("bob", credential=odd)
    package = read_key_package(bundle.key_package_bytes, now_s=NOW_S, authenticate=crew.authenticate)
    assert package.leaf_node.credential == odd
    assert package.leaf_node.credential_identity == b""
