"""Welcomes that no honest committer sends. Hazard B16, and A15 as far as it is about the message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tacit.codec import decode, encode
from tacit.errors import DecodeError, InvalidMessage
from tacit.mls import (
    Add,
    Extension,
    ExternalPSK,
    GroupContextExtensions,
    KeyPackageBundle,
    NotForUs,
    Policy,
    PreSharedKeyID,
    PSKUnavailable,
    Remove,
    ResumptionPSK,
    join,
)
from tacit.mls.messages import GroupInfo, GroupSecrets, Welcome, decode_message
from tacit.mls.registry import ExtensionType, ResumptionPSKUsage
from tacit.mls.tree_math import LeafIndex
from tests.mls.crew import GROUP_ID, Crew
from tests.mls.mirror import ForgedCommit, Mirror
from tests.mls.refusal import refuses_to_join, state_of


@pytest.fixture
def newcomer(crew: Crew) -> KeyPackageBundle:
    return crew.bundle("dave")


@pytest.fixture
def forged(mirror: Mirror, newcomer: KeyPackageBundle) -> ForgedCommit:
    """An honest commit that adds the newcomer."""
    return mirror.commit([Add(newcomer.key_package)])


def change_context(**changed: Any) -> Callable[[GroupInfo], GroupInfo]:
    return lambda info: replace(info, group_context=replace(info.group_context, **changed))


def test_an_unbroken_welcome_lets_in(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    joined = join(
        mirror.welcome(forged), [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False
    )
    assert joined.group.epoch_authenticator == forged.epoch.secrets.epoch_authenticator.reveal()
    assert joined.used_ref == newcomer.ref


def test_a_welcome_for_others_is_not_for_us(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    """Hazard A15: a Welcome that was used, whose KeyPackage is gone, is the same."""
    error = refuses_to_join(crew, mirror.welcome(forged), crew.bundle("erin"), "12.4.3.1/key-package-ref")
    assert isinstance(error, NotForUs)
    no_such = mirror.welcome(forged, new_member=lambda ref: bytes(len(ref)))
    refuses_to_join(crew, no_such, newcomer, "12.4.3.1/key-package-ref")


@pytest.mark.parametrize("suite_id", [0, 3, 0xFFFF])
def test_a_welcome_of_another_suite_is_refused(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle, suite_id: int
) -> None:
    welcome = mirror.welcome(forged, welcome=lambda welcome: replace(welcome, cipher_suite=suite_id))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/welcome-suite")


def test_group_secrets_have_to_decrypt(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    for_somebody_else = mirror.welcome(forged, init_key=lambda key: mirror.fresh_key())
    refuses_to_join(crew, for_somebody_else, newcomer, "12.4.3.1/group-secrets")
    of_another_welcome = mirror.welcome(
        forged, welcome=lambda welcome: replace(welcome, encrypted_group_info=welcome.encrypted_group_info + b"\0")
    )
    refuses_to_join(crew, of_another_welcome, newcomer, "12.4.3.1/group-secrets")


def test_the_group_info_has_to_decrypt(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    welcome = mirror.welcome(forged, secrets=lambda secrets: replace(secrets, joiner_secret=bytes(32)))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/group-info")


def test_group_secrets_with_trailing_bytes_are_malformed(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    class Longer:
        def __init__(self, secrets: GroupSecrets) -> None:
            self.secrets = secrets

        def write(self, w: Any) -> None:
            self.secrets.write(w)
            w.u8(0)

    refuses_to_join(crew, mirror.welcome(forged, secrets=Longer), newcomer, error=DecodeError)
    assert decode(GroupSecrets, encode(GroupSecrets(b"1", b"2", ()))) == GroupSecrets(b"1", b"2", ())


def test_a_psk_that_is_not_here_is_an_error(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    psk = PreSharedKeyID(ExternalPSK(b"unknown"), bytes(32))
    welcome = mirror.welcome(forged, secrets=lambda secrets: replace(secrets, psks=(psk,)))
    assert isinstance(refuses_to_join(crew, welcome, newcomer, "12.4.2/psk-available"), PSKUnavailable)
    short = replace(psk, psk_nonce=b"")
    welcome = mirror.welcome(forged, secrets=lambda secrets: replace(secrets, psks=(short,)))
    refuses_to_join(crew, welcome, newcomer, "12.1.4/psk-nonce")


@pytest.mark.parametrize("usage", [ResumptionPSKUsage.REINIT, ResumptionPSKUsage.BRANCH])
def test_a_group_that_comes_from_one_we_are_not_in_is_not_joined(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle, usage: ResumptionPSKUsage
) -> None:
    psk = PreSharedKeyID(ResumptionPSK(usage, b"group", 1), bytes(32))
    welcome = mirror.welcome(forged, secrets=lambda secrets: replace(secrets, psks=(psk,)))
    assert isinstance(refuses_to_join(crew, welcome, newcomer, "12.4.2/psk-available"), PSKUnavailable)
    known = Policy(find_psk=lambda psk_id: b"made up")
    refuses_to_join(crew, welcome, newcomer, "12.4.2/psk-available", policy=known)


@pytest.mark.parametrize("signer", [4, 7, 1000, 0x80000000, 0xFFFFFFFF])
def test_the_signer_is_a_member(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle, signer: int
) -> None:
    """Hazards B12, B16."""
    welcome = mirror.welcome(forged, info=lambda info: replace(info, signer=signer))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/signer")


def test_the_signer_is_not_blank(crew: Crew, newcomer: KeyPackageBundle) -> None:
    crew.add("alice", "erin")
    crew.commit("alice", [Remove(crew.index("bob")), Remove(crew.index("carol"))])
    mirror = Mirror(crew["alice"], crew.entropy)
    forged = mirror.commit([Add(newcomer.key_package)])
    assert forged.epoch.tree.leaf(LeafIndex(2)) is None
    welcome = mirror.welcome(forged, info=lambda info: replace(info, signer=2))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/signer")


def test_nobody_signs_a_group_info_for_another_member(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    """Hazard B16: not another member, not the newcomer himself, not nobody."""
    bob = mirror.welcome(forged, info=lambda info: replace(info, signer=1))
    refuses_to_join(crew, bob, newcomer, "12.4.3/group-info-signature")
    stranger = mirror.welcome(forged, info_signed_by=crew.key("mallory").private)
    refuses_to_join(crew, stranger, newcomer, "12.4.3/group-info-signature")
    unsigned = mirror.welcome(forged, resign=False)
    refuses_to_join(crew, unsigned, newcomer, "12.4.3/group-info-signature")


def test_a_group_that_we_are_in_is_not_joined_again(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    """Hazards B16, B17."""
    existing = crew["bob"]
    before = state_of(existing)
    welcome = mirror.welcome(forged)
    refuses_to_join(
        crew,
        welcome,
        newcomer,
        "12.4.3.1/group-id-unique",
        known_group=lambda group_id: group_id == GROUP_ID,
    )
    assert state_of(existing) == before


@pytest.mark.parametrize("suite_id", [0, 2, 3, 0xFFFF])
def test_a_group_of_another_suite_is_refused(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle, suite_id: int
) -> None:
    welcome = mirror.welcome(forged, info=change_context(cipher_suite=suite_id))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/group-suite")


def test_extensions_of_a_group_info_are_checked(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    """Rule 13.4/unknown-ignored for the unknown one."""
    tree = next(
        extension
        for extension in decoded_info(mirror, forged).extensions
        if extension.extension_type == ExtensionType.RATCHET_TREE
    )
    twice = mirror.welcome(forged, info=lambda info: replace(info, extensions=(tree, tree)))
    refuses_to_join(crew, twice, newcomer, "13.4/extension-duplicate")
    elsewhere = mirror.welcome(forged, info=lambda info: replace(info, extensions=(tree, Extension(1, b""))))
    refuses_to_join(crew, elsewhere, newcomer, "13.4/extension-container")
    unknown = mirror.welcome(forged, info=lambda info: replace(info, extensions=(Extension(0xF123, b"?"), tree)))
    assert join(unknown, [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False)


def decoded_info(mirror: Mirror, forged: ForgedCommit) -> GroupInfo:
    kept: list[GroupInfo] = []

    def keep(info: GroupInfo) -> GroupInfo:
        kept.append(info)
        return info

    mirror.welcome(forged, info=keep)
    return kept[0]


def test_a_group_with_extensions_that_we_lack_is_not_joined() -> None:
    """Hazard B18."""
    crew = Crew(2, extension_types=(0xF123,))
    crew.commit("alice", [GroupContextExtensions((Extension(0xF123, b""),))])
    crew.extension_types = ()
    newcomer = crew.bundle("dave")
    mirror = Mirror(crew["alice"], crew.entropy)
    forged = mirror.commit([Add(newcomer.key_package)])
    refuses_to_join(crew, mirror.welcome(forged), newcomer, "13.4/unsupported-group-extension")


def test_our_own_leaf_is_in_the_tree_as_we_made_it(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    other = crew.bundle("dave")
    with_other_leaf = mirror.commit([Add(other.key_package)])
    ref = newcomer.ref
    welcome = mirror.welcome(
        with_other_leaf,
        new_member=lambda real: ref,
        init_key=lambda key: newcomer.key_package.init_key,
    )
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/own-leaf")


@pytest.mark.parametrize("secret", [bytes(32), b"", bytes(31)])
def test_a_path_secret_gives_the_keys_in_the_tree(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle, secret: bytes
) -> None:
    """Hazard B16."""
    welcome = mirror.welcome(forged, secrets=lambda secrets: replace(secrets, path_secret=secret))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/path-secret")


def test_a_path_secret_is_for_a_node_that_has_a_key(crew: Crew, mirror: Mirror, newcomer: KeyPackageBundle) -> None:
    """Hazard B16: a blank common ancestor, and a group info that we would have signed ourselves."""
    crew.remove("alice", "bob")
    mirror = Mirror(crew["alice"], crew.entropy)
    without_path = mirror.commit([Add(newcomer.key_package)], with_path=False)
    welcome = mirror.welcome(without_path, secrets=lambda secrets: replace(secrets, path_secret=bytes(32)))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/path-secret-node")
    ours = without_path.applied.added[0].leaf_index
    welcome = mirror.welcome(
        without_path,
        info=lambda info: replace(info, signer=ours),
        info_signed_by=crew.key("dave").private,
        secrets=lambda secrets: replace(secrets, path_secret=bytes(32)),
    )
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/path-secret-node")


def test_a_path_secret_is_there_where_the_committer_set_keys_above_us(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    """Who joins without it would be in a group whose next commit it cannot follow."""
    welcome = mirror.welcome(forged, secrets=lambda secrets: replace(secrets, path_secret=None))
    refuses_to_join(crew, welcome, newcomer, "12.4.3.1/path-secret-missing")
    without_path = mirror.commit([Add(newcomer.key_package)], with_path=False)
    joined = join(
        mirror.welcome(without_path), [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False
    )
    assert list(joined.group.state.private_keys) == [6]


@pytest.mark.parametrize("size", [0, 1, 31, 33])
def test_the_confirmation_tag_is_compared_as_a_whole(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle, size: int
) -> None:
    """Hazards B1, B16."""
    tag = (forged.epoch.confirmation_tag + b"\0")[:size]
    welcome = mirror.welcome(forged, info=lambda info: replace(info, confirmation_tag=tag))
    refuses_to_join(crew, welcome, newcomer, "6.1/confirmation-tag")


def test_the_confirmation_tag_fits_the_transcript(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    welcome = mirror.welcome(forged, info=change_context(confirmed_transcript_hash=bytes(32)))
    refuses_to_join(crew, welcome, newcomer, "6.1/confirmation-tag")
    welcome = mirror.welcome(forged, info=change_context(epoch=9))
    refuses_to_join(crew, welcome, newcomer, "6.1/confirmation-tag")


def test_a_welcome_for_a_losing_commit_opens_nothing_of_the_group(
    crew: Crew, mirror: Mirror, forged: ForgedCommit, newcomer: KeyPackageBundle
) -> None:
    """Hazard A15."""
    orphan = join(
        mirror.welcome(forged), [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False
    ).group
    crew.commit("bob")
    message = crew.seal("carol", b"not for dave")
    with pytest.raises(InvalidMessage):
        orphan.process(message, authenticate=crew.authenticate)


def test_one_welcome_serves_all_who_are_added_and_nobody_else(crew: Crew, mirror: Mirror) -> None:
    bundles = [crew.bundle(name) for name in ("dave", "erin", "frank")]
    forged = mirror.commit([Add(bundle.key_package) for bundle in bundles])
    welcome = mirror.welcome(forged)
    decoded = decode_message(welcome)
    assert isinstance(decoded, Welcome)
    assert len(decoded.secrets) == 3
    groups = [
        join(welcome, [bundle], authenticate=crew.authenticate, known_group=lambda group_id: False).group
        for bundle in bundles
    ]
    assert len({group.epoch_authenticator for group in groups}) == 1
    assert [group.own_leaf for group in groups] == [3, 4, 5]


@pytest.mark.parametrize("group_id", [b"", b"../../etc/passwd", b"\0", bytes(65536), "é".encode()])
def test_a_group_id_is_nothing_but_bytes(group_id: bytes) -> None:
    """Hazard B17."""
    crew = Crew(1)
    crew.groups["alice"] = replace(
        crew["alice"],
        state=replace(crew["alice"].state, context=replace(crew["alice"].context, group_id=group_id)),
    )
    crew.add("alice", "bob")
    crew.say("bob", b"hello")
    assert crew["bob"].group_id == group_id
