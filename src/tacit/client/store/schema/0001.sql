-- The client's store, first version. Every time is in Unix seconds unless the name says ms; every ID is raw bytes.
-- Sets of IDs and notices are small encoded blobs (rows.py); they are read and written whole, never searched.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE profile (
    only_row           INTEGER PRIMARY KEY CHECK (only_row = 1),
    account_id         BLOB NOT NULL,
    account_private    BLOB NOT NULL,
    device_id          BLOB NOT NULL,
    device_private     BLOB NOT NULL,
    device_certificate BLOB NOT NULL,
    handle             TEXT NOT NULL,
    relay_link         TEXT NOT NULL,
    registered         INTEGER NOT NULL,
    receipts           INTEGER NOT NULL,
    created_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE contact (
    account_id  BLOB PRIMARY KEY,
    account_key BLOB NOT NULL,
    handle      TEXT NOT NULL,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    verified_at INTEGER,
    added_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_by_handle ON contact (handle) WHERE handle <> '';

CREATE TABLE chat (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    status       TEXT NOT NULL,
    title        TEXT NOT NULL,
    peer         BLOB,
    created_at   INTEGER NOT NULL,
    invited_by   BLOB,
    read_through INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation (
    group_id     BLOB PRIMARY KEY,
    chat_id      TEXT NOT NULL REFERENCES chat (id),
    status       TEXT NOT NULL,
    cursor       INTEGER NOT NULL,
    last_commit  INTEGER NOT NULL,
    own_last     INTEGER NOT NULL,
    own_counter  INTEGER NOT NULL,
    head         BLOB NOT NULL,
    committed_at INTEGER NOT NULL,
    joined_epoch  INTEGER NOT NULL,
    highest_epoch INTEGER NOT NULL,
    in_doubt      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX conversation_by_chat ON conversation (chat_id, group_id);

-- MLS state, in the rows that the group is stored as: a message changes one of them, a commit those on its path.
CREATE TABLE group_row (
    group_id BLOB NOT NULL,
    key      BLOB NOT NULL,
    value    BLOB NOT NULL,
    PRIMARY KEY (group_id, key)
) STRICT;

CREATE TABLE group_expiry (
    group_id   BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL  -- when the oldest of its past epochs is to be deleted
) STRICT;

CREATE INDEX group_expiry_by_time ON group_expiry (expires_at);

CREATE TABLE pending_commit (
    group_id BLOB PRIMARY KEY,
    state    BLOB NOT NULL
) STRICT;

CREATE TABLE sender_progress (
    group_id      BLOB NOT NULL,
    account_id    BLOB NOT NULL,
    device_id     BLOB NOT NULL,
    counter       INTEGER NOT NULL,
    delivered_seq INTEGER NOT NULL,
    read_seq      INTEGER NOT NULL,
    PRIMARY KEY (group_id, account_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE head (
    group_id BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    head     BLOB NOT NULL,
    PRIMARY KEY (group_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    row            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB NOT NULL,
    chat_id        TEXT NOT NULL REFERENCES chat (id),
    group_id       BLOB NOT NULL,
    kind           TEXT NOT NULL,
    state          TEXT NOT NULL,
    sender         BLOB,
    text           TEXT NOT NULL,
    sent_at_ms     INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    seq            INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    counter        INTEGER NOT NULL,
    notice         BLOB,
    UNIQUE (id, chat_id)
) STRICT;

CREATE INDEX message_by_chat ON message (chat_id, row);
CREATE INDEX message_under_way ON message (group_id, seq) WHERE state IN ('relayed', 'delivered');
CREATE INDEX message_received ON message (chat_id, row) WHERE kind = 'text' AND state = 'received';
CREATE INDEX message_of_log ON message (group_id, row) WHERE kind = 'text' AND state = 'received';

CREATE TABLE intent (
    row          INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id      TEXT NOT NULL REFERENCES chat (id),
    kind         TEXT NOT NULL,
    message_id   BLOB NOT NULL,
    who          BLOB NOT NULL,
    key_packages BLOB NOT NULL,
    text         TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX intent_by_chat ON intent (chat_id, row);

CREATE TABLE outbox (
    row             INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id      BLOB NOT NULL UNIQUE,
    group_id        BLOB,
    inbox_account   BLOB,
    inbox_device    BLOB,
    kind            INTEGER NOT NULL,
    payload         BLOB NOT NULL,
    after_commit    INTEGER NOT NULL,
    readers_added   BLOB NOT NULL,
    readers_removed BLOB NOT NULL,
    intent_row      INTEGER NOT NULL,
    content_id      BLOB,
    appended_seq    INTEGER NOT NULL,
    CHECK ((group_id IS NULL) = (inbox_account IS NOT NULL)),
    CHECK ((inbox_account IS NULL) = (inbox_device IS NULL))
) STRICT;

-- Private halves of KeyPackages; a row goes in the transaction that joins the group.
CREATE TABLE key_package (
    ref         BLOB PRIMARY KEY,
    bundle      BLOB NOT NULL,
    last_resort INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
