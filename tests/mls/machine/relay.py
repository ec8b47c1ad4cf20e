"""The relay of the machine: one log of handshakes with one commit in each epoch, and a mailbox for each device."""

from __future__ import annotations

from dataclasses import dataclass, field

from tacit.mls import KeyPackageBundle


@dataclass(frozen=True)
class Entry:
    """A proposal or a commit in the log."""

    epoch: int
    sender: str
    message: bytes
    is_commit: bool


@dataclass(frozen=True)
class Letter:
    """An application message that lies in the mailboxes of all who were in its epoch."""

    number: int
    epoch: int
    sender: str
    message: bytes
    text: bytes
    aad: bytes


@dataclass(frozen=True)
class Invitation:
    """A Welcome for one newcomer, and where in the log the newcomer begins to read."""

    bundle: KeyPackageBundle
    welcome: bytes
    cursor: int
    epoch: int


@dataclass
class Relay:
    """What lies on the relay."""

    log: list[Entry] = field(default_factory=list)
    epoch: int = 0
    mail: dict[str, dict[int, Letter]] = field(default_factory=dict)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    highest: dict[tuple[int, str, bool], int] = field(default_factory=dict)
    """The highest generation seen in an epoch of a sender: of handshakes if the flag is set."""

    def append(self, entry: Entry) -> bool:
        """Take an entry into the log if it belongs to the epoch that everybody will get to; one commit ends it."""
        if entry.epoch != self.epoch:
            return False
        self.log.append(entry)
        if entry.is_commit:
            self.epoch += 1
        return True

    def post(self, letter: Letter, readers: list[str]) -> None:
        """Put a letter into the mailbox of each reader."""
        for name in readers:
            self.mail.setdefault(name, {})[letter.number] = letter
