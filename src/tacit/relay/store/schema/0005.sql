-- After a restore the readers of a log bring back what the backup lacks; until then it is held.
ALTER TABLE relay ADD COLUMN waits_for BLOB;
ALTER TABLE relay ADD COLUMN waits_until INTEGER;
ALTER TABLE logs ADD COLUMN restored_seq INTEGER;
ALTER TABLE logs ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN brought_commit_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE readers ADD COLUMN owes INTEGER NOT NULL DEFAULT 0;

-- Whoever brings an entry back may not know its author, so it is known by its own ID.
CREATE TABLE brought (
    log        INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    brought_at INTEGER NOT NULL,
    PRIMARY KEY (log, message_id)
) STRICT, WITHOUT ROWID;

-- Devices that a commit which was brought back has made readers, and that are not registered any more.
CREATE TABLE absent_readers (
    log        INTEGER NOT NULL,
    account_id BLOB NOT NULL,
    device_id  BLOB NOT NULL,
    start_seq  INTEGER NOT NULL,
    end_seq    INTEGER,
    noted_at   INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id, log, start_seq)
) STRICT, WITHOUT ROWID;
