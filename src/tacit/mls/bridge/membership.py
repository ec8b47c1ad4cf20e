"""The verbs that make and join groups and change who is in them.

Each takes a client, the arguments and the surroundings, and gives the client that there is afterwards and the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict

from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite, suite
from tacit.limits import KEY_PACKAGE_LIFETIME_S
from tacit.mls.bridge.arguments import Arguments
from tacit.mls.bridge.clients import Answer, Client, Membership, Surroundings, accept, named_member, view
from tacit.mls.bridge.errors import BadArgument
from tacit.mls.extensions import Extension, Extensions
from tacit.mls.external_commits import join_externally
from tacit.mls.founding import create_group
from tacit.mls.group import Group
from tacit.mls.group_infos import read_group_info
from tacit.mls.joining import join as join_by_welcome
from tacit.mls.key_package_reading import read_key_package
from tacit.mls.key_packages import create_key_package
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID, ResumptionPSK
from tacit.mls.proposals import Add, GroupContextExtensions, PreSharedKey, Proposal, ReInit, Remove
from tacit.mls.registry import MLS10, ResumptionPSKUsage

Verb = Callable[[Client, Arguments, Surroundings], tuple[Client, Answer]]


def keypackage(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Make a key package and keep its private keys."""
    suite_id = args.integer("suite")
    client, private = _named(client, args).with_signature_key(suite_id, here.entropy)
    bundle = create_key_package(
        suite_id,
        client.identity,
        private,
        now_s=here.now_s,
        entropy=here.entropy,
        last_resort=args.flag("last_resort", default=False),
        lifetime_s=args.integer("lifetime_s", KEY_PACKAGE_LIFETIME_S),
        **_support(args),
    )
    client = replace(client, bundles=(*client.bundles, bundle))
    return client, {"key_package": bundle.key_package_bytes.hex(), "ref": bundle.ref.hex()}


