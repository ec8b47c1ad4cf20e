"""What docs/conformance.md says beside the rules of MLS: duties of an application, hazards, what no code can keep."""

from __future__ import annotations

from typing import Final, NamedTuple


class Duty(NamedTuple):
    """What RFC 9420 and RFC 9750 ask of an application or of a delivery service, and the tests that show it kept."""

    duty: str
    kept_by: str
    tests: tuple[str, ...]


# fmt: off
DUTIES: Final[dict[str, tuple[Duty, ...]]] = {
    "Directory and delivery": (
        Duty("Give out each key package once, the last resort only when no other is left",
             "`relay/store/key_packages.py`",
             ("tests/relay/test_keys.py::test_100_concurrent_claims_get_100_different_key_packages",
              "tests/relay/test_keys.py::test_the_last_resort_is_given_when_nothing_else_is_left_and_its_owner_is_told",
              "tests/relay/test_keys.py::test_one_that_was_given_out_never_comes_back")),
        Duty("Limit how fast key packages are taken, and drop those that have expired", "`relay/rates.py`",
             ("tests/relay/test_keys.py::test_claims_are_slow_enough_that_nobody_is_drained",
              "tests/relay/test_keys.py::test_an_expired_one_is_never_given")),
        Duty("Deliver to all members and to nobody else, a Welcome to its new member", "`relay/store/logs.py`",
             ("tests/relay/test_logs.py::test_what_one_writes_reaches_every_listening_reader_in_order",
              "tests/relay/test_logs.py::test_who_is_no_reader_learns_nothing_and_changes_nothing",
              "tests/relay/test_logs.py::test_an_inbox_takes_from_anyone_and_shows_itself_to_its_device_only")),
        Duty("One commit ends each epoch, by an established rule: the first in the log of the group",
             "`relay/store/logs.py`, `client/core/commits.py`",
             ("tests/relay/test_logs.py::test_of_100_racing_commits_exactly_one_wins_each_round",
              "tests/client/core/test_insiders.py::test_b22_which_of_two_commits_counts_is_for_the_log_alone_to_say",
              "tests/client/core/test_conversation.py::test_of_two_commits_in_one_epoch_the_first_wins_everywhere")),
        Duty("Proposals come before the commit that refers to them, in one order for all", "`relay/store/logs.py`",
             ("tests/relay/test_logs.py::test_requests_of_one_connection_take_effect_in_their_order",)),
        Duty("A Welcome leaves only once its commit is known to have been accepted", "`client/core/commits.py`",
             ("tests/client/core/test_conversation.py::test_a_commit_is_merged_by_its_echo_only_and_invites_then",
              "tests/stories/test_evil_relay.py::test_a15_no_welcome_leaves_before_its_commit_has_come_back")),
        Duty("A malformed commit wedges nobody, and is reported", "`client/core/inbound.py`",
             ("tests/stories/test_evil_relay.py::test_a22_a_commit_that_is_none_wedges_nobody",)),
        Duty("The transport is always encrypted and pinned", "`net/tls.py`",
             ("tests/net/test_ws_handshake.py::test_tls_1_2_is_refused",
              "tests/client/test_connection.py::test_a_relay_behind_another_certificate_is_refused")),
        Duty("External joins are access-controlled: there are none, for the client's policy refuses them",
             "`mls/policy.py`",
             ("tests/mls/checks/test_external_commits.py::test_external_commits_are_refused_where_nobody_asked_for_them",)),
    ),
    "Authentication": (
        Duty("Every credential is judged wherever it comes in, and so is who replaces whom",
             "`client/core/authority.py`, `identity/authentication.py`",
             ("tests/identity/test_authentication.py::test_a_ghost_device_that_the_account_never_certified_is_refused",
              "tests/identity/test_authentication.py::test_a_leaf_cannot_be_replaced_by_anyone_else",
              "tests/client/test_directory.py::test_a_key_package_of_another_account_is_refused_even_behind_the_right_certificate")),
        Duty("All clients judge alike, and an expired credential is still good on old messages",
             "`identity/authentication.py`",
             ("tests/identity/test_authentication.py::test_time_matters_only_where_it_is_given",
              "tests/identity/test_authentication.py::test_a_leaf_may_be_replaced_with_a_renewed_certificate_even_when_the_old_one_has_ended")),
        Duty("People can compare identities by another way", "`identity/safety_numbers.py`",
             ("tests/identity/test_safety_numbers.py::test_somebody_in_the_middle_shows",)),
        Duty("Every change of membership is shown", "`client/core/notices.py`",
             ("tests/stories/test_groups.py::test_every_membership_change_is_a_visible_line",)),
    ),
    "Keys and state": (
        Duty("The private parts of a key package go with the join, unless it is the last resort",
             "`client/invitations.py`",
             ("tests/stories/test_evil_relay.py::test_a15_a_welcome_shown_again_after_its_group_has_ended_opens_nothing",
              "tests/stories/test_evil_relay.py::test_a17_a_key_package_given_out_twice_fails_the_second_time_and_is_reported")),
        Duty("The place in a ratchet is on the disk before the message leaves", "`client/saving.py`",
             ("tests/stories/test_crashes.py::test_dying_at_every_moment_of",
              "tests/stories/test_backups.py::test_a_restored_store_seals_nothing_twice_and_heals_with_the_next_epoch")),
        Duty("A pending commit and its Welcome survive a crash together", "`mls/pending.py`",
             ("tests/mls/test_state.py::test_a_pending_commit_survives_a_crash_together_with_its_welcome",)),
        Duty("What was sent is kept in the clear with the ratchet, for nobody can open his own messages",
             "`client/core/outbound.py`",
             ("tests/client/core/test_conversation.py::test_texts_reach_everyone_once_and_the_own_one_is_relayed",)),
        Duty("Past epochs, and groups that ended, are forgotten in time", "`client/expiry.py`",
             ("tests/client/test_expiry.py::test_keys_of_past_epochs_go_after_a_day_of_silence",
              "tests/client/test_expiry.py::test_keys_that_expired_while_the_client_was_closed_go_when_it_opens_without_a_relay")),
        Duty("Deleted secrets are gone from the disk", "`client/store`",
             ("tests/client/test_store_files.py::test_the_key_holder_finds_live_secrets_and_no_deleted_ones",)),
    ),
    "Policies": (
        Duty("No application data while proposals wait", "`client/outgoing.py`",
             ("tests/client/core/test_conversation.py::test_leaving_is_asked_by_one_and_committed_by_another",)),
        Duty("A change is in force before anything more is said", "`client/outgoing.py`",
             ("tests/stories/test_evil_relay.py::test_a12_while_a_removal_is_held_back_nothing_is_said_to_the_removed",)),
        Duty("Who may add, remove and rename is judged by all alike", "`client/core/policy.py`",
             ("tests/client/core/test_policy.py::test_what_the_roles_forbid",
              "tests/client/core/test_evil_proposals.py::test_a_forbidden_commit_of_others_is_rejected")),
        Duty("Fresh keys are put in after some time and some texts", "`client/core/commits.py`",
             ("tests/client/core/test_conversation.py::test_keys_grow_stale_by_texts_and_by_time",)),
        Duty("A removal that a committer leaves out is asked for again", "`client/outgoing.py`",
             ("tests/client/core/test_insiders.py::test_b21_a_wish_that_a_committer_leaves_out_is_asked_again",)),
        Duty("Only the suite that was asked for is offered and taken", "`client/directory.py`",
             ("tests/client/test_directory.py::test_a_key_package_of_a_weaker_suite_is_refused",)),
        Duty("A copy that an insider makes of somebody's message is not shown twice", "`client/store/messages.py`",
             ("tests/client/core/test_insiders.py::test_b14_what_somebody_signed_is_shown_once_however_often_it_is_encrypted_anew",
              "tests/stories/test_evil_relay.py::test_b14_a_members_copy_of_what_somebody_else_said_is_not_shown")),
        Duty("Lengths are hidden among others", "`crypto/padme.py`",
             ("tests/mls/test_group.py::test_lengths_fall_into_few_buckets",)),
    ),
}
"""By subject. Source: RFC 9420 §5.3, §9.2, §10, §14, §16; RFC 9750 §5, §7"""

