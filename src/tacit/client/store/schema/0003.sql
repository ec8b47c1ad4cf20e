-- At which incarnation of the relay keys came about, so that no two lives of this store use the same ones.
ALTER TABLE conversation ADD COLUMN keys_from BLOB NOT NULL DEFAULT x'';
UPDATE conversation SET keys_from = incarnation;
ALTER TABLE key_package ADD COLUMN incarnation BLOB NOT NULL DEFAULT x'';
UPDATE key_package SET incarnation = coalesce((SELECT value FROM meta WHERE name = 'relay-incarnation'), x'');
