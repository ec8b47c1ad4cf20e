"""Rules for key packages. Source: RFC 9420 §10, §10.1"""

from __future__ import annotations

from typing import Final

from tacit.crypto.suites import CipherSuite
from tacit.errors import CryptoError, InvalidMessage
from tacit.mls.checks.extensions import check_extensions
from tacit.mls.checks.leaf_nodes import check_leaf, check_leaf_source
from tacit.mls.key_packages import KeyPackage
from tacit.mls.labels import KEY_PACKAGE_TBS, verify_with_label
from tacit.mls.registry import MLS10, Container, LeafNodeSource
from tacit.mls.tree_math import LeafIndex

_SIGNED_FOR: Final = "_signed_for"


def check_key_package(suite: CipherSuite, key_package: KeyPackage) -> None:
    """Everything about a key package but its owner and its age.

    Its extensions need not be listed in the leaf's capabilities: that binds who makes one. Who reads it ignores what he
    does not know, and others salt key packages with GREASE that they list nowhere. Source: RFC 9420 §10, §13.4
    """
    check_version_and_suite(suite, key_package)
    check_init_key(suite, key_package)
    check_leaf_source(key_package.leaf_node, LeafNodeSource.KEY_PACKAGE)
    check_leaf(suite, key_package.leaf_node, b"", LeafIndex(0))
    check_extensions(key_package.extensions, Container.KEY_PACKAGE)
    check_key_package_signature(suite, key_package)


def check_version_and_suite(suite: CipherSuite, key_package: KeyPackage) -> None:
    """The key package is for the version and the suite of the group."""
    if key_package.version != MLS10 or key_package.cipher_suite != suite.id:
        raise InvalidMessage("10.1/version-and-suite")


def check_init_key(suite: CipherSuite, key_package: KeyPackage) -> None:
    """The init key can be encrypted to and is another key than the leaf's."""
    if key_package.init_key == key_package.leaf_node.encryption_key:
        raise InvalidMessage("10.1/init-key")
    try:
        suite.check_public_key(key_package.init_key)
    except CryptoError:
        raise InvalidMessage("10.1/init-key-form") from None


def check_key_package_signature(suite: CipherSuite, key_package: KeyPackage) -> None:
    """The key package is signed by the key in its leaf; one that has passed remembers it, as leaves do."""
    if key_package.__dict__.get(_SIGNED_FOR) == suite.id:
        return
    leaf, content = key_package.leaf_node, key_package.to_be_signed
    try:
        verify_with_label(suite, leaf.signature_key, KEY_PACKAGE_TBS, content, key_package.signature)
    except CryptoError:
        raise InvalidMessage("10.1/signature") from None
    key_package.__dict__[_SIGNED_FOR] = suite.id
