"""What can go wrong on the relay's own side, as its operator sees it; clients meet ``tacit.wire.errors``."""

from __future__ import annotations

from tacit.errors import ConfigError, NotFound, StorageError, UsageError


class StoreNotDurable(StorageError):
    """The relay's store does not reach the disk safely in this place."""

    code = "store-not-durable"
    hint = "Use a local file system; network and some overlay file systems cannot hold a write-ahead log."


class StoreNewer(StorageError):
    """The relay's store was written by a newer version of tacit."""

    code = "store-newer"
    hint = "Update tacit; nothing was changed."


class StoreOlder(StorageError):
    """The relay's store was written by an older version of tacit."""

    code = "store-older"
    hint = "Start the relay once with this version; it copies the store and brings it up to date."


class StoreForeign(StorageError):
    """The file in the place of the relay's store is something else."""

    code = "store-foreign"
    hint = "Choose another data directory."


class StoreDamaged(StorageError):
    """The relay's store is damaged where it says what it holds."""

    code = "store-damaged"
    hint = "Restore a backup; tacit relay doctor says what is wrong. Keep the damaged file aside."


class StoreUnusable(StorageError):
    """The relay's store cannot be opened or written."""

    code = "store-unusable"
    hint = "Check that the disk has room and that the directory belongs to the user who runs the relay."


class WriterFailed(StorageError):
    """The relay could write nothing any longer and has stopped."""

    code = "writer-failed"
    hint = "Start it again, or have a supervisor do that; what was acknowledged is kept. The log names the fault."


class NoStore(NotFound):
    """There is no relay's store in that directory."""

    code = "no-store"
    hint = "Start the relay once, or name its data directory."


class AlreadyRunning(ConfigError):
    """Another relay runs on that data directory."""

    code = "already-running"
    hint = "Stop it first, or give each relay a directory of its own."


class RelayKeyDamaged(ConfigError):
    """The relay's key or certificate cannot be read."""

    code = "relay-key-damaged"
    hint = "Restore it from a backup. A new key would make every link that people hold worthless."


class BackupExists(UsageError):
    """There is a file of that name already."""

    code = "backup-exists"
    hint = "Choose another name; a backup never replaces anything."


class BackupFailed(StorageError):
    """The backup could not be written or read."""

    code = "backup-failed"
    hint = "Check that the folder is there, that it has room, and whose it is."


class BackupDamaged(StorageError):
    """The backup is damaged."""

    code = "backup-damaged"
    hint = "Take another one; this one is not used."


class NotABackup(UsageError):
    """That file is no backup of a relay."""

    code = "not-a-backup"


class DataThere(UsageError):
    """That folder holds the data of a relay."""

    code = "relay-data-there"
    hint = "Name an empty folder: tacit relay --data; with --force what is there is moved aside, nothing is deleted."


class NoSuchInvite(NotFound):
    """There is no invitation of that ID."""

    code = "no-such-invite"


class BadInvite(UsageError):
    """An invitation like that cannot be made."""

    code = "bad-invite"


class AmbiguousId(UsageError):
    """More than one account begins like that."""

    code = "ambiguous-id"
    hint = "Give more of the ID; tacit relay users --json shows all of it."


class ReadOnlySocket(UsageError):
    """That socket only answers questions."""

    code = "read-only-socket"
    hint = "What changes anything goes to control.sock, as the user who runs the relay."


class ControlMalformed(UsageError):
    """The running relay did not understand the request."""

    code = "control-malformed"


class ControlVersion(UsageError):
    """The running relay and this command are of different versions."""

    code = "control-version"
    hint = "Restart the relay, so that both are of the version that is installed."


class ControlUnavailable(UsageError):
    """A relay runs on that folder, but does not answer at its control socket."""

    code = "control-unavailable"
    hint = "It may be starting or stopping, or its folder's path is too long; its log says more. Ask again, or stop it."


class RelayStopped(UsageError):
    """That needs a running relay, and none runs on that folder."""

    code = "relay-not-running"
    hint = "Start it with tacit serve."


class TooLargeBeside(UsageError):
    """Giving space back would stop a relay of that size for too long while it runs."""

    code = "too-large-beside"
    hint = "Stop the relay for it. What was deleted is used again in any case."


class BadNote(UsageError):
    """A note has 200 characters at most."""

    code = "bad-note"
