"""Why a message, a call or a stored state is refused, in the cases where the caller does something about it.

Every other broken rule of the RFC is a plain ``InvalidMessage`` whose ``check`` names the rule.
"""

from __future__ import annotations

from typing import ClassVar

from tacit.errors import InvalidMessage, StorageError, UsageError


class WrongGroup(InvalidMessage):
    """A message belongs to another group."""

    code = "wrong-group"

    def __init__(self) -> None:
        super().__init__("6/group-id")


class WrongEpoch(InvalidMessage):
    """A message belongs to an epoch whose keys are not here.

    ``epoch`` is the message's; larger than the group's own means that commits are missing.
    """

    code = "wrong-epoch"

    def __init__(self, epoch: int) -> None:
        super().__init__("6/epoch")
        self.epoch = epoch


class GenerationConsumed(InvalidMessage):
    """A message was opened before, or its key has been given up."""

    code = "replayed"

    def __init__(self) -> None:
        super().__init__("9.2/consumed")


class GenerationTooFar(InvalidMessage):
    """A message claims to be further ahead of its predecessors than is accepted."""

    code = "too-far-ahead"

    def __init__(self) -> None:
        super().__init__("15.3/generation-window")


class OwnMessage(InvalidMessage):
    """A message claims to come from this device, which cannot open what it sent itself.

    For a commit: if the bytes are those of the pending commit, merge that instead.
    """

    code = "own-message"

    def __init__(self, epoch: int, generation: int, *, is_signed: bool) -> None:
        super().__init__("6.3/own-message")
        self.epoch = epoch
        self.generation = generation
        self.is_signed = is_signed
        """Whether our own signature is on it. Of a private message, only a ratchet that has not come there can tell."""


class NotForUs(InvalidMessage):
    """An invitation is for none of the KeyPackages that are left here."""

    code = "not-for-us"

    def __init__(self) -> None:
        super().__init__("12.4.3.1/key-package-ref")


class UnsupportedOperation(InvalidMessage):
    """A message asks for a part of MLS that this version does not take part in yet."""

    code = "unsupported-operation"


class OutsiderRefused(InvalidMessage):
    """Somebody outside the group tries to change it, and this group does not let them."""

    code = "outsider-refused"


class PSKUnavailable(InvalidMessage):
    """A message needs a pre-shared key that is not here."""

    code = "psk-unavailable"

    def __init__(self) -> None:
        super().__init__("12.4.2/psk-available")


class GroupReinitialized(UsageError):
    """The group was closed in favour of a new one, and nothing is sent in it any more."""

    code = "reinitialized"
    hint: ClassVar[str] = "go on in the new group, or begin it with reinitialize"


class NotReinitialized(UsageError):
    """The group has not been closed by a ReInit, so there is nothing to begin in its place."""

    code = "not-reinitialized"
    hint: ClassVar[str] = "commit a ReInit first"


class BadLength(UsageError):
    """No secret can be that long, or that short."""

    code = "bad-length"


class BadPolicy(UsageError):
    """A policy lets more members into a group than can be decoded, or nobody."""

    code = "bad-policy"


class SignatureKeyNeeded(UsageError):
    """The new group's suite signs in another way, so it needs a signature key of its own."""

    code = "signature-key-needed"
    hint: ClassVar[str] = "give signature_private, and the credential that goes with it"


class PendingProposals(UsageError):
    """Changes to the group were proposed and have to be committed before anything else is sent."""

    code = "pending-proposals"
    hint: ClassVar[str] = "commit the pending proposals, then send"


class CommitMismatch(UsageError):
    """The pending commit was not made in this epoch of this group."""

    code = "commit-mismatch"


class UseProposeUpdate(UsageError):
    """An update of our own leaf is proposed with propose_update, which makes its keys."""

    code = "use-propose-update"


class RatchetExhausted(UsageError):
    """No message key is left in this epoch."""

    code = "ratchet-exhausted"
    hint: ClassVar[str] = "commit to begin a new epoch, then send"


class BadState(StorageError):
    """The stored state of a group cannot be read."""

    code = "bad-group-state"
