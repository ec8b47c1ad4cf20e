-- Each entry has a checksum, so that one that the disk spoilt is noticed and never served.
ALTER TABLE entries ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE entries SET checksum = entry_checksum(position, author, message_id, kind, payload, received_at_ms);

-- What was found spoilt: an entry at its position, a KeyPackage at its row number.
CREATE TABLE damage (
    kind     TEXT NOT NULL,
    place    INTEGER NOT NULL,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (kind, place)
) STRICT, WITHOUT ROWID;
