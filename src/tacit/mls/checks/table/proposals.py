"""Rules for proposals and lists of them. Source: RFC 9420 §8.4, §12.1, §12.2, §12.3"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Kind, Rule

# fmt: off
RULES: Final = (
    Rule("12.1.2/sender", "mls.checks.proposals.check_update_sender", "P03", "VS112",
         "An update comes from a member."),
    Rule("12.1.2/own-update", "mls.commit_processing._open_path", "", "",
         "Of an own update that somebody commits, the private keys are here."),
    Rule("12.1.3/removed-leaf", "mls.checks.proposals.check_remove", "P04", "VS108 vn0701",
         "Who is removed is a member."),
    Rule("12.1.4/psk-nonce", "mls.checks.proposals.check_psk_nonce", "P06", "VS401 vn0803",
         "The nonce of a pre-shared key has Nh bytes."),
    Rule("12.1.4/psk-usage", "mls.checks.proposals.check_psk_usage", "P05", "VS402 vn0801 vn0802",
         "Resumption PSKs for reinitialization and branching stand in no proposal."),
    Rule("12.1.5/version", "mls.checks.proposals.check_reinit", "P07", "vn0901",
         "A group is not reinitialized to an older version."),
    Rule("12.2/update-by-committer", "mls.checks.proposals.check_no_update_by_committer", "Q02", "VS111 vn0302",
         "A commit covers no update by its committer."),
    Rule("12.2/remove-committer", "mls.checks.proposals.check_committer_stays", "Q03", "VS200 vn0303",
         "A commit does not remove its committer."),
    Rule("12.2/change-per-leaf", "mls.checks.proposals.check_one_change_per_leaf", "Q04", "VS107 vn0304",
         "No leaf is updated or removed more than once in a list."),
    Rule("12.2/add-twice", "mls.checks.proposals.check_adds_distinct", "Q05", "VS102 vn0305",
         "No client is added twice in a list, and no two of its init keys are the same."),
    Rule("12.2/add-member", "mls.checks.proposals.check_added_not_members", "Q06", "vn0306",
         "Nobody is added who is a member already and is not removed by the same list."),
    Rule("12.2/psk-twice", "mls.checks.proposals.check_psks_distinct", "Q07", "VS403 vn0307",
         "No pre-shared key is named twice in a list."),
    Rule("12.2/group-context-extensions-twice", "mls.checks.proposals.check_one_group_context_extensions", "Q08",
         "VS208 vn0308", "The extensions of the group are replaced at most once in a list."),
    Rule("12.2/reinit-alone", "mls.checks.proposals.check_reinit_alone", "Q09", "vn0309",
         "A reinitialization stands alone in its list."),
    Rule("12.2/external-init", "mls.checks.proposals.check_no_external_init", "Q10 P08", "vn0310",
         "A regular commit has no ExternalInit."),
    Rule("12.2/proposal-type", "mls.checks.proposals.check_proposal_types", "Q11", "VS113 vn0311",
         "No proposal is committed whose type somebody who processes it does not support; we support none but the "
         "RFC's."),
    Rule("12.2/valid-alone", "mls.commit_effects.check_alone", "Q01 Q12", "vn0301 vn0312",
         "A proposal is judged when it comes, and again, with the group that it leads to, when it is committed.",
         Kind.KEPT),
    Rule("12.3/order", "mls.proposal_lists.apply_proposals", "M02", "",
         "Extensions, updates, removals and adds take effect in this order, whatever their order in the list.",
         Kind.KEPT),
    Rule("12.4/proposal-ref", "mls.checks.commits.check_proposal_known", "Q13 Z7", "",
         "A commit refers to proposals that are here, by a hash that covers how each was framed and signed."),
    Rule("12.4/pending-first", "mls.errors.PendingProposals", "A01", "",
         "While proposals wait, nothing is sent but the commit that covers them.", Kind.KEPT),
    Rule("limits/pending-proposals", "mls.checks.proposals.check_room_for_proposal", "A03", "",
         "A bounded number of proposals waits to be committed."),
    Rule("limits/pending-proposal-bytes", "mls.checks.proposals.check_room_for_proposal", "A03", "",
         "Proposals that wait have a bounded size together."),
    Rule("limits/outside-proposals", "mls.checks.proposals.check_room_for_outsider", "A03", "",
         "Of those that wait, a small number is not from members, who keep their room."),
    Rule("limits/outside-proposal-bytes", "mls.checks.proposals.check_room_for_outsider", "A03", "",
         "Those that are not from members have a bounded size together."),
)