HAZARDS: Final = {
    "B1": "an empty or shortened membership tag or confirmation tag",
    "B2": "path secrets that fit no key, come from nowhere, or differ by receiver",
    "B3": "a path too short, too long, or encrypted to too few or too many",
    "B4": "keys that stand somewhere else already",
    "B5": "a victim's identity in one's own leaf",
    "B6": "lists of proposals that contradict themselves",
    "B7": "an external commit that removes somebody else",
    "B8": "external commits by reference, without a path, with two ways in, or from a wrong sender",
    "B9": "application data in the clear, handshakes in the clear where they are private",
    "B10": "padding that is not zero, bytes behind a struct",
    "B11": "a generation far ahead, or the last one of all",
    "B12": "a leaf outside the tree, blank, or with its top bit set",
    "B13": "one leaf as the sender, another one's signature",
    "B14": "what somebody signed, encrypted anew by somebody else",
    "B15": "trees with wrong parent hashes, unmerged leaves, blanks, hashes or keys",
    "B16": "Welcomes with wrong secrets, tags, PSKs or signers, or into a group that is there",
    "B17": "group IDs that look like paths, are empty or are huge",
    "B18": "requirements and extensions that shut members out",
    "B19": "GREASE wherever it is legal, and wherever it is not",
    "B20": "acts of an admin by somebody who is none",
    "B21": "a committer who leaves out what others propose",
    "B22": "trying bytes until one's own commit wins a race",
    "B23": "a tree so blank that the next commit is huge",
    "B24": "a flood of epochs",
    "B25": "a ciphertext that opens as two different texts",
    "B26": "signature keys of small order or in a second form",
    "B27": "encryption keys of low order, of the wrong length, or not reduced",
    "B28": "a signature for one purpose used for another",
    "C1": "lengths, presence bytes and types that are malformed",
    "C2": "millions of tiny elements in a legal size",
    "C3": "structures so deep that a program recurses to death",
    "C4": "any bytes at all",
}

