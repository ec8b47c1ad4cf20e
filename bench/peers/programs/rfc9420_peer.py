"""The package rfc9420: messages between two members, joining, and its own code on official vectors."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from lines import Answer, Request, median, serve
from rfc9420 import DefaultCryptoProvider, ProtocolMLSGroup
from rfc9420.messages.data_structures import GroupContext, UpdatePath, Welcome
from rfc9420.messages.key_packages import KeyPackage
from rfc9420.messages.messages import MLSCiphertext, MLSPlaintext
from rfc9420.protocol.tree.ratchet_tree import RatchetTree

un = bytes.fromhex
HEADER = 4
"""Version and wire format in front of a message, which its decoders of single structs do not expect."""

groups: dict[str, tuple[ProtocolMLSGroup, ProtocolMLSGroup, bytes]] = {}


def inner(message: str) -> bytes:
    return un(message)[HEADER:]


def joined(suite: int, welcome: str, bundle: dict[str, str]) -> ProtocolMLSGroup:
    return ProtocolMLSGroup.from_welcome(
        Welcome.deserialize(inner(welcome)),
        un(bundle["init_priv"]),
        DefaultCryptoProvider(suite),
        key_package=KeyPackage.deserialize(inner(bundle["key_package"])),
        encryption_private_key=un(bundle["encryption_priv"]),
    )


def enter(request: Request) -> Answer:
    """Two who come into somebody else's group: one to write, one to read."""
    writer, reader = (joined(request["suite"], request["welcome"], bundle) for bundle in request["bundles"])
    groups[request["name"]] = writer, reader, un(request["bundles"][0]["signature_priv"])
    return {"agree": writer.get_epoch_authenticator() == reader.get_epoch_authenticator()}


def sealed(name: str, payload: bytes) -> bytes:
    writer, _, signing_key = groups[name]
    message: bytes = writer.protect(payload, signing_key=signing_key).serialize()
    return message


def seal(request: Request) -> Answer:
    name, payload = request["name"], bytes(request["payload"])
    return median(request["calls"], lambda call: sealed(name, payload))


def open_(request: Request) -> Answer:
    name, payload = request["name"], bytes(request["payload"])
    waiting = [sealed(name, payload) for _ in range(request["calls"])]
    reader = groups[name][1]
    return median(request["calls"], lambda call: reader.unprotect(MLSCiphertext.deserialize(waiting[call])))


def join(request: Request) -> Answer:
    return median(request["calls"], lambda call: joined(request["suite"], request["welcome"], request["bundles"][0]))


def cases_of(request: Request) -> list[Any]:
    cases: list[Any] = json.loads(Path(request["path"]).read_bytes())
    return [case for case in cases if case["cipher_suite"] in request["suites"]]


def passive_client(request: Request) -> Answer:
    cases = cases_of(request)
    began = time.perf_counter()
    for case in cases:
        follow(case)
    return {"seconds": time.perf_counter() - began}


def follow(case: Any) -> None:
    group = joined(case["cipher_suite"], case["welcome"], case)
    expect(group.get_epoch_authenticator(), case["initial_epoch_authenticator"])
    for epoch in case["epochs"]:
        for proposal in epoch["proposals"]:
            message = MLSPlaintext.deserialize(inner(proposal))
            group.process_proposal(message, message.auth_content.tbs.framed_content.sender)
        message = MLSPlaintext.deserialize(inner(epoch["commit"]))
        group.process_commit(message, message.auth_content.tbs.framed_content.sender.sender)
        expect(group.get_epoch_authenticator(), epoch["epoch_authenticator"])


def treekem(request: Request) -> Answer:
    cases = cases_of(request)
    began = time.perf_counter()
    for case in cases:
        crypto = DefaultCryptoProvider(case["cipher_suite"])
        for update in case["update_paths"]:
            for member in case["leaves_private"]:
                if member["index"] != update["sender"]:
                    read_path(crypto, case, update, member)
    return {"seconds": time.perf_counter() - began}


def read_path(crypto: DefaultCryptoProvider, case: Any, update: Any, member: Any) -> None:
    """A tree is changed in place there, so each reader needs one of its own."""
    tree = RatchetTree(crypto)
    tree.load_full_tree_from_welcome_bytes(un(case["ratchet_tree"]))
    tree.get_node(2 * member["index"]).private_key = un(member["encryption_priv"])
    for known in member["path_secrets"]:
        private, public = crypto.derive_key_pair(crypto.derive_secret(un(known["path_secret"]), b"node"))
        node = tree.get_node(known["node"])
        expect(public, node.public_key.hex())
        node.private_key = private
    context = GroupContext(
        un(case["group_id"]),
        case["epoch"],
        tree.calculate_tree_hash(),
        un(case["confirmed_transcript_hash"]),
        b"",
        cipher_suite_id=case["cipher_suite"],
    )
    path = UpdatePath.deserialize(un(update["update_path"]))
    expect(tree.merge_update_path(path, update["sender"], context.serialize()), update["commit_secret"])
    expect(tree.calculate_tree_hash(), update["tree_hash_after"])


def expect(got: bytes, wanted: str) -> None:
    if got.hex() != wanted:
        raise ValueError("another value than in the vector")


serve(
    {
        "enter": enter,
        "seal": seal,
        "open": open_,
        "join": join,
        "passive-client": passive_client,
        "treekem": treekem,
    }
)
