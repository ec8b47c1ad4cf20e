"""The families of vectors: the fields by which a case is known, and what checks it.

Source: the test vectors of the MLS working group, RFC 9180's and draft-ietf-hpke-pq's form of HPKE vectors, and those
of draft-connolly-cfrg-xwing-kem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.vectors import (
    crypto_basics,
    deserialization,
    hpke,
    key_schedule,
    message_protection,
    messages,
    passive_client,
    psk_secret,
    secret_tree,
    transcript_hashes,
    tree_math,
    tree_operations,
    tree_validation,
    treekem,
    welcome,
    xwing,
)
from tests.vectors.expect import Options

PASSIVE_CLIENT = "passive-client"
PASSIVE_CLIENTS = ("passive-client-welcome", "passive-client-handling-commit", "passive-client-random")
EPOCHS_OF_ONE_COMMIT = 2
"""The official scenarios around one commit have one epoch more, to show that the first was understood."""


@dataclass(frozen=True, slots=True)
class Family:
    """``check`` raises unless everything in a case is as tacit has it. ``optional`` fields may be left out."""

    name: str
    check: Callable[[Any, Options], None]
    fields: frozenset[str]
    optional: frozenset[str] = frozenset()

    def describes(self, case: dict[str, Any]) -> bool:
        """Whether the case has all of the family's fields; more than these are no obstacle."""
        return self.fields <= case.keys()

    def strange_fields(self, case: dict[str, Any]) -> set[str]:
        """Fields that the format does not have, and that nobody looks at."""
        return set(case) - self.fields - self.optional


def _family(name: str, check: Callable[[Any, Options], None], fields: str, optional: str = "") -> Family:
    return Family(name, check, frozenset(fields.split()), frozenset(optional.split()))


FAMILIES = (
    _family("tree-math", tree_math.check, "n_leaves n_nodes root left right parent sibling"),
    _family(
        "crypto-basics",
        crypto_basics.check,
        "cipher_suite ref_hash expand_with_label derive_secret derive_tree_secret sign_with_label encrypt_with_label",
    ),
    _family("secret-tree", secret_tree.check, "cipher_suite sender_data encryption_secret leaves"),
    _family(
        "message-protection",
        message_protection.check,
        "cipher_suite group_id epoch tree_hash confirmed_transcript_hash signature_priv signature_pub encryption_secret"
        " sender_data_secret membership_key proposal proposal_pub proposal_priv commit commit_pub commit_priv"
        " application application_priv",
    ),
    _family("key-schedule", key_schedule.check, "cipher_suite group_id initial_init_secret epochs"),
    _family("psk_secret", psk_secret.check, "cipher_suite psks psk_secret"),
    _family(
        "transcript-hashes",
        transcript_hashes.check,
        "cipher_suite confirmation_key authenticated_content interim_transcript_hash_before"
        " confirmed_transcript_hash_after interim_transcript_hash_after",
    ),
    _family(
        PASSIVE_CLIENT,
        passive_client.check,
        "cipher_suite key_package signature_priv encryption_priv init_priv welcome initial_epoch_authenticator",
        "external_psks ratchet_tree epochs",
    ),
    _family("welcome", welcome.check, "cipher_suite init_priv signer_pub key_package welcome"),
    _family(
        "tree-operations",
        tree_operations.check,
        "cipher_suite tree_before proposal proposal_sender tree_hash_before tree_after tree_hash_after",
    ),
    _family("tree-validation", tree_validation.check, "cipher_suite tree group_id resolutions tree_hashes"),
    _family(
        "treekem",
        treekem.check,
        "cipher_suite group_id epoch confirmed_transcript_hash ratchet_tree leaves_private update_paths",
    ),
    _family(
        "messages",
        messages.check,
        " ".join((*messages.MESSAGES, *messages.PROPOSALS, *messages.STRUCTS, "ratchet_tree")),
    ),
    _family("deserialization", deserialization.check, "vlbytes_header length"),
    _family(
        "hpke-pq",
        hpke.check,
        "mode kem_id kdf_id aead_id info ikmR skRm pkRm enc shared_secret suite_id key base_nonce exporter_secret"
        " encryptions exports",
        "ikmE",
    ),
    _family("xwing", xwing.check, "seed eseed sk pk ct ss"),
)
"""In the order in which a case is tried."""

FAMILY_NAMES = (*(family.name for family in FAMILIES if family.name != PASSIVE_CLIENT), *PASSIVE_CLIENTS)
"""The sixteen of the working group, and the two of the KEM and its HPKE."""


def passive_client_family(cases: Sequence[dict[str, Any]]) -> str:
    """Which of the three official families of passive clients a file belongs to, by its longest scenario."""
    longest = max(len(case.get("epochs") or ()) for case in cases)
    welcome, handling_commit, many = PASSIVE_CLIENTS
    if longest == 0:
        return welcome
    return handling_commit if longest <= EPOCHS_OF_ONE_COMMIT else many
