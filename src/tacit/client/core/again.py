"""Reading a log again after its relay was restored: back to where the backup ended, and past what is known.

What this device has processed stays as it is: no key is used, no line shown, no commit merged a second time. What
follows the log are the place reached, the running head, and what others have said of how far they are.
"""

from __future__ import annotations

from dataclasses import replace

from tacit.client.core.effects import FoundAgain, PutHead, SetAside
from tacit.client.core.heads import UNKNOWN_HEAD, head_after
from tacit.client.core.state import EntryKind, GroupState, LogEntry, Step
from tacit.client.model import Aside


def go_back(state: GroupState, seq: int, head: bytes, *, aside_after: int) -> Step:
    """Read the log again from behind ``seq``, where the running head was ``head``; own keys stay where they are.

    What this device had from behind ``aside_after`` is to be shown again; that is another number where its first one
    has changed. How far others were is told anew: the numbers may mean something else from here on.
    """
    conversation = replace(
        state.conversation,
        cursor=seq,
        last_commit=0,
        own_last=min(state.conversation.own_last, seq),
        head=head,
    )
    progress = {
        device: replace(row, delivered_seq=min(row.delivered_seq, seq), read_seq=min(row.read_seq, seq))
        for device, row in state.progress.items()
    }
    return Step(replace(state, conversation=conversation, progress=progress), (SetAside(aside_after),))


def pass_over(state: GroupState, entry: LogEntry, known: Aside) -> Step:
    """The log shows an entry again that this device has processed.

    Who brought it back is who vouches for its author, so it may be an own one that is not marked as such: up to here
    nothing own is unknown.
    """
    conversation = state.conversation
    is_commit = entry.kind == EntryKind.COMMIT
    head = known.head or conversation.head
    if not is_commit:
        head = head_after(conversation.head, entry.seq, known.digest)
    conversation = replace(
        conversation,
        cursor=entry.seq,
        last_commit=entry.seq if is_commit else conversation.last_commit,
        own_last=entry.seq,
        head=head,
    )
    effects = (FoundAgain(known.seq, entry.seq), PutHead(entry.seq, head))
    return Step(replace(state, conversation=conversation), effects if head != UNKNOWN_HEAD else effects[:1])
