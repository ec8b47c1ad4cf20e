"""What the RFC asks of whoever begins groups and keeps what lasts over their epochs."""

from __future__ import annotations

import random

import pytest

from tacit.limits import MAX_RESUMPTION_PSKS
from tacit.mls import (
    Add,
    Extension,
    PreSharedKey,
    PreSharedKeyID,
    RequiredCapabilities,
    ResumptionPSK,
    branch,
    create_group,
    load,
    save,
)
from tacit.mls.messages import Welcome, decode_message
from tacit.mls.registry import GREASE_VALUES, ResumptionPSKUsage
from tacit.mls.welcome import open_group_secrets
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Mirror
from tests.mls.refusal import refuses


def test_a_group_begins_as_the_rfc_says(crew: Crew) -> None:
    """Rule 11/first-epoch: the same parameters and other entropy give another group."""
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    groups = [
        create_group(
            b"new",
            crew.suite.id,
            b"alice",
            crew.key("alice").private,
            extensions=(required,),
            extension_types=(0xF7A0,),
            entropy=random.Random(seed).randbytes,
            now_s=NOW_S,
        )
        for seed in (1, 2)
    ]
    for group in groups:
        context = group.context
        assert (context.group_id, context.epoch, context.confirmed_transcript_hash) == (b"new", 0, b"")
        assert context.tree_hash == group.state.tree.tree_hash
        assert [member.leaf_index for member in group.members()] == [0]
        assert group.extensions == (required,)
    assert groups[0].epoch_authenticator != groups[1].epoch_authenticator


def test_every_new_member_gets_a_welcome(crew: Crew) -> None:
    """Rule 12.4.1/welcome-for-all."""
    bundles = [crew.bundle(name) for name in ("dave", "erin", "frank")]
    pending = crew.create_commit("alice", [Add(bundle.key_package) for bundle in bundles])
    assert pending.welcome is not None
    welcome = decode_message(pending.welcome)
    assert isinstance(welcome, Welcome)
    assert {entry.new_member for entry in welcome.secrets} == {bundle.ref for bundle in bundles}
    assert crew.create_commit("alice").welcome is None


def test_a_key_package_lists_what_we_support_and_nothing_else(crew: Crew) -> None:
    """Rule 7.2/capabilities-honest: of the application too, and no more than GREASE besides."""
    crew.extension_types = (0xF7A0, 0xF7A1)
    listed = crew.bundle("dave").key_package.leaf_node.capabilities

    def real(values: tuple[int, ...]) -> set[int]:
        return set(values).difference(GREASE_VALUES)

    assert real(listed.versions) == {1}
    assert real(listed.cipher_suites) == {crew.suite.id}
    assert real(listed.extensions) == {6, 0xF7A0, 0xF7A1}
    assert real(listed.proposals) == set()
    assert real(listed.credentials) == {1}


def test_a_branch_has_a_nonce_of_its_own_each_time(crew: Crew) -> None:
    """Rule 8.4/psk-nonce-fresh."""
    nonces = []
    for _ in range(3):
        bundle = crew.bundle("bob")
        begun = branch(
            crew["alice"],
            b"side",
            [bundle.key_package],
            entropy=crew.entropy,
            now_s=NOW_S,
            authenticate=crew.authenticate,
        )
        assert begun.welcome is not None
        welcome = decode_message(begun.welcome)
        assert isinstance(welcome, Welcome)
        secrets = open_group_secrets(crew.suite, welcome, welcome.secrets[0], bundle.init_private.reveal())
        (psk,) = secrets.psks
        assert len(psk.psk_nonce) == crew.suite.hash_size
        nonces.append(psk.psk_nonce)
    assert len(set(nonces)) == 3


@pytest.mark.parametrize("stored", [False, True])
def test_resumption_psks_of_a_few_epochs_are_kept_and_no_more(crew: Crew, stored: bool) -> None:
    """Rule 8.6/history: one commit mixes the oldest of them in, and another one asks for the one before that."""
    for _ in range(MAX_RESUMPTION_PSKS + 2):
        crew.commit("alice")
    now = crew["alice"].epoch
    if stored:
        crew.groups = {name: load(save(group)) for name, group in crew.groups.items()}

    def psk(epoch: int) -> PreSharedKey:
        key = ResumptionPSK(ResumptionPSKUsage.APPLICATION, crew["alice"].group_id, epoch)
        return PreSharedKey(PreSharedKeyID(key, crew.entropy(crew.suite.hash_size)))

    mirror = Mirror(crew["alice"], crew.entropy)
    for epoch in (now - MAX_RESUMPTION_PSKS, 0, now + 1):
        refuses(crew, "bob", mirror.commit([psk(epoch)]).message, "12.4.2/psk-available")
    crew.commit("alice", [psk(now - MAX_RESUMPTION_PSKS + 1)])


def test_an_extension_that_we_do_not_know_is_kept_as_it_is() -> None:
    """Rule 13.4/unknown-ignored: in a group whose members all list it, byte for byte."""
    extension = Extension(0xF7A0, bytes(range(256)))
    crew = Crew(2, extensions=(extension,), extension_types=(0xF7A0,))
    assert crew["bob"].extensions == (extension,)
    assert load(save(crew["bob"])).context.encoded == crew["alice"].context.encoded
