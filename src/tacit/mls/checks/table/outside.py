"""Rules for external commits and for proposals from outside. Source: RFC 9420 §6.1, §8.3, §12.1.8, §12.2, §12.4.3.2"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Kind, Rule

# fmt: off
RULES: Final = (
    Rule("12.4.3.2/external-commits", "mls.checks.external.check_external_commits_allowed", "X06 F16", "",
         "Nobody lets himself in where the application has not asked for external commits."),
    Rule("12.2/one-external-init", "mls.checks.external.check_one_external_init", "X01", "VS240 VS241 vn0401",
         "An external commit has exactly one ExternalInit."),
    Rule("12.2/one-remove", "mls.checks.external.check_one_remove", "X02", "vn0402",
         "An external commit removes at most one leaf, which the new one may replace as an update would."),
    Rule("12.2/external-commit-types", "mls.checks.external.check_external_proposal_types", "X03", "VS242 vn0404",
         "An external commit has an ExternalInit, a Remove and PSKs, and nothing else."),
    Rule("12.4.3.2/by-value", "mls.checks.external.check_by_value", "X04", "VS244 vn0406",
         "An external commit refers to no proposals."),
    Rule("12.4.3.2/path-required", "mls.checks.external.check_external_path", "X05", "VS245 vn0405",
         "An external commit has a path."),
    Rule("12.4.3.2/signed-by-path-leaf", "mls.protection.open_from_outside", "X06", "VS246 vn0407",
         "An external commit is signed with the key in the leaf of its path.", Kind.KEPT),
    Rule("12.4.3.2/leftmost-blank", "mls.commit_effects.place_joiner", "X07", "",
         "The joiner takes the leftmost blank leaf of the tree without its old one.", Kind.KEPT),
    Rule("12.4.3.2/external-pub", "mls.checks.external.check_external_pub", "X08", "",
         "A group info by which we let ourselves in has a key for that, of the suite."),
    Rule("12.4.3.2/trusted-group-info", "mls.external_commits.join_externally", "X08", "",
         "A joiner cannot check the confirmation tag of a group info: the source of it has to be trusted.", Kind.KEPT),
    Rule("8.3/kem-output", "mls.external_init.receive_init_secret", "X01", "",
         "The KEM output of an ExternalInit decapsulates."),
    Rule("12.1.8/outside-proposals", "mls.checks.external.check_outside_proposals_allowed", "P10 F16", "",
         "Only members have a say where the application has not asked others."),
    Rule("12.1.8/external-sender", "mls.checks.external.check_external_sender", "F11 P10", "vn1501",
         "An external sender is one whom the group names."),
    Rule("12.1.8/external-proposal-type", "mls.checks.external.check_external_sender_may_propose", "F11",
         "vn1501 vn1502", "External senders propose adds, removals, PSKs, reinitialization and extensions only."),
    Rule("6.1/new-member-add", "mls.checks.external.check_new_member_adds_itself", "F12", "vn1503 VS112",
         "Who asks to come in proposes an Add, signed with the key in its key package."),
    Rule("5.3.1/external-senders", "mls.policy.no_sender", "L01", "vn0101",
         "Who is newly named as an external sender is judged by the application."),
)
