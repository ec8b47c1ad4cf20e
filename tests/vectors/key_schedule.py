"""Family key-schedule: the secrets of a chain of epochs."""

from __future__ import annotations

from typing import Any

from tacit.crypto.suites import CipherSuite
from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import (
    derive_epoch_secret,
    derive_joiner_secret,
    derive_member_secret,
    export,
    schedule_epoch,
)
from tacit.mls.labels import derive_secret
from tests.vectors.expect import Options, expect, suite_of, un

KEPT_SECRETS = (
    "init_secret",
    "sender_data_secret",
    "exporter_secret",
    "external_secret",
    "membership_key",
    "resumption_psk",
    "epoch_authenticator",
)


def check(case: Any, options: Options) -> None:
    """Each epoch from the init secret of the one before."""
    del options
    suite, init_secret = suite_of(case), un(case["initial_init_secret"])
    for number, epoch in enumerate(case["epochs"]):
        init_secret = _check_epoch(suite, un(case["group_id"]), number, epoch, init_secret)


def _check_epoch(suite: CipherSuite, group_id: bytes, number: int, epoch: Any, init_secret: bytes) -> bytes:
    """Gives the next epoch's init secret."""
    tree_hash, transcript_hash = un(epoch["tree_hash"]), un(epoch["confirmed_transcript_hash"])
    context = GroupContext(suite.id, group_id, number, tree_hash, transcript_hash, ()).encoded
    expect("group_context", context, un(epoch["group_context"]))
    joiner = derive_joiner_secret(suite, init_secret, un(epoch["commit_secret"]), context)
    expect("joiner_secret", joiner, un(epoch["joiner_secret"]))
    member = derive_member_secret(suite, joiner, un(epoch["psk_secret"]))
    expect("welcome_secret", derive_secret(suite, member, b"welcome"), un(epoch["welcome_secret"]))
    keys = schedule_epoch(suite, derive_epoch_secret(suite, member, context))
    for name in KEPT_SECRETS:
        expect(f"{name} of epoch {number}", getattr(keys.kept, name).reveal(), un(epoch[name]))
    expect("encryption_secret", keys.encryption_secret, un(epoch["encryption_secret"]))
    expect("confirmation_key", keys.confirmation_key, un(epoch["confirmation_key"]))
    external = suite.derive_key_pair(keys.kept.external_secret.reveal())
    expect("external_pub", external.public, un(epoch["external_pub"]))
    v = epoch["exporter"]
    exported = export(suite, keys.kept.exporter_secret.reveal(), v["label"].encode(), un(v["context"]), v["length"])
    expect("exporter", exported, un(v["secret"]))
    return keys.kept.init_secret.reveal()
