-- At which incarnation of the relay keys came about, so that no two lives of this store use the same ones.
ALTER TABLE conversation ADD COLUMN keys_from BLOB NOT NULL DEFAULT x'';
UPDATE conversation SET keys_from = incarnation;
ALTER TABLE key_package ADD COLUMN incarnation BLOB NOT NULL DEFAULT x'';
UPDATE key_package SET incarnation = coalesce((SELECT value FROM meta WHERE name = 'relay-incarnation'), x'');

-- Texts that a restored log has still to show again, and all of others in order, with their places.
CREATE INDEX message_aside ON message (group_id, seq) WHERE seq < 0;
DROP INDEX message_of_log;
CREATE INDEX message_of_log ON message (group_id, row, seq) WHERE kind = 'text' AND state = 'received';
