"""Reading a key package that somebody gave out, before its owner is added with it.

Source: RFC 9420 §10.1
"""

from __future__ import annotations

from tacit.crypto.suites import suite
from tacit.errors import DecodeError
from tacit.mls.checks.key_packages import check_key_package
from tacit.mls.checks.leaf_nodes import check_lifetime
from tacit.mls.key_packages import Authenticate, KeyPackage
from tacit.mls.messages import decode_message
from tacit.mls.policy import STRICT, Policy, Rules


def read_key_package(data: bytes, *, now_s: float, authenticate: Authenticate, policy: Policy = STRICT) -> KeyPackage:
    """The key package in an MLSMessage, valid now and with an owner that ``authenticate`` accepts.

    Raises ``DecodeError``, ``InvalidMessage``, ``UnsupportedSuite`` and what ``authenticate`` raises.
    """
    key_package = decode_message(data)
    if not isinstance(key_package, KeyPackage):
        raise DecodeError("not a key package")
    cipher_suite = suite(key_package.cipher_suite)
    check_key_package(cipher_suite, key_package)
    check_lifetime(key_package.leaf_node, now_s)
    Rules(authenticate, policy).admit(cipher_suite, None, key_package.leaf_node)
    return key_package
