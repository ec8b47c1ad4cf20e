"""MLS (RFC 9420): groups that agree on keys. Sans-IO, synchronous, every value frozen.

Knows no accounts, chat, files, clock or disk: credentials are opaque and judged by a callback, time and randomness are
arguments. A call that raises has changed nothing; a call that returns gives what there is afterwards.

    bundle = create_key_package(suite_id, identity, signature_private, now_s=, entropy=, last_resort=False,
                                lifetime_s=, extensions=(), extension_types=(), proposal_types=(),
                                credential_types=(), grease=True)                      # identity: bytes or a Credential
    publish bundle.key_package_bytes; keep bundle.encode()
    key_package = read_key_package(data, now_s=, authenticate=)                        # every check of §10.1
    group = create_group(group_id, suite_id, identity, signature_private, extensions=(), extension_types=(),
                         leaf_extensions=(), ...)
    joined = join(welcome, bundles, authenticate=, known_group=, resume=)             # .group .used_ref .signer .origin

    group, message = group.seal(plaintext, aad=b"", entropy=)                          # PendingProposals: commit first
    group, message = group.propose(Remove(leaf), entropy=)                             # also propose_update(entropy=)
    group, pending = group.create_commit([Add(key_package), ...], now_s=, entropy=, authenticate=,
                                         public=False, ratchet_tree_in_welcome=True, leaf_extensions=None)
    group = group.merge(pending)                                                       # when the commit has come back
    event = group.process(message, authenticate=, authorize=None, now_s=)
        ApplicationData(group, sender, sender_leaf, epoch, generation, aad, data)
        ProposalReceived(group, sender, proposal, ref, aad)                            # sender: a leaf, or an outsider
        StagedCommit(group_before, group_after | None, committer, committer_leaf, proposals, added, removed, updated,
                     new_extensions | None, aad)                                       # .external .psks .reinit

    info = group.group_info(external_pub=True, ratchet_tree=True, extensions=())       # read_group_info(info)
    tree = group.ratchet_tree_bytes()                                                  # join(..., ratchet_tree=tree)
    joined = join_externally(info, identity, signature_private, psks=(), remove=own_old_leaf | None, ratchet_tree=,
                             authenticate=, now_s=, entropy=)                          # joined.commit, joined.group
    message = propose_externally(proposal, group_id=, epoch=, suite_id=, sender_index=, signature_private=)
    message = propose_joining(bundle, group_id=, epoch=)                               # asks to be added

    proposal = group.name_psk(ExternalPSK(psk_id), entropy=)                           # also ResumptionPSK(usage, ...)
    group.resumption_psk(epoch)                                                        # of the last few epochs
    group.create_commit([ReInit(group_id, version, suite_id, extensions)], ...)        # closes it: group.reinit
    begun = reinitialize(group, key_packages, now_s=, entropy=, authenticate=)         # begun.group, begun.welcome
    begun = branch(group, group_id, key_packages, now_s=, entropy=, authenticate=)     # a subgroup

    group = group.without_expired(now_s)                                               # drops keys of old past epochs
    group.members() .member(leaf) .context .extensions .epoch .epoch_authenticator .own_leaf .pending_proposals
    group.export(label, context, length)                                               # a Secret of this epoch
    decode_message(message)                                                            # a header, nothing verified
    position = group.sender_position(message);  group = group.advance_own_ratchet(generation, handshake=False)
    changes = save_changes(before | None, group)                                       # rows: .put, .drop
    group = load_rows(rows)
    saved = save(group)                                                                # .epoch_blob, .ratchet_blob
    group = load(saved);  PendingCommit.encode / decode;  KeyPackageBundle.encode / decode

``authenticate(old_leaf | None, new_leaf)`` is called for every leaf that enters a tree, and raises to refuse it.
``policy=Policy(public_handshakes=, external_commits=, outside_proposals=, authenticate_sender=, max_lifetime_s=,
max_members=, find_psk=, identity_of=)`` of every call that takes ``authenticate`` says what else the application
decides; without it handshakes are private, nobody changes a group from outside, lifetimes are bounded, a group has at
most 1,000 members and no PSK but the group's own is known.
``tacit.crypto.memory.forget_private_keys()``, called when an epoch or a key package has ended, drops the parsed keys
that the primitives keep for speed; what the values here hold is dropped with them.
``resume`` of ``join`` looks up the group that a new one continues or branched from; without it neither is joined. If it
answers for the ID of the new group with the one that was closed for it, nothing but its successor is joined.

Errors: ``DecodeError`` for bad bytes, ``InvalidMessage`` for a broken rule, and of that the subclasses in
``tacit.mls.errors`` where the caller has something to do: ``OwnMessage``, ``WrongEpoch``, ``GenerationConsumed``, ...
"""

