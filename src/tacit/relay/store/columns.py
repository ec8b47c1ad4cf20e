"""Every column that the relay keeps, with its purpose and how long it is kept. A test fails on one that is not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ACCOUNT = "as long as the account"
DEVICE = "as long as the account"
LOG = "until the log has no readers left"
READER = "until the device has read all it may"
ENTRY = "until every reader has acknowledged it, the retention time at most"
ANSWER = "the retention time after the entry went"
RELAY = "as long as the relay"
RETURNS = "the retention time after the restore"
DAMAGE = "the retention time after it was found"
INVITE = "the retention time after it was revoked or expired"
INVITE_USE = "as long as the account and the invitation"
DELETED = "until the last entry of a deleted account is fetched, the retention time at most"
SENDS = "a day after that hour"
RESTS = "until it is as if nothing had been sent there, twelve hours at most; in no backup"
KEY_PACKAGE = "until it expires, 84 days at most"


@dataclass(frozen=True, slots=True)
class Column:
    """One column and why it is there."""

    table: str
    name: str
    purpose: str
    kept: str


COLUMNS: Final = (
    Column("accounts", "account", "number of the account in this file", ACCOUNT),
    Column("accounts", "account_id", "the ID by which others find the account", ACCOUNT),
    Column("accounts", "account_key", "public key, to check what the account signs", ACCOUNT),
    Column("accounts", "handle", "unique name, if the account took one", ACCOUNT),
    Column("accounts", "held_bytes", "size of what it wrote or brought back and others have not fetched", ACCOUNT),
    Column("accounts", "created_at", "when it registered, for the operator", ACCOUNT),
    Column("accounts", "suspended_at", "when the operator suspended it; shuts it out", "until it is resumed"),
    Column("accounts", "suspended_note", "what the operator wrote beside it", "until it is resumed"),
    Column("accounts", "deleted_at", "when it was deleted; nothing but numbers is left in its row", DELETED),
    Column("devices", "device", "number of the device in this file", DEVICE),
    Column("devices", "account", "whose device it is", DEVICE),
    Column("devices", "device_id", "the ID by which others address the device", DEVICE),
    Column("devices", "device_key", "public key, to check logins", DEVICE),
    Column("devices", "certificate", "shown to others, who check it themselves", DEVICE),
    Column("devices", "certificate_expires_at", "when others stop accepting it", DEVICE),
    Column("devices", "inbox", "the log for what others send to the device", DEVICE),
    Column("devices", "created_at", "when it registered, for the operator", DEVICE),
    Column("devices", "revoked_at", "shuts the device out for good", DEVICE),
    Column("invites", "token_hash", "recognises the token, which is not kept", INVITE),
    Column("invites", "note", "what the operator wrote beside it", INVITE),
    Column("invites", "uses", "how many accounts may use it", INVITE),
    Column("invites", "used", "how many have", INVITE),
    Column("invites", "created_at", "for the operator's list", INVITE),
    Column("invites", "expires_at", "ends it", INVITE),
    Column("invites", "revoked_at", "ends it", INVITE),
    Column("invite_uses", "account", "which account used one, for the operator", INVITE_USE),
    Column("invite_uses", "token_hash", "which one", INVITE_USE),
    Column("invite_uses", "used_at", "when", INVITE_USE),
    Column("phones", "account", "whose number it is", ACCOUNT),
    Column("phones", "phone_hash", "says that a number is taken, to whoever proves it; under the relay's key", ACCOUNT),
    Column("phones", "findable", "whether others who want it too find the account by its number", ACCOUNT),
    Column("phone_sends", "hour", "in which messages went to phones, for the bound on a day's", SENDS),
    Column("phone_sends", "messages", "how many did; not to whom", SENDS),
    Column(
        "phone_rests", "hash", "a number, or a block of numbers, that messages went to; under the relay's key", RESTS
    ),
    Column("phone_rests", "rest_at", "when as much may be sent there as ever", RESTS),
    Column("key_packages", "device", "whose KeyPackage it is", KEY_PACKAGE),
    Column("key_packages", "digest", "keeps one that was given out from coming back", KEY_PACKAGE),
    Column("key_packages", "suite", "which cipher suite it is for", KEY_PACKAGE),
    Column("key_packages", "last_resort", "may be given out more than once", KEY_PACKAGE),
    Column("key_packages", "key_package", "public keys, opaque here", "until it is given out or expires"),
    Column("key_packages", "expires_at", "when it is worthless", KEY_PACKAGE),
    Column("key_packages", "given_out", "how often it was given out; not to whom", KEY_PACKAGE),
    Column("logs", "log", "number of the log in this file", LOG),
    Column("logs", "log_id", "the random ID that its readers chose; none for inboxes", LOG),
    Column("logs", "maker", "the device that made it, for idempotence and quotas", LOG),
    Column("logs", "last_seq", "number of the last entry", LOG),
    Column("logs", "last_commit_seq", "what the next commit must have seen", LOG),
    Column("logs", "dropped_seq", "the entries up to here are gone", LOG),
    Column("logs", "held_bytes", "size of what waits, for the quota of inboxes", LOG),
    Column("logs", "created_at", "for the operator", LOG),
    Column("logs", "restored_seq", "where it ended at a restore, for readers who have more", LOG),
    Column("logs", "held_until", "nothing new is taken before, after a restore", LOG),
    Column("logs", "brought_commit_seq", "the last commit that no new one has replaced since a restore", LOG),
    Column("rooms", "log", "which log is a room", LOG),
    Column("rooms", "join_token_hash", "recognises those with the room link; empty while it is locked", LOG),
    Column("rooms", "group_info", "for newcomers; opaque here, as only those with the link can read it", LOG),
    Column("rooms", "commit_seq", "which commit the GroupInfo is of", LOG),
    Column("rooms", "name", "by which anybody finds it; public rooms only", LOG),
    Column("rooms", "link_secret", "given to whoever asks by name; public rooms only", LOG),
    Column("readers", "log", "which log", READER),
    Column("readers", "device", "which device may read and write it", READER),
    Column("readers", "start_seq", "reads what comes after", READER),
    Column("readers", "end_seq", "reads up to here, once removed", READER),
    Column("readers", "acked_seq", "has stored everything up to here", READER),
    Column("readers", "own_seq", "its own last entry, so that a restored backup is noticed", READER),
    Column("readers", "restored_seq", "where it ended at the restores that the reader has yet to get over", READER),
    Column("readers", "probation", "came into a room by its link, and no member has named it yet", READER),
    Column("readers", "leaving", "has said that it is about to go, so that newcomers may remove it", READER),
    Column("readers", "owes", "may bring back what a restored relay lacks", READER),
    Column("entries", "position", "log and number", ENTRY),
    Column("entries", "author", "the device that appended it, for idempotence and quotas", ENTRY),
    Column("entries", "message_id", "recognises a repeat", ENTRY),
    Column("entries", "kind", "message, commit or Welcome", ENTRY),
    Column("entries", "payload", "ciphertext", ENTRY),
    Column("entries", "received_at_ms", "for the retention time, and as a hint to readers", ENTRY),
    Column("entries", "checksum", "notices what the disk spoilt", ENTRY),
    Column("damage", "kind", "whether it was an entry or a KeyPackage", DAMAGE),
    Column("damage", "place", "counts what is spoilt once", DAMAGE),
    Column("damage", "found_at", "for the retention time", DAMAGE),
    Column("relay", "only_row", "there is one relay", RELAY),
    Column("relay", "incarnation", "random; a restored relay has another one, so that clients notice", RELAY),
    Column("relay", "restored_at", "when it was restored, for the operator", RELAY),
    Column("relay", "waits_for", "the incarnation for which it waits for what its backup lacks", RELAY),
    Column("relay", "waits_until", "when it stops waiting", RELAY),
    Column("brought", "log", "which log", RETURNS),
    Column("brought", "message_id", "recognises what two readers bring back", RETURNS),
    Column("brought", "seq", "its number", RETURNS),
    Column("brought", "brought_at", "for the retention time", RETURNS),
    Column("brought", "bringer", "the account that brought it back, for its quota", RETURNS),
    Column("absent_readers", "log", "which log", "until it registers again, the retention time at most"),
    Column("absent_readers", "account_id", "recognises the account", "until it registers again"),
    Column("absent_readers", "device_id", "recognises the device", "until it registers again"),
    Column("absent_readers", "start_seq", "reads what comes after", "until it registers again"),
    Column("absent_readers", "end_seq", "reads up to here, once removed", "until it registers again"),
    Column("absent_readers", "noted_at", "for the retention time", "until it registers again"),
    Column("absent_readers", "bringer", "the account that said so, for its quota", "until it registers again"),
    Column("answers", "author", "the device that appended", ANSWER),
    Column("answers", "message_id", "recognises a repeat", ANSWER),
    Column("answers", "log", "which log", ANSWER),
    Column("answers", "seq", "the first answer, given again", ANSWER),
    Column("answers", "dropped_at", "for the retention time", ANSWER),
)
