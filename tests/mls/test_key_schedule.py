from __future__ import annotations

from tacit.mls.group_context import GroupContext
from tacit.mls.key_schedule import (
    derive_epoch_secret,
    derive_joiner_secret,
    derive_member_secret,
    export,
    schedule_epoch,
)
from tacit.mls.labels import derive_secret
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("key-schedule"):
        init_secret = un(case["initial_init_secret"])
        for number, epoch in enumerate(case["epochs"]):
            context = GroupContext(
                suite.id,
                un(case["group_id"]),
                number,
                un(epoch["tree_hash"]),
                un(epoch["confirmed_transcript_hash"]),
                (),
            ).encoded
            assert context == un(epoch["group_context"])
            joiner = derive_joiner_secret(suite, init_secret, un(epoch["commit_secret"]), context)
            assert joiner == un(epoch["joiner_secret"])
            member = derive_member_secret(suite, joiner, un(epoch["psk_secret"]))
            assert derive_secret(suite, member, b"welcome") == un(epoch["welcome_secret"])
            keys = schedule_epoch(suite, derive_epoch_secret(suite, member, context))
            for name in (
                "init_secret",
                "sender_data_secret",
                "exporter_secret",
                "external_secret",
                "membership_key",
                "resumption_psk",
                "epoch_authenticator",
            ):
                assert getattr(keys.kept, name).reveal() == un(epoch[name]), name
            assert keys.encryption_secret == un(epoch["encryption_secret"])
            assert keys.confirmation_key == un(epoch["confirmation_key"])
            external = suite.derive_key_pair(keys.kept.external_secret.reveal())
            assert external.public == un(epoch["external_pub"])
            v = epoch["exporter"]
            exported = export(
                suite, keys.kept.exporter_secret.reveal(), v["label"].encode(), un(v["context"]), v["length"]
            )
            assert exported == un(v["secret"])
            init_secret = keys.kept.init_secret.reveal()
        ran += 1
    count_suites("key-schedule", ran)


def test_secrets_do_not_show_in_their_representation() -> None:
    suite, _ = next(supported_cases("key-schedule"))
    keys = schedule_epoch(suite, bytes(suite.hash_size))
    shown = repr(keys)
    assert keys.encryption_secret.hex() not in shown
    assert str(keys.encryption_secret) not in shown
    assert str(keys.kept.init_secret.reveal()) not in shown
