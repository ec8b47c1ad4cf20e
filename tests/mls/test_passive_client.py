"""The official passive-client scenarios: joining, and following a group made by other implementations."""

from __future__ import annotations

from typing import Any

import pytest

from tacit.crypto.secret import Secret
from tacit.mls import Group, KeyPackageBundle, LeafNode, Policy, ProposalReceived, StagedCommit, join
from tacit.mls.key_packages import KeyPackage
from tacit.mls.messages import decode_message
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex
FOREVER = 1 << 64


def accept(old: LeafNode | None, new: LeafNode) -> None:
    """The scenarios come with credentials of nobody in particular."""


def bundle_of(case: Any) -> KeyPackageBundle:
    key_package = decode_message(un(case["key_package"]))
    assert isinstance(key_package, KeyPackage)
    private_keys = (Secret(un(case[name])) for name in ("init_priv", "encryption_priv", "signature_priv"))
    return KeyPackageBundle(key_package, *private_keys)


def policy_of(case: Any, epochs: list[Group]) -> Policy:
    psks = {un(psk["psk_id"]): un(psk["psk"]) for psk in case["external_psks"]}

    def find(psk_id: PreSharedKeyID) -> bytes | None:
        key = psk_id.key
        if isinstance(key, ExternalPSK):
            return psks.get(key.psk_id)
        matching = (group for group in epochs if (group.group_id, group.epoch) == (key.psk_group_id, key.psk_epoch))
        return next((group.resumption_psk.reveal() for group in matching), None)

    return Policy(public_handshakes=True, max_lifetime_s=FOREVER, find_psk=find)


def follow(group: Group, epoch: Any, policy: Policy) -> Group:
    for proposal in epoch["proposals"]:
        event = group.process(un(proposal), authenticate=accept, policy=policy)
        assert isinstance(event, ProposalReceived)
        group = event.group
    event = group.process(un(epoch["commit"]), authenticate=accept, policy=policy)
    assert isinstance(event, StagedCommit)
    assert event.group_after is not None
    return event.group_after


@pytest.mark.parametrize("name", ["passive-client-welcome", "passive-client-handling-commit", "passive-client-random"])
def test_official_vectors(name: str) -> None:
    ran = 0
    for _, case in supported_cases(name):
        epochs: list[Group] = []
        policy = policy_of(case, epochs)
        tree = case["ratchet_tree"]
        group = join(
            un(case["welcome"]),
            [bundle_of(case)],
            authenticate=accept,
            known_group=lambda group_id: False,
            ratchet_tree=None if tree is None else un(tree),
            policy=policy,
        ).group
        assert group.epoch_authenticator == un(case["initial_epoch_authenticator"])
        for epoch in case["epochs"]:
            epochs.append(group)
            group = follow(group, epoch, policy)
            assert group.epoch_authenticator == un(epoch["epoch_authenticator"])
        ran += 1
    count_suites(name, ran)
