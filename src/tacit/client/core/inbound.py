"""One entry of a log against one conversation: the router of everything that others, or the log, bring.

Every entry moves the cursor, whatever it holds; nothing of it changes anything else unless it proves itself, and
nothing that is thrown away is thrown away silently. Entries come in the order of their numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tacit import limits, mls
from tacit.client.core import texts
from tacit.client.core.authority import check_leaf
from tacit.client.core.commits import merge_own
from tacit.client.core.effects import AddIntent, DropOutbox, Effect, GoneAstray, Keep, PutHead, SetMessage
from tacit.client.core.heads import UNKNOWN_HEAD, next_head
from tacit.client.core.lives import may_seal
from tacit.client.core.membership import take_commit, take_proposal
from tacit.client.core.notices import notice_line
from tacit.client.core.room_keys import is_sealed, open_commit
from tacit.client.core.rooms import commit_policy
from tacit.client.core.roster import read_member
from tacit.client.core.state import Context, EntryKind, GroupState, LogEntry, Sent, Step
from tacit.client.model import ConversationStatus, Intent, IntentKind, KeptEntry, MessageState, Notice
from tacit.errors import InvalidMessage, PeerError
from tacit.mls.framing import FramedContent
from tacit.mls.messages import PrivateMessage, PublicMessage, decode_message
from tacit.mls.registry import ContentType

OTHER_KEYS: Final = frozenset({"6.3.2/sender-data", "6.3.1/ciphertext"})
"""Checks that only fail when somebody has other keys for the same epoch, or has forged or changed the message."""

_MESSAGES: Final = mls.Policy()
_COMMITS: Final = mls.Policy(public_handshakes=True)
"""Who cannot be sure of his keys commits in the clear: see ``lives``. What is proposed comes encrypted, as ever."""


def process_entry(state: GroupState, entry: LogEntry, sent: Sent | None, ctx: Context, *, again: bool = False) -> Step:
    """Take the next entry in. ``sent`` is what this store knows of it if it sent it itself.

    ``again``: the log is being read a second time, so what shows that it was processed before is no trouble.
    """
    if entry.seq <= state.conversation.cursor:
        return Step(state)
    begun = _note_hole(state, entry, ctx)
    if sent is not None:
        step = _take_echo(begun.state, entry, sent, ctx)
    else:
        step = _take_foreign(begun.state, entry, ctx, again=again)
    moved = _move_on(begun.state, step.state, entry)
    author = ctx.me.device if sent is not None else step.author
    return Step(moved.state, (*begun.effects, *step.effects, *moved.effects, _keep(state, moved.state, entry, author)))


def refuse_entry(state: GroupState, entry: LogEntry, ctx: Context) -> Step:
    """Pass over an entry that could not even be judged, and say so."""
    refused = _refuse(_doubtful(state, entry), entry, "not-processed", ctx)
    moved = _move_on(state, refused.state, entry)
    return Step(moved.state, (*refused.effects, *moved.effects, _keep(state, moved.state, entry, None)))


def _keep(before: GroupState, after: GroupState, entry: LogEntry, author: tuple[bytes, bytes] | None) -> Keep:
    """The entry and what was learned from it."""
    new_epoch = before.group.epoch != after.group.epoch
    come, gone = after.roster.devices - before.roster.devices, before.roster.devices - after.roster.devices
    return Keep(
        KeptEntry(
            seq=entry.seq,
            message_id=entry.message_id,
            kind=entry.kind,
            payload=entry.payload,
            author=author,
            readers_added=tuple(sorted(come)) if new_epoch else (),
            readers_removed=tuple(sorted(gone)) if new_epoch else (),
            head=after.conversation.head if new_epoch else b"",
        )
    )


def _note_hole(state: GroupState, entry: LogEntry, ctx: Context) -> Step:
    """A missing number is a gap, except before the first entry of a device that joined later."""
    conversation = state.conversation
    missing = entry.seq - conversation.cursor - 1
    if missing == 0 or (conversation.cursor == 0 and state.group.epoch > 0):
        return Step(state)
    blind = replace(state, conversation=replace(conversation, head=UNKNOWN_HEAD, in_doubt=True))
    notice = Notice("gap", count=missing, reason="relay-hole")
    return Step(blind, (notice_line(state, notice, ctx, seq=entry.seq),))


def _move_on(before: GroupState, after: GroupState, entry: LogEntry) -> Step:
    """Cursor and running head after the entry."""
    conversation = after.conversation
    is_commit = entry.kind == EntryKind.COMMIT
    head = conversation.head
    if before.group.epoch != after.group.epoch:
        conversation = replace(conversation, highest_epoch=after.group.epoch, in_doubt=False)
    elif not is_commit:
        head = next_head(head, entry.seq, entry.payload)
    last_commit = entry.seq if is_commit else conversation.last_commit
    conversation = replace(conversation, cursor=entry.seq, head=head, last_commit=last_commit)
    effects = (PutHead(entry.seq, head),) if head else ()
    return Step(replace(after, conversation=conversation), effects)


def _take_echo(state: GroupState, entry: LogEntry, sent: Sent, ctx: Context) -> Step:
    state = replace(state, conversation=replace(state.conversation, own_last=entry.seq))
    if sent.row.payload != entry.payload:
        return _altered(state, entry, sent, ctx)
    if entry.kind == EntryKind.COMMIT:
        return merge_own(state, entry, sent, ctx)
    done = DropOutbox(sent.row.row)
    message = sent.message
    if message is None or message.state not in (MessageState.SENT, MessageState.QUEUED):
        return Step(state, (done,))
    if state.group.epoch - message.epoch > limits.MAX_PAST_EPOCHS:
        # Nobody can open it any more: seal it again. Whoever could after all knows it by its content ID.
        again = Intent(0, message.chat_id, IntentKind.TEXT, message.id, attempts=1, created_at=int(ctx.now_s))
        return Step(state, (done, SetMessage(message.chat_id, message.id, MessageState.QUEUED), AddIntent(again)))
    return Step(state, (done, SetMessage(message.chat_id, message.id, MessageState.RELAYED, seq=entry.seq)))


def _altered(state: GroupState, entry: LogEntry, sent: Sent, ctx: Context) -> Step:
    """The relay shows other bytes than it was given: whatever carried them is lost."""
    effects: list[Effect] = [DropOutbox(sent.row.row)]
    if sent.message is not None:
        effects.append(SetMessage(sent.message.chat_id, sent.message.id, MessageState.FAILED, seq=entry.seq))
    effects.append(notice_line(state, Notice("not-sent", reason="altered"), ctx, seq=entry.seq))
    return Step(replace(state, own_commit=None) if entry.kind == EntryKind.COMMIT else state, tuple(effects))


def _take_foreign(state: GroupState, entry: LogEntry, ctx: Context, *, again: bool) -> Step:
    try:
        entry = _unsealed(state, entry)
        policy = _policy(state) if entry.kind == EntryKind.COMMIT else _MESSAGES
        processed = state.group.process(entry.payload, authenticate=check_leaf, now_s=ctx.now_s, policy=policy)
    except mls.OwnMessage as own:
        if again and _was_sealed_here(state, entry, own):
            return Step(_note_known(state, entry), author=ctx.me.device)
        if entry.own or (own.is_signed and not may_seal(state, ctx)):  # brought back by somebody who has read it
            return replace(_take_own_unknown(state, entry, own, ctx), author=ctx.me.device)
        return _refuse(state, entry, own.code, ctx)  # anybody in the group can claim to be at our leaf
    except mls.WrongEpoch as wrong:
        if again and wrong.epoch < state.group.epoch:
            state = _note_known(state, entry)  # in that epoch nothing can be sent any more, so nothing twice
            if entry.kind == EntryKind.COMMIT:
                return Step(state)
        return _take_wrong_epoch(state, entry, wrong, ctx)
    except PeerError as error:
        if again and isinstance(error, mls.GenerationConsumed):
            return Step(state)
        return _take_broken(state, entry, error, ctx)
    return replace(_take_processed(state, entry, processed, ctx), author=_author(state, processed))


def _policy(state: GroupState) -> mls.Policy:
    return commit_policy(state) if state.is_room else _COMMITS


def _unsealed(state: GroupState, entry: LogEntry) -> LogEntry:
    """The entry as MLS made it: in rooms, commits that it does not encrypt are sealed. Raises ``DecodeError``."""
    if not state.is_room or not is_sealed(entry.payload):
        return entry
    return replace(entry, payload=open_commit(state.conversation.link_secret, state.group_id, entry.payload))


def _author(state: GroupState, processed: mls.Processed) -> tuple[bytes, bytes] | None:
    """The device that has proved to have written something."""
    match processed:
        case mls.StagedCommit(external=False):
            return state.member(processed.committer).device
        case mls.StagedCommit() if state.is_room:
            return read_member(processed.committer, processed.committer_leaf.credential_identity).device
        case mls.ApplicationData():
            return texts.sender_of(state, processed).device
        case mls.ProposalReceived(sender=int(leaf)):
            return state.member(leaf).device
    return None


def _take_processed(state: GroupState, entry: LogEntry, processed: mls.Processed, ctx: Context) -> Step:
    match processed:
        case mls.StagedCommit() if entry.kind == EntryKind.COMMIT:
            return take_commit(state, entry.seq, processed, ctx)
        case mls.ApplicationData() if entry.kind == EntryKind.MESSAGE:
            return texts.take_content(replace(state, group=processed.group), entry, processed, ctx)
        case mls.ProposalReceived() if entry.kind == EntryKind.MESSAGE:
            return take_proposal(state, entry.seq, processed, ctx)
    # A commit that entered the log as a message went past the relay's check for conflicts.
    return Step(state, (notice_line(state, Notice("invalid-commit", reason="disguised"), ctx, seq=entry.seq),))


def _take_broken(state: GroupState, entry: LogEntry, error: PeerError, ctx: Context) -> Step:
    """Say what was wrong; a message of this very epoch that was sealed with other keys also means a fork."""
    # A plain InvalidMessage is any of many rules; its ID says which.
    reason = error.check if type(error) is InvalidMessage else error.code
    refused = _refuse(_doubtful(state, entry), entry, reason, ctx)
    if reason not in OTHER_KEYS or state.alarmed_epoch == state.group.epoch:
        return refused
    alarmed = replace(refused.state, alarmed_epoch=state.group.epoch)
    effects = (*refused.effects, notice_line(state, Notice("fork", reason="other-keys"), ctx, seq=entry.seq))
    # In a room the first time is answered by a commit that others follow, if they are here.
    is_again = state.is_room and entry.kind == EntryKind.COMMIT and state.alarmed_epoch >= 0
    return Step(alarmed, (*effects, GoneAstray()) if is_again else effects)


def _doubtful(state: GroupState, entry: LogEntry) -> GroupState:
    """A commit that this device cannot process may be one that others can."""
    if entry.kind != EntryKind.COMMIT:
        return state
    return replace(state, conversation=replace(state.conversation, in_doubt=True))


def _refuse(state: GroupState, entry: LogEntry, reason: str, ctx: Context) -> Step:
    code = "invalid-commit" if entry.kind == EntryKind.COMMIT else "undecryptable"
    return Step(state, (notice_line(state, Notice(code, reason=reason), ctx, seq=entry.seq),))


def _was_sealed_here(state: GroupState, entry: LogEntry, own: mls.OwnMessage) -> bool:
    """Whether this very store is past the place of an own message, and so not an old copy."""
    if own.epoch < state.group.epoch:
        return True
    if not isinstance(decode_message(entry.payload), PrivateMessage):
        return False
    position = state.group.sender_position(entry.payload)
    ratchets = state.group.secret_tree.senders.get(state.group.own_leaf)
    return ratchets is not None and own.generation < ratchets[0 if position.is_handshake else 1].generation


def _take_own_unknown(state: GroupState, entry: LogEntry, own: mls.OwnMessage, ctx: Context) -> Step:
    """This device sent it, but this store does not know it: the store is an old copy.

    Its place in the ratchet is passed over, so that it is never used a second time. That says where the other ratchet
    stands only if nothing is missing from the log and it was a text: after anything else, nothing is sent until the
    next epoch, unless this device is about to begin that itself. An own commit that is unknown here leads to an epoch
    that this store can never enter.
    """
    conversation = state.conversation
    lost_epoch = unsafe = False
    if own.epoch == state.group.epoch:
        # By its content, too: whoever brings it back says of which kind it was.
        lost_epoch = entry.kind == EntryKind.COMMIT and _is_commit(entry.payload)
    if own.epoch == state.group.epoch and isinstance(decode_message(entry.payload), PrivateMessage):
        handshake = state.group.sender_position(entry.payload).is_handshake
        unclear = handshake or conversation.in_doubt or (conversation.cursor == 0 and entry.seq > 1)
        unsafe = unclear and may_seal(state, ctx)
        state = replace(state, group=state.group.advance_own_ratchet(own.generation + 1, handshake=handshake))
    after = _fall_behind(state, entry) if lost_epoch or unsafe else _note_own(state, entry)
    reason = "own-commit-lost" if lost_epoch else "restored"
    return Step(after, (notice_line(after, Notice("behind", reason=reason, count=1), ctx, seq=entry.seq),))


def _note_own(state: GroupState, entry: LogEntry) -> GroupState:
    return _note_known(state, entry) if entry.own else state


def _note_known(state: GroupState, entry: LogEntry) -> GroupState:
    """Up to here nothing own is unknown to this store, whoever is said to have written it."""
    return replace(state, conversation=replace(state.conversation, own_last=entry.seq))


def _fall_behind(state: GroupState, entry: LogEntry) -> GroupState:
    state = _note_own(state, entry)
    if state.conversation.status is not ConversationStatus.ACTIVE:
        return state
    return replace(state, conversation=replace(state.conversation, status=ConversationStatus.BEHIND))


def _is_proposal(payload: bytes) -> bool:
    message = decode_message(payload)
    return isinstance(message, PrivateMessage) and message.content_type is ContentType.PROPOSAL


def _is_commit(payload: bytes) -> bool:
    match decode_message(payload):
        case PrivateMessage(content_type=found) | PublicMessage(content=FramedContent(content_type=found)):
            return found is ContentType.COMMIT
    return False


def _take_wrong_epoch(state: GroupState, entry: LogEntry, wrong: mls.WrongEpoch, ctx: Context) -> Step:
    if wrong.epoch <= state.group.epoch:
        if wrong.epoch < state.conversation.joined_epoch:
            return Step(state)  # said before this device came in, and to those who were there
        if _is_proposal(entry.payload):
            return Step(state)  # its epoch ended before anybody took it up; whoever made it proposes again
        return _refuse(state, entry, "old-epoch", ctx)
    if state.conversation.status is ConversationStatus.BEHIND:
        return _refuse(_note_own(state, entry), entry, "missed-commit", ctx)
    if not (state.conversation.in_doubt or entry.own):
        return _refuse(state, entry, "unknown-epoch", ctx)  # anybody can write any number into a header
    if state.is_room and not entry.own:
        return _suspect(state, entry, ctx)
    behind = _fall_behind(state, entry)
    reason = "restored" if entry.own else "missed-commit"
    return Step(behind, (notice_line(behind, Notice("behind", reason=reason), ctx, seq=entry.seq),))


def _suspect(state: GroupState, entry: LogEntry, ctx: Context) -> Step:
    """Others of a room may have gone on, but anybody can write any number into a header: the door will show.

    The place that this device has it keeps until there is another one.
    """
    if state.alarmed_epoch == state.group.epoch:
        told = _refuse(state, entry, "missed-commit", ctx)
        return Step(told.state, (*told.effects, GoneAstray()))
    alarmed = replace(state, alarmed_epoch=state.group.epoch)
    line = notice_line(alarmed, Notice("behind", reason="missed-commit"), ctx, seq=entry.seq)
    return Step(alarmed, (line, GoneAstray()))
