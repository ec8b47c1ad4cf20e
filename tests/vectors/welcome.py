"""Family welcome: opening a Welcome with one key package."""

from __future__ import annotations

from typing import Any

from tacit.mls.checks.framing import check_confirmation_tag
from tacit.mls.checks.welcomes import check_group_info_signature
from tacit.mls.key_packages import KeyPackage
from tacit.mls.key_schedule import derive_epoch_secret, derive_member_secret, schedule_epoch
from tacit.mls.messages import Welcome, decode_message
from tacit.mls.welcome import open_group_info, open_group_secrets
from tests.vectors.expect import Mismatch, Options, suite_of, un
from tests.vectors.message_protection import leaf_with_key


def check(case: Any, options: Options) -> None:
    """Our entry opens, the group info is signed, and its confirmation tag follows from the joiner secret."""
    del options
    suite = suite_of(case)
    key_package, welcome = decode_message(un(case["key_package"])), decode_message(un(case["welcome"]))
    if not isinstance(key_package, KeyPackage) or not isinstance(welcome, Welcome):
        raise Mismatch("key_package or welcome is another kind of message")
    ref = key_package.ref(suite)
    entry = next((entry for entry in welcome.secrets if entry.new_member == ref), None)
    if entry is None:
        raise Mismatch("the welcome has no entry for key_package")
    secrets = open_group_secrets(suite, welcome, entry, un(case["init_priv"]))
    member_secret = derive_member_secret(suite, secrets.joiner_secret, bytes(suite.hash_size))
    info = open_group_info(suite, welcome, member_secret)
    check_group_info_signature(suite, info, leaf_with_key(un(case["signer_pub"])))
    context = info.group_context
    keys = schedule_epoch(suite, derive_epoch_secret(suite, member_secret, context.encoded))
    check_confirmation_tag(suite, keys.confirmation_key, context.confirmed_transcript_hash, info.confirmation_tag)
