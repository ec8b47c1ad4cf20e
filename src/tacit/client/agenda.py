"""What a turn leaves for later, and how it comes back: as an input of another turn, once its time has come."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, cast

from tacit.client.events import StateMoved
from tacit.client.gone import ASK_AFTER_S
from tacit.client.model import GroupId, MessageState, OutboxRow
from tacit.client.timers import Timers
from tacit.client.turn import Inputs, Turned

RECEIPT_INTERVAL_S: Final = 1.0
"""Receipts of one conversation are sent no more often than this."""

SCRUB_AFTER_S: Final = 5.0
"""After this long without a transaction, keys that were replaced are wiped from the store's log."""


class Agenda:
    """Which timer stands for what."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._told_at_s: dict[GroupId, float] = {}
        """When the receipts of a conversation are told, or were last."""

    def note(self, turned: Turned, now_s: float, ask_after_s: float) -> None:
        """Set timers for what a turn asks for; logs that the relay did not have are asked for after ``ask_after_s``."""
        wait_for = self._timers.set
        if turned.caught_up:
            wait_for("unheard", None, now_s + ASK_AFTER_S, keep=True)
        for event in turned.outcome.events:
            if isinstance(event, StateMoved) and event.state is MessageState.RELAYED:
                wait_for("unheard", event.chat_id, now_s + ASK_AFTER_S, keep=True)
        for group_id in turned.receipts_later:
            if not self._timers.has("receipt", group_id):
                self._told_at_s[group_id] = max(now_s, self._told_at_s.get(group_id, 0.0) + RECEIPT_INTERVAL_S)
                wait_for("receipt", group_id, self._told_at_s[group_id])
        for group_id, patience_s in turned.impatient_later.items():
            wait_for("impatient", group_id, now_s + patience_s, keep=True)
        for group_id in turned.ask_later:
            wait_for("ask", group_id, now_s + ask_after_s)
        wait_for("scrub", None, now_s + SCRUB_AFTER_S)

    def take_due(self, inputs: Inputs) -> list[tuple[str, Hashable]]:
        """Add what is due to the inputs of a turn; returns what is work beside the loop."""
        errands: list[tuple[str, Hashable]] = []
        for kind, what in self._timers.take_due():
            match kind:
                case "receipt":
                    inputs.receipts.add(cast("GroupId", what))
                case "impatient":
                    inputs.impatient.add(cast("GroupId", what))
                case "ask":
                    inputs.asked_again.add(cast("GroupId", what))
                case "parked":
                    inputs.unparked.add(cast("int", what))
                case "send":
                    inputs.resend.append(cast("OutboxRow", what))
                case _:
                    errands.append((kind, what))
        return errands

    def withdraw_receipts(self) -> set[GroupId]:
        """Conversations whose receipts were to be told later; they are told now."""
        return {cast("GroupId", what) for what in self._timers.withdraw("receipt")}
