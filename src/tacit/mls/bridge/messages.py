"""The verbs that take messages in, send application data, and look at a group.

Each takes a client, the arguments and the surroundings, and gives the client that there is afterwards and the answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from tacit.mls.bridge.arguments import Arguments
from tacit.mls.bridge.clients import Answer, Client, Membership, Surroundings, accept, named_sender, view
from tacit.mls.bridge.errors import NotAHandshake, NotApplicationData
from tacit.mls.events import ApplicationData, Processed, ProposalReceived, StagedCommit
from tacit.mls.key_packages import KeyPackageBundle
from tacit.mls.pending import PendingCommit
from tacit.mls.state import load, save

_MAX_EXPORT_BYTES: Final = 255 * 32
"""What one expansion gives with the shortest hash of any suite."""


def process(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Take in a proposal or a commit; our own commit, come back, leads into its epoch."""
    group_id, message = args.octets("group"), args.octets("message")
    if group_id in client.joining and message == client.joining[group_id].commit:
        client, group = client.joined(group_id)
        return client, {"kind": "commit", "own": True, "removed": False, **view(group)}
    membership = client.membership(group_id)
    pending = membership.pending
    if pending is not None and message == pending.commit:
        group = membership.group.merge(pending)
        return client.keeping(Membership(group)), {"kind": "commit", "own": True, "removed": False, **view(group)}
    match _open(client, membership, message, here):
        case ApplicationData():
            raise NotAHandshake
        case ProposalReceived() as event:
            answer: Answer = {
                "kind": "proposal",
                "type": event.proposal.proposal_type,
                "sender": named_sender(event.sender),
                "ref": event.ref.hex(),
                "aad": event.aad.hex(),
            }
            return client.keeping(replace(membership, group=event.group)), answer
        case StagedCommit() as event:
            return _take_up(client, event)
        case event:
            assert_never(event)


def protect(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Encrypt application data."""
    membership = client.membership(args.octets("group"))
    group, message = membership.group.seal(args.octets("data"), aad=args.octets("aad", b""), entropy=here.entropy)
    return client.keeping(replace(membership, group=group)), {"message": message.hex()}


def unprotect(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Read application data."""
    membership = client.membership(args.octets("group"))
    event = _open(client, membership, args.octets("message"), here)
    if not isinstance(event, ApplicationData):
        raise NotApplicationData
    return client.keeping(replace(membership, group=event.group)), {
        "data": event.data.hex(),
        "aad": event.aad.hex(),
        "sender": event.sender,
        "epoch": event.epoch,
        "generation": event.generation,
    }


def groupinfo(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """What somebody needs to join this epoch by an external commit, and the tree by itself."""
    del here
    group = client.membership(args.octets("group")).group
    info = group.group_info(ratchet_tree=args.flag("ratchet_tree", default=True))
    return client, {"groupinfo": info.hex(), "ratchet_tree": group.ratchet_tree_bytes().hex()}


def export(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """A secret of this epoch for another use."""
    del here
    group = client.membership(args.octets("group")).group
    secret = group.export(
        args.text("label"), args.octets("context", b""), args.integer("length", limit=_MAX_EXPORT_BYTES)
    )
    return client, {"secret": secret.reveal().hex()}


def state_auth(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Everything that members of one epoch have to agree on."""
    del here
    group = client.membership(args.octets("group")).group
    members = [
        {"leaf": member.leaf_index, "identity": member.leaf_node.credential_identity.hex()}
        for member in group.members()
    ]
    return client, {
        **view(group),
        "suite": group.suite.id,
        "epoch_authenticator": group.epoch_authenticator.hex(),
        "tree_hash": group.context.tree_hash.hex(),
        "confirmed_transcript_hash": group.context.confirmed_transcript_hash.hex(),
        "members": members,
    }


def reload(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """Bring everything into its stored form and back, as if the client had been started again."""
    del args, here
    groups = {group_id: _reloaded(membership) for group_id, membership in client.groups.items()}
    bundles = tuple(KeyPackageBundle.decode(bundle.encode()) for bundle in client.bundles)
    return replace(client, groups=groups, bundles=bundles), {"groups": len(groups)}


def _open(client: Client, membership: Membership, message: bytes, here: Surroundings) -> Processed:
    return membership.group.process(message, authenticate=accept, now_s=here.now_s, policy=client.policy)


def _take_up(client: Client, event: StagedCommit) -> tuple[Client, Answer]:
    group = event.group_after
    answer: Answer = {
        "kind": "commit",
        "own": False,
        "committer": event.committer,
        "external": event.external,
        "added": [member.leaf_index for member in event.added],
        "removed": group is None,
        "aad": event.aad.hex(),
    }
    if group is None:
        return client.leaving(event.group_before.group_id), answer
    return client.keeping(Membership(group)), {**answer, **view(group)}


def _reloaded(membership: Membership) -> Membership:
    pending = membership.pending
    return Membership(load(save(membership.group)), None if pending is None else PendingCommit.decode(pending.encode()))
