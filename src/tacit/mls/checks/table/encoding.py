"""Rules for bytes: the presentation language, versions, lists of extensions. Source: RFC 9420 §2.1, §6, §13"""

from __future__ import annotations

from typing import Final

from tacit.mls.checks.rules import Kind, Rule

# fmt: off
RULES: Final = (
    Rule("2.1.1/presence", "codec.reader.Reader.optional", "C06", "",
         "The byte before an optional value is 0 or 1.", Kind.MALFORMED),
    Rule("2.1.2/prefix-11", "codec.varint.decode_varint_within", "C01", "",
         "No length begins with the bits 11.", Kind.MALFORMED),
    Rule("2.1.2/shortest-length", "codec.varint.decode_varint_within", "C02", "",
         "A length takes the fewest bytes that hold it.", Kind.MALFORMED),
    Rule("2.1.2/length-within", "codec.reader.Reader.fixed", "C03", "",
         "A length reaches no further than the bytes that are there.", Kind.MALFORMED),
    Rule("2.1.2/elements-fill-vector", "codec.reader.Reader.vector", "C05", "",
         "The elements of a vector end where its length says.", Kind.MALFORMED),
    Rule("limits/vector", "codec.reader.Reader.vector", "C03 C14", "",
         "A vector has bounded bytes and elements, counted before anything is made of them.", Kind.MALFORMED),
    Rule("2.1/trailing-bytes", "codec.reader.Reader.finish", "C04", "",
         "Nothing follows a message, nor a struct in bytes of its own.", Kind.MALFORMED),
    Rule("2.1/enum", "mls.registry.read_enum", "C07", "",
         "Types that steer the decoding have values that the RFC gives a meaning.", Kind.MALFORMED),
    Rule("6/version", "mls.messages.decode_message", "C08", "vn0205",
         "A message is of mls10, and so is the key package in it.", Kind.MALFORMED),
    Rule("2.1/one-error", "mls.messages.decode_message", "C15", "",
         "Any bytes at all are a value or DecodeError, soon; a value has these bytes and no others.", Kind.KEPT),
    Rule("2.1/no-recursion", "mls.ratchet_tree.RatchetTree.resolution", "Z21", "",
         "No input makes us recurse: sizes are bounded first, and trees are walked in loops.", Kind.KEPT),
    Rule("12.1/unknown-proposal", "mls.proposals.read_proposal", "C13", "",
         "A proposal of an unknown type stays opaque and keeps its bytes.", Kind.KEPT),
    Rule("13.4/extension-duplicate", "mls.checks.extensions.check_extensions_unique", "C09", "",
         "No list has two extensions of one type."),
    Rule("13.4/extension-container", "mls.checks.extensions.check_extensions", "C10", "vn1601 vn1602 vn1603 vn1604",
         "A known extension stands only in the kinds of lists that it is defined for."),
    Rule("13.4/extension-data", "mls.checks.extensions.check_app_data_dictionary", "C04", "",
         "An extension that we understand is well-formed to its last byte."),
    Rule("13.4/unknown-ignored", "mls.checks.extensions.check_extensions", "C10 C11", "",
         "Unknown values in capabilities, and unknown extensions in key packages and group infos, are ignored.",
         Kind.KEPT),
    Rule("13.4/unsupported-group-extension", "mls.checks.leaf_nodes.check_we_support_group_extensions", "C10 C11 W08",
         "vn1604", "We are in no group whose extensions or requirements we lack; GREASE that we list is no promise."),
    Rule("13.5/grease-sent", "mls.leaf_nodes.own_capabilities", "C11", "",
         "We send GREASE in lists that others ignore, never as a proposal, a credential or an extension of a group.",
         Kind.KEPT),
    Rule("limits/group-extensions-size", "mls.checks.extensions.check_group_extensions_size", "A03", "",
         "The extensions of a group together have a bounded size."),
)
