"""The verbs that begin a group out of another one."""

from __future__ import annotations

from tacit.mls.branching import branch as branch_off
from tacit.mls.bridge.arguments import Arguments
from tacit.mls.bridge.clients import Answer, Client, Surroundings, accept, view
from tacit.mls.bridge.errors import GroupExists
from tacit.mls.errors import NotReinitialized
from tacit.mls.key_package_reading import read_key_package
from tacit.mls.key_packages import KeyPackage
from tacit.mls.reinit import reinitialize as begin_again
from tacit.mls.successors import Successor


def reinitialize(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Begin the group that an old one was closed for."""
    old = client.membership(args.octets("group")).group
    if old.reinit is None:
        raise NotReinitialized
    client, private = client.with_signature_key(old.reinit.cipher_suite, here.entropy)
    begun = begin_again(
        old,
        _key_packages(args, here),
        signature_private=private,
        now_s=here.now_s,
        entropy=here.entropy,
        authenticate=accept,
        policy=client.policy,
    )
    return _enter(client, begun)


def branch(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Begin a subgroup."""
    begun = branch_off(
        client.membership(args.octets("group")).group,
        args.octets("new_group"),
        _key_packages(args, here),
        now_s=here.now_s,
        entropy=here.entropy,
        authenticate=accept,
        policy=client.policy,
    )
    return _enter(client, begun)


def _key_packages(args: Arguments, here: Surroundings) -> list[KeyPackage]:
    packages = args.many_octets("key_packages")
    return [read_key_package(each, now_s=here.now_s, authenticate=accept) for each in packages]


def _enter(client: Client, begun: Successor) -> tuple[Client, Answer]:
    if begun.group.group_id in client.groups:
        raise GroupExists
    answer = view(begun.group) | {"welcome": None}
    if begun.welcome is not None:
        answer |= {"welcome": begun.welcome.hex(), "ratchet_tree": begun.group.ratchet_tree_bytes().hex()}
    return client.entering(begun.group), answer
