from __future__ import annotations

from tacit.mls.checks.framing import check_confirmation_tag
from tacit.mls.checks.welcomes import check_group_info_signature
from tacit.mls.key_packages import KeyPackage
from tacit.mls.key_schedule import derive_epoch_secret, derive_member_secret, schedule_epoch
from tacit.mls.messages import Welcome, decode_message
from tacit.mls.welcome import open_group_info, open_group_secrets
from tests.mls.suites import count_suites, supported_cases
from tests.mls.test_protection import leaf_with_key

un = bytes.fromhex


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("welcome"):
        key_package, welcome = decode_message(un(case["key_package"])), decode_message(un(case["welcome"]))
        assert isinstance(key_package, KeyPackage)
        assert isinstance(welcome, Welcome)
        ref = key_package.ref(suite)
        entry = next(entry for entry in welcome.secrets if entry.new_member == ref)
        secrets = open_group_secrets(suite, welcome, entry, un(case["init_priv"]))
        member_secret = derive_member_secret(suite, secrets.joiner_secret, bytes(suite.hash_size))
        info = open_group_info(suite, welcome, member_secret)
        check_group_info_signature(suite, info, leaf_with_key(un(case["signer_pub"])))
        context = info.group_context
        keys = schedule_epoch(suite, derive_epoch_secret(suite, member_secret, context.encoded))
        check_confirmation_tag(suite, keys.confirmation_key, context.confirmed_transcript_hash, info.confirmation_tag)
        ran += 1
    count_suites("welcome", ran)
