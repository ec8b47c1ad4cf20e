"""Everything that each client handed to the network, checked as it leaves: nothing is ever sealed twice.

A retry must be byte-identical, and no two ciphertexts may share a place in a ratchet, whatever crashed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tacit import mls
from tacit.errors import PeerError
from tacit.testing.links import Meddler, Passing, Step
from tacit.wire import relay_pb2 as pb

ReadGroup: TypeAlias = Callable[[bytes], mls.Group | None]
"""The sender's state of a group, as its store holds it now."""

Place: TypeAlias = tuple[bytes, int, int, bool, int]
"""A secret of the epoch, its number, leaf, whether it is the handshake ratchet, generation.

After a restore, epochs of one number can have nothing in common; places in their ratchets are different ones.
"""


class SealedTwice(Exception):
    """A client sent two different ciphertexts where there may only be one."""


class Ledger:
    """What all clients of a world have sent."""

    def __init__(self) -> None:
        self._payloads: dict[bytes, bytes] = {}
        self._places: dict[Place, bytes] = {}
        self._sent: dict[bytes, int] = {}
        self.faults: list[str] = []

    @property
    def places(self) -> int:
        """How many ciphertexts were seen."""
        return len(self._places)

    @property
    def repeats(self) -> int:
        """How often the same bytes were sent again."""
        return sum(self._sent.values()) - len(self._sent)

    def watch(self, name: str, read_group: ReadGroup) -> Meddler:
        """A meddler that writes down what one client sends, and changes nothing."""

        def meddle(passing: Passing) -> Sequence[Step] | None:
            if passing.to_relay and isinstance(passing.body, pb.Append):
                self._note(name, passing.body, read_group)
            return None

        return meddle

    def check(self) -> None:
        """Raise ``SealedTwice`` if anything was."""
        if self.faults:
            raise SealedTwice("; ".join(self.faults))

    def _note(self, name: str, append: pb.Append, read_group: ReadGroup) -> None:
        known = self._payloads.setdefault(append.message_id, append.payload)
        if known != append.payload:
            self.faults.append(f"{name} sent other bytes under one message ID")
            return
        self._sent[append.message_id] = self._sent.get(append.message_id, 0) + 1
        if append.HasField("inbox"):
            return
        group = read_group(append.log_id)
        place = None if group is None else _place(group, append.payload)
        if place is None:
            return
        first = self._places.setdefault(place, append.message_id)
        if first != append.message_id:
            self.faults.append(f"{name} sealed twice at epoch {place[1]}, generation {place[4]}")


def _place(group: mls.Group, payload: bytes) -> Place | None:
    try:
        position = group.sender_position(payload)
    except PeerError:
        return None  # sealed in an epoch whose keys are gone: it was seen when it first left
    secrets = {keys.epoch: keys.sender_data_secret for keys in group.past_keys}
    secret = secrets.get(position.epoch, group.state.secrets.sender_data_secret)
    return secret.reveal(), position.epoch, position.leaf_index, position.is_handshake, position.generation
