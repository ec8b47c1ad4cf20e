"""Family passive-client: joining, and following a group that others made.

A scenario may have any size, pre-shared keys, commits from outside, proposals by reference, either framing, and a
reinitialization at its end. Lifetimes are not judged: these files are older than any client.
"""

from __future__ import annotations

from typing import Any

from tacit.codec import decode
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.errors import InvalidMessage
from tacit.mls import Group, KeyPackageBundle, LeafNode, Policy, ProposalReceived, StagedCommit, join
from tacit.mls.key_packages import KeyPackage
from tacit.mls.messages import decode_message
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID
from tests.vectors.expect import Mismatch, Options, expect, suite_of, un
from tests.vectors.key_pairs import expect_hpke_pair

FOREVER = 1 << 64
MLS10_KEY_PACKAGE = bytes.fromhex("00010005")
"""How a KeyPackage begins that comes as an MLSMessage; a bare one begins with version and suite."""

SUITE_NOT_LISTED = "7.2/version-and-suite"


def check(case: Any, options: Options) -> None:
    """Join, then follow epoch by epoch; the epoch authenticator must be the expected one each time."""
    try:
        follow(case, options)
    except InvalidMessage as error:
        if error.check == SUITE_NOT_LISTED and not options.lenient_capabilities:
            raise Mismatch(
                f"refused ({SUITE_NOT_LISTED}): a leaf does not list the group's own suite in its capabilities;"
                " --lenient-capabilities accepts that"
            ) from None
        raise


def follow(case: Any, options: Options) -> Group:
    """The group after the last epoch of a case."""
    bundle = bundle_of(suite_of(case), case)
    past: list[Group] = []
    policy = policy_of(case, past, options)
    tree = case.get("ratchet_tree")
    group = join(
        un(case["welcome"]),
        [bundle],
        authenticate=accept,
        known_group=lambda group_id: False,
        ratchet_tree=None if tree is None else un(tree),
        policy=policy,
    ).group
    past.append(group)
    expect("initial_epoch_authenticator", group.epoch_authenticator, un(case["initial_epoch_authenticator"]))
    for number, epoch in enumerate(case.get("epochs") or ()):
        group = _next_epoch(group, epoch, policy)
        past.append(group)
        expect(f"epoch_authenticator of epochs[{number}]", group.epoch_authenticator, un(epoch["epoch_authenticator"]))
    return group


def bundle_of(suite: CipherSuite, case: Any) -> KeyPackageBundle:
    """The key package of a case with its private keys; raises ``Mismatch`` unless these belong to it."""
    data = un(case["key_package"])
    message = decode_message(data) if data.startswith(MLS10_KEY_PACKAGE) else decode(KeyPackage, data)
    if not isinstance(message, KeyPackage):
        raise Mismatch("key_package is another kind of message")
    private = {name: un(case[name]) for name in ("init_priv", "encryption_priv", "signature_priv")}
    leaf = message.leaf_node
    expect_hpke_pair("init_priv", suite, private["init_priv"], message.init_key)
    expect_hpke_pair("encryption_priv", suite, private["encryption_priv"], leaf.encryption_key)
    expect("signature_priv", suite.signature_key_pair(private["signature_priv"]).public, leaf.signature_key)
    return KeyPackageBundle(message, *map(Secret, private.values()))


def policy_of(case: Any, past: list[Group], options: Options) -> Policy:
    """Everything that a case may ask of an application, with ``past`` as the memory of former epochs."""
    psks = {un(psk["psk_id"]): un(psk["psk"]) for psk in case.get("external_psks") or ()}

    def find(psk_id: PreSharedKeyID) -> bytes | None:
        key = psk_id.key
        if isinstance(key, ExternalPSK):
            return psks.get(key.psk_id)
        matching = (group for group in past if (group.group_id, group.epoch) == (key.psk_group_id, key.psk_epoch))
        return next((group.state.secrets.resumption_psk.reveal() for group in matching), None)

    return Policy(
        public_handshakes=True,
        external_commits=True,
        outside_proposals=True,
        authenticate_sender=lambda sender: None,
        max_lifetime_s=FOREVER,
        find_psk=find,
        lenient_capabilities_for_published_vectors=options.lenient_capabilities,
    )


def _next_epoch(group: Group, epoch: Any, policy: Policy) -> Group:
    for proposal in epoch.get("proposals") or ():
        event = group.process(un(proposal), authenticate=accept, policy=policy)
        if not isinstance(event, ProposalReceived):
            raise Mismatch("an entry of proposals is no proposal")
        group = event.group
    commit = group.process(un(epoch["commit"]), authenticate=accept, policy=policy)
    if not isinstance(commit, StagedCommit):
        raise Mismatch("commit is no commit")
    if commit.group_after is None:
        raise Mismatch("the commit removes the passive client")
    return commit.group_after


def accept(old: LeafNode | None, new: LeafNode) -> None:
    """The scenarios come with credentials of nobody in particular."""