from __future__ import annotations

from tacit.mls.branching import branch
from tacit.mls.credentials import BasicCredential, Credential, X509Credential
from tacit.mls.errors import (
    BadLength,
    BadPolicy,
    BadState,
    CommitMismatch,
    GenerationConsumed,
    GenerationTooFar,
    GroupReinitialized,
    NotForUs,
    NotReinitialized,
    OutsiderRefused,
    OwnMessage,
    PendingProposals,
    PSKUnavailable,
    RatchetExhausted,
    SignatureKeyNeeded,
    UnsupportedOperation,
    WrongEpoch,
    WrongGroup,
)
from tacit.mls.events import (
    ApplicationData,
    Authorize,
    Member,
    Processed,
    ProposalReceived,
    SenderPosition,
    StagedCommit,
)
from tacit.mls.extensions import (
    Extension,
    Extensions,
    ExternalSender,
    RequiredCapabilities,
    external_senders_extension,
    find_extension,
)
from tacit.mls.external_commits import ExternalJoin, join_externally
from tacit.mls.external_proposals import propose_externally, propose_joining
from tacit.mls.founding import create_group
from tacit.mls.group import Group
from tacit.mls.group_infos import read_group_info
from tacit.mls.joining import Joined, join
from tacit.mls.key_package_reading import read_key_package
from tacit.mls.key_packages import Authenticate, KeyPackage, KeyPackageBundle, create_key_package
from tacit.mls.leaf_nodes import LeafNode
from tacit.mls.messages import GroupInfo, PrivateMessage, PublicMessage, Welcome, decode_message
from tacit.mls.pending import CachedProposal, PendingCommit
from tacit.mls.policy import Policy
from tacit.mls.pre_shared_keys import ExternalPSK, PreSharedKeyID, ResumptionPSK
from tacit.mls.proposal_lists import AddedMember, CommittedProposal, JoinedMember, RemovedMember, UpdatedMember
from tacit.mls.proposals import (
    Add,
    CustomProposal,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from tacit.mls.registry import ContentType, ResumptionPSKUsage
from tacit.mls.reinit import reinitialize
from tacit.mls.senders import ExternalSenderIndex, NewMember, ProposalSender
from tacit.mls.state import SavedGroup, load, load_rows, save, save_changes
from tacit.mls.stored_rows import StateChanges
from tacit.mls.successors import Successor
from tacit.mls.tree_math import LeafIndex

__all__ = [
    "Add",
    "AddedMember",
    "ApplicationData",
    "Authenticate",
    "Authorize",
    "BadLength",
    "BadPolicy",
    "BadState",
    "BasicCredential",
    "CachedProposal",
    "CommitMismatch",
    "CommittedProposal",
    "ContentType",
    "Credential",
    "CustomProposal",
    "Extension",
    "Extensions",
    "ExternalInit",
    "ExternalJoin",
    "ExternalPSK",
    "ExternalSender",
    "ExternalSenderIndex",
    "GenerationConsumed",
    "GenerationTooFar",
    "Group",
    "GroupContextExtensions",
    "GroupInfo",
    "GroupReinitialized",
    "Joined",
    "JoinedMember",
    "KeyPackage",
    "KeyPackageBundle",
    "LeafIndex",
    "LeafNode",
    "Member",
    "NewMember",
    "NotForUs",
    "NotReinitialized",
    "OutsiderRefused",
    "OwnMessage",
    "PSKUnavailable",
    "PendingCommit",
    "PendingProposals",
    "Policy",
    "PreSharedKey",
    "PreSharedKeyID",
    "PrivateMessage",
    "Processed",
    "Proposal",
    "ProposalReceived",
    "ProposalSender",
    "PublicMessage",
    "RatchetExhausted",
    "ReInit",
    "Remove",
    "RemovedMember",
    "RequiredCapabilities",
    "ResumptionPSK",
    "ResumptionPSKUsage",
    "SavedGroup",
    "SenderPosition",
    "SignatureKeyNeeded",
    "StagedCommit",
    "StateChanges",
    "Successor",
    "UnsupportedOperation",
    "Update",
    "UpdatedMember",
    "Welcome",
    "WrongEpoch",
    "WrongGroup",
    "X509Credential",
    "branch",
    "create_group",
    "create_key_package",
    "decode_message",
    "external_senders_extension",
    "find_extension",
    "join",
    "join_externally",
    "load",
    "load_rows",
    "propose_externally",
    "propose_joining",
    "read_group_info",
    "read_key_package",
    "reinitialize",
    "save",
    "save_changes",
]
