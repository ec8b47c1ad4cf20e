from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tacit.codec import Reader, Writer, decode, encode
from tacit.crypto.suites import suite
from tacit.errors import DecodeError
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
from tests.vectors import count, load_vectors

un = bytes.fromhex

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


def rebuilt(value: Any) -> Any:
    """The same value put together anew, so that it has forgotten the bytes that it was read from."""
    if isinstance(value, tuple):
        return tuple(rebuilt(item) for item in value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: rebuilt(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return type(value)(**fields)  # type: ignore[arg-type]
    return value


def check_case(case: dict[str, str]) -> None:
    for name, kind in MESSAGES.items():
        message = decode_message(un(case[name]))
        assert isinstance(message, kind)
        assert encode_message(rebuilt(message)) == un(case[name]), name
        if isinstance(message, PublicMessage):
            assert content_type_of(message.content.body) is ContentType[name.rsplit("_", 1)[1].upper()]
    for name, proposal_type in PROPOSALS.items():
        data = un(case[name])
        r = Reader(proposal_type.to_bytes(2, "big") + data)
        proposal = read_proposal(r)
        r.finish()
        w = Writer()
        write_proposal(w, rebuilt(proposal))
        assert w.finish()[2:] == data, name
    assert encode(rebuilt(decode(Commit, un(case["commit"])))) == un(case["commit"])
    assert encode(decode(GroupSecrets, un(case["group_secrets"]))) == un(case["group_secrets"])
    tree = decode_ratchet_tree(suite(1), un(case["ratchet_tree"]))
    assert encode_ratchet_tree(RatchetTree(tree.suite, rebuilt(tree.nodes))) == un(case["ratchet_tree"])


def test_official_vectors() -> None:
    cases = load_vectors("messages")
    for case in cases:
        check_case(case)
    count("messages", len(cases), len(cases))


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_trailing_and_missing_bytes_are_malformed(name: str) -> None:
    data = un(load_vectors("messages")[0][name])
    for broken in (data + b"\0", data[:-1], b"", b"\0\2" + data[2:], data[:2] + b"\0\0" + data[4:]):
        with pytest.raises(DecodeError):
            decode_message(broken)
