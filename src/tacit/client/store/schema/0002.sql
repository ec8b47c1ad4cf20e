-- What this client brings back to a relay that was restored from a backup.
ALTER TABLE conversation ADD COLUMN incarnation BLOB NOT NULL DEFAULT x'';
ALTER TABLE conversation ADD COLUMN joined_seq INTEGER NOT NULL DEFAULT 0;

-- The last entries of each log. A number below zero is one from before a restore that the log has not shown again yet.
CREATE TABLE kept_entry (
    group_id        BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    message_id      BLOB NOT NULL,
    kind            INTEGER NOT NULL,
    payload         BLOB NOT NULL,
    author          BLOB NOT NULL,
    readers_added   BLOB NOT NULL,
    readers_removed BLOB NOT NULL,
    head            BLOB NOT NULL,
    kept_at         INTEGER NOT NULL,
    PRIMARY KEY (group_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_entry_aside ON kept_entry (group_id) WHERE seq < 0;

CREATE TABLE kept_welcome (
    row        INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id BLOB NOT NULL UNIQUE,
    account_id BLOB NOT NULL,
    device_id  BLOB NOT NULL,
    payload    BLOB NOT NULL,
    kept_at    INTEGER NOT NULL
) STRICT;

-- What came in through the inbox, so that it is taken in once, whatever number it has.
CREATE TABLE inbox_seen (
    row        INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id BLOB NOT NULL UNIQUE
) STRICT;
