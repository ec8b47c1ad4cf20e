"""Rules for commits and update paths. Source: RFC 9420 §7.4 to §7.7, §7.9, §12.4, §14"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Kind, Rule

# fmt: off
RULES: Final = (
    Rule("7.1/key-form", "mls.checks.trees.check_hpke_key", "L13", "",
         "The keys of parents are of the suite, in a tree and in a path."),
    Rule("7.4/outdated-keys", "mls.update_paths.surviving_keys", "M17", "",
         "Private keys of nodes that a commit replaces or blanks are given up with the old epoch.", Kind.KEPT),
    Rule("7.5/path-leaf", "mls.own_leaf.renew_leaf", "E2 Z2", "",
         "Each path that we make has a leaf with a fresh key, made for the commit and signed for its place.",
         Kind.KEPT),
    Rule("7.5/path-secret", "mls.update_paths._decrypt_path_secret", "M08 Z3", "VS203",
         "A path secret of Nh bytes decrypts, in the provisional context: new epoch, tree and extensions, old "
         "transcript."),
    Rule("7.5/path-public-key", "mls.checks.commits.check_path_public_key", "M09", "VS204",
         "The keys derived from a path secret are those that the path shows."),
    Rule("7.6/path-length", "mls.checks.commits.check_path_length", "M04", "VS202 vn1101",
         "A path has one node for each node of the committer's filtered direct path."),
    Rule("7.6/ciphertext-count", "mls.checks.commits.check_ciphertext_count", "M05 Z5", "",
         "A path secret is encrypted to each node of the copath's resolution but the leaves that this commit adds."),
    Rule("7.7/tree-shape", "mls.ratchet_tree.TreeEdit.add", "X07 T08 Z17", "",
         "Who is added takes the leftmost blank leaf; a tree doubles when full, halves when its right half is empty.",
         Kind.KEPT),
    Rule("7.9/original-sibling", "mls.parent_hashes.parent_hash", "Z4", "",
         "A parent hash covers the sibling's tree as it was before leaves were added to it unmerged.", Kind.KEPT),
    Rule("7.9.2/path-parent-hash", "mls.checks.commits.check_path_parent_hash", "M07", "",
         "The committer's new leaf signs for the keys that the path puts above it."),
    Rule("8/no-path", "mls.commit_processing._open_path", "M10", "",
         "Without a path the commit secret is Nh zeros.", Kind.KEPT),
    Rule("12.4/path-required", "mls.checks.commits.check_path_present", "M01", "VS201 vn1206",
         "A commit has a path if it is empty or one of its proposals requires that."),
    Rule("12.4.2/path-key-fresh", "mls.checks.commits.check_path_keys_fresh", "M06", "VS207 vn1208",
         "No key of a path stands anywhere in the tree, nor twice in the path."),
    Rule("12.4.2/psk-available", "mls.errors.PSKUnavailable", "M11 W03 E5", "vn1205",
         "A pre-shared key that is named is here; none is made up."),
    Rule("12.4.2/all-or-nothing", "mls.commit_processing.process_commit", "E7 Z12", "",
         "A commit is judged to its last tag on values of its own; one that fails leaves no trace.", Kind.KEPT),
    Rule("12.4.2/removed", "mls.commit_processing.process_commit", "M13", "",
         "Who is removed gets no next epoch.", Kind.KEPT),
    Rule("14/commit-changes-nothing", "mls.sending.commit", "M16", "",
         "Making a commit changes nothing but the ratchet that encrypts it; commit and Welcome wait together.",
         Kind.KEPT),
    Rule("14/one-commit-per-epoch", "mls.handshakes.begin", "M15 A02", "",
         "The first commit that the group takes ends the epoch; every other one of it is refused aloud.", Kind.KEPT),
    Rule("limits/epoch", "mls.checks.commits.check_epoch_number", "", "",
         "An epoch has a number that everything which stores it can hold."),
)
