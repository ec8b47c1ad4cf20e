"""The stored form of a group: rows, of which a message changes one and a commit a few; or all of them in two blobs.

What is secret about past epochs is in rows of its own, so that deleting those is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tacit.codec import Reader, Writer
from tacit.crypto.secret import Secret
from tacit.errors import CryptoError, DecodeError, InvalidMessage
from tacit.mls.commit_processing import OwnUpdate
from tacit.mls.errors import BadState
from tacit.mls.framing import Sender
from tacit.mls.group import Group
from tacit.mls.past_epochs import PastKeys
from tacit.mls.pending import CachedProposal
from tacit.mls.proposals import read_proposal, write_proposal
from tacit.mls.registry import SenderType, read_enum
from tacit.mls.secret_tree import SecretTree
from tacit.mls.senders import ProposalSender
from tacit.mls.stored_epochs import read_epoch, write_epoch
from tacit.mls.stored_rows import VERSION, ChangeDraft, RowKind, Rows, StateChanges, check_version, is_lasting
from tacit.mls.stored_secrets import check_epochs, read_secret_tree, write_secret_tree, write_secret_trees

_SENDER_TYPE_SHIFT: Final = 30


@dataclass(frozen=True, slots=True)
class SavedGroup:
    """A whole group as bytes: what lasts as long as the epoch, and the rest. Both hold secrets, and go together."""

    epoch_blob: bytes
    ratchet_blob: bytes

    def __repr__(self) -> str:
        return "<SavedGroup>"


def save_changes(before: Group | None, after: Group) -> StateChanges:
    """What to write into the rows of ``before`` so that they are those of ``after``; without it, all rows."""
    draft = ChangeDraft()
    if before is not None and before.state is after.state and before.past_keys is after.past_keys:
        write_secret_tree(draft, after.epoch, before.secret_tree, after.secret_tree)
        _write_proposals(draft, before, after)
        return draft.finish()
    write_epoch(draft, None if before is None else before.state, after.state)
    write_secret_trees(draft, {} if before is None else _secret_trees(before), _secret_trees(after))
    old_keys = {} if before is None else _by_epoch(before.past_keys)
    draft.compare(RowKind.PAST_KEYS, old_keys, _by_epoch(after.past_keys), _encode_past_keys)
    _write_proposals(draft, before, after)
    return draft.finish()


def load_rows(put: Mapping[bytes, bytes]) -> Group:
    """The group whose rows these are; raises ``BadState``."""
    try:
        return _read_group(Rows(StateChanges(put)))
    except (DecodeError, InvalidMessage, CryptoError) as error:
        raise BadState(error.code) from error


def save(group: Group) -> SavedGroup:
    """The whole group in two blobs, for whoever has no rows to change."""
    rows = save_changes(None, group).put
    lasting = {key: value for key, value in rows.items() if is_lasting(key)}
    moving = {key: value for key, value in rows.items() if key not in lasting}
    return SavedGroup(_encode_rows(lasting), _encode_rows(moving))


def load(saved: SavedGroup) -> Group:
    """The group that was saved; raises ``BadState``."""
    try:
        rows = {**_decode_rows(saved.epoch_blob), **_decode_rows(saved.ratchet_blob)}
    except DecodeError as error:
        raise BadState(error.code) from error
    return load_rows(rows)


def _encode_rows(rows: Mapping[bytes, bytes]) -> bytes:
    w = Writer()
    w.u8(VERSION)
    StateChanges(rows).write(w)
    return w.finish()


def _decode_rows(data: bytes) -> Mapping[bytes, bytes]:
    r = Reader(data)
    check_version(r)
    rows = StateChanges.read(r).put
    r.finish()
    return rows


def _read_group(rows: Rows) -> Group:
    epoch = read_epoch(rows)
    number = epoch.context.epoch
    past_keys = tuple(
        _read_past_keys(past, data, rows) for (past,), data in sorted(rows.of(RowKind.PAST_KEYS).items(), reverse=True)
    )
    held = [keys.epoch for keys in past_keys]
    check_epochs(rows, frozenset((number, *held)))
    if [past.group_context.epoch for past in epoch.past][: len(held)] != held:
        raise DecodeError("keys of a past epoch without that epoch")
    waiting = sorted(rows.of(RowKind.PROPOSAL).items())
    if [place for (place,), _ in waiting] != list(range(len(waiting))):
        raise DecodeError("a proposal is missing")
    proposals = tuple(_read_cached_proposal(data) for _, data in waiting)
    return Group(epoch, read_secret_tree(rows, number, epoch.tree.leaf_count), proposals, past_keys)


def _write_proposals(draft: ChangeDraft, before: Group | None, after: Group) -> None:
    if before is None or before.pending_proposals is not after.pending_proposals:
        old = {} if before is None else dict(enumerate(before.pending_proposals))
        draft.compare(RowKind.PROPOSAL, old, dict(enumerate(after.pending_proposals)), _encode_cached_proposal)


def _secret_trees(group: Group) -> dict[int, SecretTree]:
    """All of them by epoch; no other value is stored under these numbers, whichever epoch is the present one."""
    return {group.epoch: group.secret_tree, **{keys.epoch: keys.secret_tree for keys in group.past_keys}}


def _by_epoch(past_keys: tuple[PastKeys, ...]) -> dict[int, PastKeys]:
    return {keys.epoch: keys for keys in past_keys}


def _encode_past_keys(keys: PastKeys) -> bytes:
    w = Writer()
    w.optional(None if keys.ended_at is None else int(keys.ended_at), Writer.u64)
    w.opaque(keys.sender_data_secret.reveal())
    w.u32(keys.secret_tree.leaf_count)
    return w.finish()


def _read_past_keys(epoch: int, data: bytes, rows: Rows) -> PastKeys:
    r = Reader(data)
    ended_at, sender_data_secret, leaf_count = r.optional(Reader.u64), Secret(r.opaque()), r.u32()
    r.finish()
    return PastKeys(epoch, ended_at, sender_data_secret, read_secret_tree(rows, epoch, leaf_count))


def _encode_cached_proposal(cached: CachedProposal) -> bytes:
    w = Writer()
    w.opaque(cached.ref)
    w.u32(_sender_number(cached.sender))
    write_proposal(w, cached.proposal)
    w.optional(cached.own, _write_own_update)
    return w.finish()


def _read_cached_proposal(data: bytes) -> CachedProposal:
    r = Reader(data)
    cached = CachedProposal(r.opaque(), _read_sender(r), read_proposal(r), r.optional(_read_own_update))
    r.finish()
    return cached


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
