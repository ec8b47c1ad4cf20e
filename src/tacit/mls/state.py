"""The stored form of a group: one part that changes with the epoch, one small part that changes with every message.

What is secret about past epochs is in the small part, so that dropping it there is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tacit.codec import Reader, Writer
from tacit.crypto.secret import Secret
from tacit.errors import CryptoError, DecodeError, InvalidMessage
from tacit.mls.commit_processing import OwnUpdate
from tacit.mls.epochs import Epoch
from tacit.mls.errors import BadState
from tacit.mls.framing import Sender
from tacit.mls.group import Group
from tacit.mls.past_epochs import PastKeys
from tacit.mls.pending import CachedProposal
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.registry import SenderType, read_enum
from tacit.mls.secret_tree import SecretTree
from tacit.mls.senders import ProposalSender
from tacit.mls.stored_epochs import VERSION, check_version, epoch_blob, read_epoch

_SENDER_TYPE_SHIFT: Final = 30


@dataclass(frozen=True, slots=True)
class SavedGroup:
    """A group as bytes; both parts hold secrets and belong into one transaction."""

    epoch_blob: bytes
    ratchet_blob: bytes

    def __repr__(self) -> str:
        return "<SavedGroup>"


def save(group: Group) -> SavedGroup:
    """The stored form; the part of the epoch is made once in an epoch and then reused."""
    return SavedGroup(epoch_blob(group.state), _ratchet_blob(group))


def load(saved: SavedGroup) -> Group:
    """The group that was saved; raises ``BadState``."""
    try:
        epoch = read_epoch(saved.epoch_blob)
        return _read_group(epoch, saved.ratchet_blob)
    except (DecodeError, InvalidMessage, CryptoError) as error:
        raise BadState(error.code) from error


def _ratchet_blob(group: Group) -> bytes:
    w = Writer()
    w.u8(VERSION)
    w.u64(group.epoch)
    group.secret_tree.write(w)
    w.vector(group.pending_proposals, _write_cached_proposal)
    w.vector(group.past_keys, _write_past_keys)
    return w.finish()


def _read_group(epoch: Epoch, data: bytes) -> Group:
    r = Reader(data)
    check_version(r)
    if r.u64() != epoch.context.epoch:
        raise DecodeError("parts of a group from different epochs")
    secret_tree = SecretTree.read(r)
    group = Group(epoch, secret_tree, r.vector(_read_cached_proposal), r.vector(_read_past_keys))
    r.finish()
    return group


def _write_past_keys(w: Writer, keys: PastKeys) -> None:
    w.u64(keys.epoch)
    w.optional(None if keys.ended_at is None else int(keys.ended_at), Writer.u64)
    w.opaque(keys.sender_data_secret.reveal())
    keys.secret_tree.write(w)


def _read_past_keys(r: Reader) -> PastKeys:
    return PastKeys(r.u64(), r.optional(Reader.u64), Secret(r.opaque()), SecretTree.read(r))


def _write_cached_proposal(w: Writer, cached: CachedProposal) -> None:
    w.opaque(cached.ref)
    w.u32(_sender_number(cached.sender))
    write_proposal(w, cached.proposal)
    w.optional(cached.own, _write_own_update)


def _read_cached_proposal(r: Reader) -> CachedProposal:
    return CachedProposal(r.opaque(), _read_sender(r), read_proposal(r), r.optional(_read_own_update))


def _sender_number(sender: ProposalSender) -> int:
    """A member is stored as its leaf; whoever is outside by a number that no leaf has, in the two highest bits."""
    wire = Sender.of(sender)
    return (wire.sender_type - SenderType.MEMBER) << _SENDER_TYPE_SHIFT | wire.index


def _read_sender(r: Reader) -> ProposalSender:
    number = r.u32()
    sender_type = read_enum(SenderType, SenderType.MEMBER + (number >> _SENDER_TYPE_SHIFT))
    return Sender(sender_type, number % (1 << _SENDER_TYPE_SHIFT)).proposal_sender


def _write_own_update(w: Writer, own: OwnUpdate) -> None:
    w.opaque(own.encryption_private.reveal())
    w.opaque(own.signature_private.reveal())


def _read_own_update(r: Reader) -> OwnUpdate:
    return OwnUpdate(Secret(r.opaque()), Secret(r.opaque()))
