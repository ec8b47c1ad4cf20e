-- A room is a log that whoever holds its link may come into. What the relay keeps for them is opaque to it.
CREATE TABLE rooms (
    log             INTEGER PRIMARY KEY REFERENCES logs ON DELETE CASCADE,
    join_token_hash BLOB NOT NULL,
    group_info      BLOB NOT NULL,
    commit_seq      INTEGER NOT NULL DEFAULT 0,
    name            TEXT UNIQUE,
    link_secret     BLOB
) STRICT;
