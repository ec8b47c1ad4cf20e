"""What can go wrong with the store on this machine."""

from __future__ import annotations

from tacit.errors import Locked, StorageError


class StoreFull(StorageError):
    """The disk is full; nothing was lost, and nothing new can be written."""

    code = "disk-full"
    hint = "Make room on the disk and try again."


class StoreDamaged(StorageError):
    """The store on this machine is damaged."""

    code = "store-damaged"
    hint = "Check the disk; then restore the profile's folder from a backup."


class StoreFailed(StorageError):
    """The machine could not read or write the store."""

    code = "store-failed"
    hint = "Check that the disk is writable and that the folder belongs to you."


class StoreNewer(StorageError):
    """The store was written by a newer version of tacit."""

    code = "store-newer"
    hint = "Upgrade tacit; this version leaves the store as it is."


class StoreMissing(StorageError):
    """There is no store here."""

    code = "store-missing"
    hint = "Create a profile first: tacit init."


class StoreExists(StorageError):
    """There is a store here already."""

    code = "store-exists"
    hint = "Choose another profile name."


class WrongPassphrase(Locked):
    """The passphrase does not open this profile."""

    code = "wrong-passphrase"
    hint = "Try again; a forgotten passphrase cannot be recovered."


class PassphraseNeeded(Locked):
    """The profile is protected by a passphrase."""

    code = "passphrase-needed"
    hint = "Give the passphrase by prompt, file, file descriptor or environment."


class KeyFileInvalid(Locked):
    """The file that says how this profile's key is made is missing, broken or too weak."""

    code = "key-file-invalid"
    hint = "Restore key.json of the profile's folder from a backup."


class ProfileInUse(Locked):
    """Another tacit process is using this profile."""

    code = "profile-in-use"
    hint = "Close it first, or use another profile with -P."
