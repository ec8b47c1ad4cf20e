"""How an epoch is described to those who are to come in, and trees that are handed over apart."""

from __future__ import annotations

import pytest

from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES
from tacit.errors import DecodeError
from tacit.mls import Add, Extension, Group, join, read_group_info
from tacit.mls.external_init import find_external_pub
from tacit.mls.group_infos import check_public_state, tree_of
from tacit.mls.key_schedule import derive_member_secret
from tacit.mls.messages import Welcome, decode_message, encode_message
from tacit.mls.policy import Rules
from tacit.mls.registry import GREASE_VALUES, ExtensionType
from tacit.mls.welcome import open_group_info, open_group_secrets
from tests.mls.crew import NOW_S, Crew
from tests.mls.refusal import breaks, state_of


@pytest.mark.parametrize("suite_id", SUPPORTED_SUITES)
def test_a_group_info_describes_the_epoch_and_is_signed_by_a_member(suite_id: int) -> None:
    crew = Crew(3, suite_id)
    before = state_of(crew["bob"])
    info = read_group_info(crew["bob"].group_info())
    assert info.group_context == crew["alice"].context
    assert info.signer == crew.index("bob")
    tree = tree_of(crew.suite, info, None)
    check_public_state(crew.suite, info, tree, Rules(crew.authenticate))
    assert tree == crew["carol"].state.tree
    assert state_of(crew["bob"]) == before


def test_what_a_group_info_holds_is_chosen() -> None:
    crew = Crew(2, DEFAULT_SUITE)

    def types(data: bytes) -> set[int]:
        return {extension.extension_type for extension in read_group_info(data).extensions}.difference(GREASE_VALUES)

    group, own = crew["alice"], Extension(0xF7A0, b"where to ask")
    assert types(group.group_info()) == {ExtensionType.RATCHET_TREE, ExtensionType.EXTERNAL_PUB}
    assert types(group.group_info(ratchet_tree=False)) == {ExtensionType.EXTERNAL_PUB}
    assert types(group.group_info(external_pub=False, ratchet_tree=False)) == set()
    assert types(group.group_info(external_pub=False, ratchet_tree=False, extensions=(own,))) == {0xF7A0}


def test_all_members_publish_the_same_key_and_each_epoch_has_another() -> None:
    crew = Crew(2)

    def public(group: Group) -> bytes | None:
        return find_external_pub(read_group_info(group.group_info()).extensions)

    first = public(crew["alice"])
    assert first is not None
    assert public(crew["bob"]) == first
    crew.commit("alice")
    assert public(crew["bob"]) == public(crew["alice"]) != first


def test_a_group_info_comes_back_in_the_same_bytes() -> None:
    data = Crew(3)["alice"].group_info()
    assert encode_message(read_group_info(data)) == data


def test_extensions_that_have_no_place_in_a_group_info_are_refused() -> None:
    group = Crew(1)["alice"]
    with breaks("13.4/extension-container"):
        group.group_info(extensions=(Extension(ExtensionType.REQUIRED_CAPABILITIES, b"\0\0\0"),))
    with breaks("13.4/extension-duplicate"):
        group.group_info(extensions=(Extension(ExtensionType.EXTERNAL_PUB, b""),))


def test_only_group_infos_are_read_as_such() -> None:
    crew = Crew(2)
    for data in (crew.seal("alice", b"hello"), crew.bundle("dave").key_package_bytes, b"", b"\0\1\0\4"):
        with pytest.raises(DecodeError):
            read_group_info(data)


def test_a_welcome_without_the_tree_needs_it_apart() -> None:
    crew = Crew(2, DEFAULT_SUITE)
    bundle, whole = crew.bundle("carol"), crew.bundle("dave")
    group, pending = crew["alice"].create_commit(
        [Add(bundle.key_package), Add(whole.key_package)],
        ratchet_tree_in_welcome=False,
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
    )
    welcome, tree = pending.welcome, pending.group_after.ratchet_tree_bytes()
    assert welcome is not None
    assert tree not in welcome

    def come_in(ratchet_tree: bytes | None) -> Group:
        return join(
            welcome,
            [bundle],
            authenticate=crew.authenticate,
            known_group=lambda group_id: False,
            ratchet_tree=ratchet_tree,
        ).group

    merged = group.merge(pending)
    assert come_in(tree).epoch_authenticator == merged.epoch_authenticator
    assert come_in(merged.ratchet_tree_bytes()) == come_in(tree)
    with breaks("12.4.3.3/no-tree"):
        come_in(None)
    with breaks("12.4.3.1/tree-hash"):
        come_in(group.ratchet_tree_bytes())


def test_a_welcome_says_nothing_that_lets_others_in() -> None:
    """Who joins by it needs no external key, and the group did not decide to give one out."""
    crew = Crew(2)
    bundle = crew.bundle("carol")
    pending = crew.create_commit("alice", [Add(bundle.key_package)])
    assert pending.welcome is not None
    welcome = decode_message(pending.welcome)
    assert isinstance(welcome, Welcome)
    secrets = open_group_secrets(crew.suite, welcome, welcome.secrets[0], bundle.init_private.reveal())
    member_secret = derive_member_secret(crew.suite, secrets.joiner_secret, bytes(crew.suite.hash_size))
    info = open_group_info(crew.suite, welcome, member_secret)
    assert {extension.extension_type for extension in info.extensions} - set(GREASE_VALUES) == {
        ExtensionType.RATCHET_TREE
    }
