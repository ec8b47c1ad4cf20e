"""Beginning a group that comes from no other one. Source: RFC 9420 §11"""

from __future__ import annotations

from tacit.crypto.suites import suite
from tacit.entropy import Entropy
from tacit.mls.credentials import Credential, as_credential
from tacit.mls.epochs import first_epoch
from tacit.mls.extensions import Extensions
from tacit.mls.group import Group
from tacit.mls.leaf_nodes import Support, lifetime_from


def create_group(
    group_id: bytes,
    suite_id: int,
    credential: bytes | Credential,
    signature_private: bytes,
    *,
    extensions: Extensions = (),
    extension_types: tuple[int, ...] = (),
    proposal_types: tuple[int, ...] = (),
    credential_types: tuple[int, ...] = (),
    leaf_extensions: Extensions = (),
    grease: bool = True,
    entropy: Entropy,
    now_s: float,
) -> Group:
    """A group of one; the ``..._types`` are those of the application that we support, as for a key package.

    ``leaf_extensions`` are those of our own leaf, each of a type that we support.
    """
    begun = first_epoch(
        suite(suite_id),
        group_id,
        as_credential(credential),
        signature_private,
        extensions=extensions,
        support=Support(extension_types, proposal_types, credential_types, grease),
        lifetime=lifetime_from(now_s),
        leaf_extensions=leaf_extensions,
        entropy=entropy,
    )
    return Group(begun.epoch, begun.secret_tree)