def create(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Make a group of one."""
    suite_id, group_id = args.integer("suite"), args.octets("group")
    client, private = _named(client, args).with_signature_key(suite_id, here.entropy)
    group = create_group(
        group_id,
        suite_id,
        client.identity,
        private,
        extensions=_extensions(args),
        entropy=here.entropy,
        now_s=here.now_s,
        **_support(args),
    )
    return client.entering(group), view(group)


def join(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Join by a Welcome, which uses up a key package."""
    joined = join_by_welcome(
        args.octets("welcome"),
        client.bundles,
        authenticate=accept,
        known_group=client.groups.__contains__,
        resume=client.find_group,
        ratchet_tree=_ratchet_tree(args),
        policy=client.policy,
    )
    kept = [bundle for bundle in client.bundles if bundle.ref != joined.used_ref or bundle.key_package.is_last_resort]
    client = replace(client, bundles=tuple(kept)).entering(joined.group)
    return client, view(joined.group)


def external_join(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Make the commit by which we let ourselves in; we are members once it has come back to ``process``."""
    info = args.octets("groupinfo")
    context = read_group_info(info).group_context
    client, private = _named(client, args).with_signature_key(context.cipher_suite, here.entropy)
    back = args.flag("resync", default=False)
    keys = [ExternalPSK(psk_id) for psk_id in args.many_octets("psk_ids")]
    joining = join_externally(
        info,
        client.identity,
        private,
        psks=[_psk_id(key, suite(context.cipher_suite), here) for key in keys],
        remove=client.membership(context.group_id).group.own_leaf if back else None,
        ratchet_tree=_ratchet_tree(args),
        known_group=client.groups.__contains__,
        authenticate=accept,
        policy=client.policy,
        aad=args.octets("aad", b""),
        now_s=here.now_s,
        entropy=here.entropy,
        **_support(args),
    )
    return client.joining_with(joining), {"group": context.group_id.hex(), "commit": joining.commit.hex()}


def add(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Propose to add the owner of a key package."""
    return _propose(client, args, here, _read_add)


def remove(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Propose to remove a member."""
    return _propose(client, args, here, _read_remove)


def update(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Propose a fresh leaf of our own."""
    membership = client.membership(args.octets("group"))
    group, message = membership.group.propose_update(
        public=args.flag("public", default=False), aad=args.octets("aad", b""), entropy=here.entropy
    )
    return client.keeping(replace(membership, group=group)), {"message": message.hex()}


def psk(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Learn a pre-shared key if one is given, and propose to use it if a group is."""
    if args.has("psk"):
        known = {**client.psks, args.octets("psk_id"): Secret(args.octets("psk"))}
        client = replace(client, psks=known)
        if not args.has("group"):
            return client, {}
    return _propose(client, args, here, _read_psk)


def commit(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Commit proposals; the group stays in its epoch until the commit comes back to ``process``."""
    membership = client.membership(args.octets("group"))
    group, pending = membership.group.create_commit(
        _proposals(membership.group, args, here),
        include_pending=args.flag("include_pending", default=True),
        force_path=args.flag("force_path", default=True),
        public=args.flag("public", default=False),
        ratchet_tree_in_welcome=args.flag("ratchet_tree", default=True),
        aad=args.octets("aad", b""),
        entropy=here.entropy,
        now_s=here.now_s,
        authenticate=accept,
        policy=client.policy,
    )
    answer: Answer = {"commit": pending.commit.hex(), "welcome": None}
    if pending.welcome is not None:
        answer |= {"welcome": pending.welcome.hex(), "ratchet_tree": pending.group_after.ratchet_tree_bytes().hex()}
    return client.keeping(Membership(group, pending)), answer


def forget(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Forget a group."""
    del here
    group_id = args.octets("group")
    client.membership(group_id)
    return client.leaving(group_id), {}


def _ratchet_tree(args: Arguments) -> bytes | None:
    return args.octets("ratchet_tree") if args.has("ratchet_tree") else None


class _Supported(TypedDict):
    extension_types: tuple[int, ...]
    proposal_types: tuple[int, ...]
    credential_types: tuple[int, ...]


def _support(args: Arguments) -> _Supported:
    return {
        "extension_types": args.integers("extension_types"),
        "proposal_types": args.integers("proposal_types"),
        "credential_types": args.integers("credential_types"),
    }


_ReadProposal = Callable[[Group, Arguments, Surroundings], Proposal]


def _named(client: Client, args: Arguments) -> Client:
    return replace(client, identity=args.octets("identity", client.identity))


def _propose(client: Client, args: Arguments, here: Surroundings, read: _ReadProposal) -> tuple[Client, Answer]:
    membership = client.membership(args.octets("group"))
    proposal = read(membership.group, args, here)
    group, message = membership.group.propose(
        proposal,
        public=args.flag("public", default=False),
        aad=args.octets("aad", b""),
        entropy=here.entropy,
        authenticate=accept,
    )
    return client.keeping(replace(membership, group=group)), {"message": message.hex()}


def _proposals(group: Group, args: Arguments, here: Surroundings) -> list[Proposal]:
    proposals = []
    for item in args.objects("proposals"):
        kind = item.text("type")
        if kind not in _BY_VALUE:
            raise BadArgument(f"type: one of {', '.join(_BY_VALUE)}")
        proposals.append(_BY_VALUE[kind](group, item, here))
        item.finish()
    return proposals


def _read_add(group: Group, args: Arguments, here: Surroundings) -> Proposal:
    del group
    return Add(read_key_package(args.octets("key_package"), now_s=here.now_s, authenticate=accept))


def _read_remove(group: Group, args: Arguments, here: Surroundings) -> Proposal:
    del here
    return Remove(named_member(group, args))


def _read_psk(group: Group, args: Arguments, here: Surroundings) -> Proposal:
    if args.has("epoch"):
        key = ResumptionPSK(ResumptionPSKUsage.APPLICATION, group.group_id, args.integer("epoch"))
        return PreSharedKey(_psk_id(key, group.suite, here))
    return PreSharedKey(_psk_id(ExternalPSK(args.octets("psk_id")), group.suite, here))


def _psk_id(key: ExternalPSK | ResumptionPSK, cipher_suite: CipherSuite, here: Surroundings) -> PreSharedKeyID:
    return PreSharedKeyID(key, here.entropy(cipher_suite.hash_size))


def _read_extensions(group: Group, args: Arguments, here: Surroundings) -> Proposal:
    del group, here
    return GroupContextExtensions(_extensions(args))


def _read_reinit(group: Group, args: Arguments, here: Surroundings) -> Proposal:
    del group, here
    return ReInit(args.octets("new_group"), MLS10, args.integer("suite"), _extensions(args))


def _extensions(args: Arguments) -> Extensions:
    found = []
    for item in args.objects("extensions"):
        found.append(Extension(item.integer("type"), item.octets("data")))
        item.finish()
    return tuple(found)


_BY_VALUE: dict[str, _ReadProposal] = {
    "add": _read_add,
    "remove": _read_remove,
    "psk": _read_psk,
    "extensions": _read_extensions,
    "reinit": _read_reinit,
}
