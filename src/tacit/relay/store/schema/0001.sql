-- What a relay keeps. Every column is declared, with its purpose and how long it is kept, in ../columns.py.
-- Rows refer to accounts, devices and logs by small numbers of this file; the IDs that clients know stand once.

CREATE TABLE accounts (
    account     INTEGER PRIMARY KEY,
    account_id  BLOB NOT NULL UNIQUE,
    account_key BLOB NOT NULL,
    handle      TEXT UNIQUE,
    held_bytes  INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL
) STRICT;

-- A device is known under its account only: whoever registers a stranger's device key as his own gains and blocks nothing.
CREATE TABLE devices (
    device                 INTEGER PRIMARY KEY,
    account                INTEGER NOT NULL REFERENCES accounts,
    device_id              BLOB NOT NULL,
    device_key             BLOB NOT NULL,
    certificate            BLOB NOT NULL,
    certificate_expires_at INTEGER NOT NULL,
    inbox                  INTEGER NOT NULL UNIQUE REFERENCES logs,
    created_at             INTEGER NOT NULL,
    revoked_at             INTEGER,
    UNIQUE (account, device_id)
) STRICT;

CREATE TABLE invites (
    token_hash BLOB PRIMARY KEY,
    note       TEXT NOT NULL,
    uses       INTEGER NOT NULL,
    used       INTEGER NOT NULL DEFAULT 0 CHECK (used <= uses),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- A one-time KeyPackage that was given out leaves its digest until it would have expired, so that it cannot come back.
CREATE TABLE key_packages (
    device      INTEGER NOT NULL REFERENCES devices,
    digest      BLOB NOT NULL,
    suite       INTEGER NOT NULL,
    last_resort INTEGER NOT NULL,
    key_package BLOB,
    expires_at  INTEGER NOT NULL,
    given_out   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, digest)
) STRICT;

-- Conversations have an ID and a maker, inboxes neither: they are found through their device. Numbers are never used
-- again, so that nothing that refers to a log which is gone can mean another one.
CREATE TABLE logs (
    log             INTEGER PRIMARY KEY AUTOINCREMENT,
    log_id          BLOB UNIQUE,
    maker           INTEGER REFERENCES devices,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    last_commit_seq INTEGER NOT NULL DEFAULT 0,
    dropped_seq     INTEGER NOT NULL DEFAULT 0,
    held_bytes      INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL
) STRICT;

-- A device that is removed and added again has a row for each stretch of the log that it may read.
CREATE TABLE readers (
    log       INTEGER NOT NULL REFERENCES logs,
    device    INTEGER NOT NULL REFERENCES devices,
    start_seq INTEGER NOT NULL,
    end_seq   INTEGER,
    acked_seq INTEGER NOT NULL,
    own_seq   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (log, device, start_seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX readers_of_device ON readers (device);

-- One entry lies at log * 2^32 + seq, so that a log is one stretch of one tree, in order.
CREATE TABLE entries (
    position       INTEGER PRIMARY KEY,
    author         INTEGER NOT NULL REFERENCES devices,
    message_id     BLOB NOT NULL,
    kind           INTEGER NOT NULL,
    payload        BLOB NOT NULL,
    received_at_ms INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX entries_by_message ON entries (author, message_id, (position >> 32));
CREATE INDEX entries_by_age ON entries (received_at_ms);

-- The answer to an append whose entry is gone before its author said that it knows: a repeat gets the same one.
CREATE TABLE answers (
    author     INTEGER NOT NULL REFERENCES devices,
    message_id BLOB NOT NULL,
    log        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    dropped_at INTEGER NOT NULL,
    PRIMARY KEY (author, message_id, log)
) STRICT, WITHOUT ROWID;
