-- What is brought back counts for whoever brings it, and each reader has its own place to go back to.
ALTER TABLE brought ADD COLUMN bringer INTEGER;
ALTER TABLE absent_readers ADD COLUMN bringer INTEGER;
ALTER TABLE readers ADD COLUMN restored_seq INTEGER;
UPDATE readers SET restored_seq = (SELECT restored_seq FROM logs WHERE logs.log = readers.log)
    WHERE owes OR log IN (SELECT log FROM logs WHERE log_id IS NULL);
