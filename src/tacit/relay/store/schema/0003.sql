-- Which life of its data a relay is in: a restored one has forgotten what came after the backup.
CREATE TABLE relay (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    incarnation BLOB NOT NULL,
    restored_at INTEGER
) STRICT;
