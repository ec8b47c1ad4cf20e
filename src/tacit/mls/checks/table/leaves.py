"""Rules for leaf nodes and key packages. Source: RFC 9420 §5.3, §7.2, §7.3, §10, §13.4"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Kind, Rule

# fmt: off
RULES: Final = (
    Rule("5.3.1/authentication", "mls.policy.Rules.admit", "L01", "vn0101",
         "The application judges every credential that comes into the group, and whether it may replace the old one.",
         Kind.KEPT),
    Rule("7.2/key-form", "mls.checks.leaf_nodes.check_leaf_keys", "L13 Z23", "",
         "Both keys of a leaf are of the suite: right length, on the curve, uncompressed, of no small order."),
    Rule("7.2/version-and-suite", "mls.checks.leaf_nodes.check_version_and_suite_listed", "L12", "",
         "A leaf lists the version and the suite of the group among its capabilities."),
    Rule("7.2/own-credential-type", "mls.checks.leaf_nodes.check_own_credential_listed", "L06", "vn0113",
         "A leaf lists the type of its own credential among its capabilities."),
    Rule("7.2/default-capability", "mls.checks.leaf_nodes.check_no_default_capabilities", "C12", "",
         "What every client supports is not listed in the capabilities of a leaf that we make."),
    Rule("7.2/capabilities-honest", "mls.leaf_nodes.own_capabilities", "", "",
         "We list all that we support for the groups that a key package is for, and nothing else but GREASE.",
         Kind.KEPT),
    Rule("7.2/lifetime-range", "mls.checks.leaf_nodes.check_lifetime_range", "L05 A03", "",
         "A lifetime is no longer than the maximum that the application sets, and does not end before it begins."),
    Rule("7.3/lifetime", "mls.checks.leaf_nodes.check_lifetime", "L05", "vn0105 vn0106",
         "Nobody adds a client whose lifetime has passed or has not begun."),
    Rule("7.3/signature", "mls.checks.leaf_nodes.check_leaf_signature", "L02", "vn0102 vn0108",
         "A leaf is signed by its own key, for its group and place unless it stands in a key package."),
    Rule("7.3/source", "mls.checks.leaf_nodes.check_leaf_source", "L07 M03 K02", "vn0108 vn0110 vn0202 vn1207",
         "A leaf says that it was made for the place where it stands: key package, update or commit."),
    Rule("7.3/encryption-key-changed", "mls.checks.leaf_nodes.check_encryption_key_changed", "L08", "vn0109 vn1209",
         "An update or a path brings another encryption key than the leaf had."),
    Rule("7.3/encryption-key-unique", "mls.checks.trees.check_encryption_keys_unique", "L10 T07",
         "VS103 VS110 VS206 vn0112 vn1410", "No encryption key stands at two nodes of the tree, leaves or parents."),
    Rule("7.3/signature-key-unique", "mls.checks.leaf_nodes.check_signature_keys_unique", "L09", "VS101 vn0111",
         "No two members have one signature key."),
    Rule("7.3/extension-listed", "mls.checks.leaf_nodes.check_extensions_listed", "L06", "vn0107",
         "Every extension of a leaf, and of our own key packages, is listed in the capabilities of the leaf."),
    Rule("7.3/required-capabilities", "mls.checks.leaf_nodes.check_required_capabilities", "L03 P09",
         "VS106 VS109 VS209 vn0103 vn1001", "Every member supports what the group requires, also after each commit."),
    Rule("7.3/credential-types", "mls.checks.leaf_nodes.check_credential_types", "L04", "vn0104",
         "Every member supports the credential types of all members."),
    Rule("13.4/group-context-extension", "mls.checks.leaf_nodes.check_supports_group_extensions", "L11",
         "vn0502 vn0602 vn1210", "Every member supports every extension of the group."),
    Rule("limits/leaf-size", "mls.checks.leaf_nodes.check_leaf_size", "A03", "",
         "A leaf has a bounded size."),
    Rule("10.1/version-and-suite", "mls.checks.key_packages.check_version_and_suite", "K01", "VS105 vn0201",
         "A key package is of the version and the suite of the group."),
    Rule("10.1/signature", "mls.checks.key_packages.check_key_package_signature", "K03 P02", "vn0203 vn0501",
         "A key package is signed by the key in its leaf."),
    Rule("10.1/init-key", "mls.checks.key_packages.check_init_key", "K04", "VS104 vn0204",
         "Init key and encryption key differ."),
    Rule("10.1/init-key-form", "mls.checks.key_packages.check_init_key", "K05", "",
         "The init key is a key of the suite."),
    Rule("10/init-key-fresh", "mls.key_packages.create_key_package", "K05", "",
         "Each key package that we make has keys of its own.", Kind.KEPT),
)
