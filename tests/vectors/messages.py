"""Family messages: every struct that travels, decoded and encoded again."""

from __future__ import annotations

import dataclasses
from typing import Any

from tacit.codec import Reader, Writer, decode, encode
from tacit.crypto.suites import X25519_SUITE, suite
from tacit.mls.commits import Commit
from tacit.mls.framing import content_type_of
from tacit.mls.key_packages import KeyPackage
from tacit.mls.messages import (
    GroupInfo,
    GroupSecrets,
    PrivateMessage,
    PublicMessage,
    Welcome,
    decode_message,
    encode_message,
)
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.ratchet_tree_extension import decode_ratchet_tree, encode_ratchet_tree
from tacit.mls.registry import ContentType, ProposalType
from tests.vectors.expect import Mismatch, Options, expect, un

MESSAGES = {
    "mls_welcome": Welcome,
    "mls_group_info": GroupInfo,
    "mls_key_package": KeyPackage,
    "public_message_application": PublicMessage,
    "public_message_proposal": PublicMessage,
    "public_message_commit": PublicMessage,
    "private_message": PrivateMessage,
}
PROPOSALS = {
    "add_proposal": ProposalType.ADD,
    "update_proposal": ProposalType.UPDATE,
    "remove_proposal": ProposalType.REMOVE,
    "pre_shared_key_proposal": ProposalType.PSK,
    "re_init_proposal": ProposalType.REINIT,
    "external_init_proposal": ProposalType.EXTERNAL_INIT,
    "group_context_extensions_proposal": ProposalType.GROUP_CONTEXT_EXTENSIONS,
}
STRUCTS = {"commit": Commit, "group_secrets": GroupSecrets}


def check(case: Any, options: Options) -> None:
    """Each field decodes to what its name says and gives the same bytes when encoded without a memory of them."""
    del options
    for name, kind in MESSAGES.items():
        _check_message(name, kind, un(case[name]))
    for name, proposal_type in PROPOSALS.items():
        r = Reader(proposal_type.to_bytes(2, "big") + un(case[name]))
        proposal = read_proposal(r)
        r.finish()
        w = Writer()
        write_proposal(w, rebuilt(proposal))
        expect(name, w.finish()[2:], un(case[name]))
    for name, struct in STRUCTS.items():
        expect(name, encode(rebuilt(decode(struct, un(case[name])))), un(case[name]))  # type: ignore[type-var]
    tree = decode_ratchet_tree(suite(X25519_SUITE), un(case["ratchet_tree"]))
    expect("ratchet_tree", encode_ratchet_tree(RatchetTree(tree.suite, rebuilt(tree.nodes))), un(case["ratchet_tree"]))


def rebuilt(value: Any) -> Any:
    """The same value put together anew, so that it has forgotten the bytes that it was read from."""
    if isinstance(value, tuple):
        return tuple(rebuilt(item) for item in value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: rebuilt(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
        return type(value)(**fields)  # type: ignore[arg-type]
    return value


def _check_message(name: str, kind: type, data: bytes) -> None:
    message = decode_message(data)
    if not isinstance(message, kind):
        raise Mismatch(f"{name} is no {kind.__name__}")
    expect(name, encode_message(rebuilt(message)), data)
    if isinstance(message, PublicMessage):
        wanted = ContentType[name.rsplit("_", 1)[1].upper()]
        expect(f"the content of {name}", content_type_of(message.content.body), wanted)
