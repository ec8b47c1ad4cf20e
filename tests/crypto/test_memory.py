from __future__ import annotations

import random

from tacit.crypto import account_keys, eddsa, groups, xwing
from tacit.crypto.memory import forget_private_keys
from tacit.crypto.suites import SUPPORTED_SUITES, suite


def test_no_parsed_private_key_is_left_after_forgetting():
    caches = [
        account_keys._load_private,
        eddsa._load_private,
        groups._x25519_private,
        groups._x448_private,
        groups._nist_private,
        xwing._load_private,
    ]
    entropy = random.Random(1).randbytes
    account_keys.public_key(account_keys.generate(entropy))
    for number in SUPPORTED_SUITES:
        suite(number).generate_key_pair(entropy)
        suite(number).generate_signature_key_pair(entropy)
    assert all(cache.cache_info().currsize for cache in caches)
    forget_private_keys()
    assert not any(cache.cache_info().currsize for cache in caches)


def test_what_is_kept_is_bounded():
    for cache in (
        account_keys._load_private,
        account_keys._load_public,
        eddsa._load_private,
        eddsa._load_public,
        groups._x25519_private,
        groups._x25519_public,
        groups._x448_private,
        groups._x448_public,
        groups._nist_private,
        groups._nist_public,
        xwing._load_private,
        xwing._load_public,
    ):
        assert cache.cache_info().maxsize is not None
        assert cache.cache_info().maxsize <= 1024