ELSEWHERE: Final = {
    "Z14": "The place in a ratchet is stored before the ciphertext leaves: a duty of the application, below.",
    "Z15": "A pending commit and its Welcome survive a crash together: a duty of the application, below.",
    "Z16": "The sender keeps its own text: a duty of the application, below.",
    "Z19": "Python cannot wipe memory; [limitations](limitations.md) says so.",
    "Z20": "No check is an assertion: `tests/mls/test_checks_table.py::test_nothing_is_checked_by_an_assertion`.",
    "Z24": "The private hash modules of Python are not used; hashes come from `hashlib`, or from the library.",
    "Z25": "HPKE holds the lock of the interpreter: large joins are measured, not split.",
    "Z28": "Benchmarks are interleaved and compared by ratios.",
}
"""Codes of the checklist that are no rule of a message."""

NOT_OURS: Final = (
    ("2", "Secrets are kept confidential", "A type that shows nothing in print; what the machine does is outside."),
    ("5.3.3", "Nothing relies on the data in an `application_id`", "The extension is carried and never read."),
    ("11", "The creator takes the best suite that all support", "The application chooses the suite before it creates."),
    ("12.3, 12.4", "Future types of proposals say how they are applied and whether they need a path",
     "A demand on documents; an application's own types are opaque here."),
    ("14", "Forked and previous states are dropped soon", "A group is a value; the application drops it."),
    ("15.2", "A change is applied before anything is encrypted", "A duty of the application, above."),
    ("17", "Demands on future suites and on registries", "A demand on documents."),
)
"""MUSTs of the RFC that no code in this room can keep or break: section, demand, why."""
