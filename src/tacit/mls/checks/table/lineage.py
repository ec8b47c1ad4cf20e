"""Rules for groups that go on from others, and for X.509. Source: RFC 9420 §5.3, §8.4, §8.6, §11, §12.4.2, §12.4.3.1"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Kind, Rule

# fmt: off
RULES: Final = (
    Rule("5.3/x509-certificate", "mls.checks.leaf_nodes.check_certified_key", "L14", "",
         "The end-entity certificate of an X.509 credential can be read."),
    Rule("5.3/x509-key", "mls.checks.leaf_nodes.check_certified_key", "L14", "",
         "The key that the end-entity certificate certifies is the signature key of the leaf."),
    Rule("8.4/psk-nonce-fresh", "mls.successors.begin_successor", "P06", "",
         "Each use of a resumption PSK that we begin a group with has a fresh random nonce of Nh bytes.", Kind.KEPT),
    Rule("8.6/history", "mls.handshakes.begin", "S07", "VS400",
         "Resumption PSKs of a bounded number of past epochs are kept.", Kind.KEPT),
    Rule("11/first-epoch", "mls.epochs.first_epoch", "", "",
         "A group begins with its creator alone, in epoch 0, with an empty transcript and a fresh epoch secret.",
         Kind.KEPT),
    Rule("11.2/version-known", "mls.reinit.reinitialize", "P07 W12", "vn0901",
         "A group is begun anew in a version of MLS that is there."),
    Rule("11.2/new-group-id", "mls.checks.proposals.check_reinit", "P07 W06", "vn1403",
         "A ReInit names another group than the one that it closes, which nobody could join."),
    Rule("11.2/known-suite", "mls.commit_creation.create_commit", "P07", "",
         "We close no group for a suite that we do not have, though others may.", Kind.KEPT),
    Rule("11.2/reinit-committed", "mls.checks.lineage.check_reinit_committed", "W12", "",
         "A group that takes the place of another follows its ReInit, and its PSK is of the last epoch."),
    Rule("11.2/reinit-psk", "mls.checks.lineage.check_continues", "W12", "",
         "The group that another one was closed for is entered with the PSK of that one, where its members ask so."),
    Rule("11.2/parameters", "mls.checks.lineage.check_reinit_parameters", "W12", "vn1412 vn1413",
         "Version, suite, ID and extensions of the new group are those of the ReInit."),
    Rule("11.2/same-members", "mls.checks.lineage.check_same_members", "W12", "vn1415",
         "Everyone of the old group is in the new one, and nobody else."),
    Rule("11.3/suite", "mls.checks.lineage.check_same_suite", "W12", "vn1412",
         "A subgroup has the version and the suite of the group that it branches from."),
    Rule("11.3/subgroup", "mls.checks.lineage.check_subgroup", "W12", "vn1415",
         "Everyone in a subgroup is in the group that it branches from."),
    Rule("12.4.2/reinitialized", "mls.checks.commits.check_group_is_open", "M14", "",
         "After a ReInit the group sends and takes in nothing more."),
    Rule("12.4.3.1/lineage-epoch", "mls.checks.lineage.check_begins", "W12", "vn1414",
         "Who comes from another group joins in epoch 1."),
    Rule("12.4.3.1/psk-lineage", "mls.checks.lineage.check_one_lineage", "W03", "vn1401",
         "At most one PSK of a Welcome is for reinitialization or branching."),
    Rule("17.1/mandatory-suite", "crypto.suites.suite", "", "",
         "The suite that every client implements is there: 0x0001.", Kind.KEPT),
    Rule("17.1/private-suite", "crypto.suites.suite", "Z26 Z27", "",
         "The suite without an IANA number has a private-use one, which names its draft and is never guessed.",
         Kind.KEPT),
    Rule("5.1.2/ecdsa-der", "crypto.signatures.EcdsaScheme.verify", "Z22", "",
         "ECDSA signatures are in DER, and private keys of P-521 may lack leading zeros.", Kind.KEPT),
)
