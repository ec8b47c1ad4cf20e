-- Rooms: the secret of the link, what a commit leaves with the relay, under which names people spoke, and who wants in.
ALTER TABLE conversation ADD COLUMN link_secret BLOB NOT NULL DEFAULT x'';
ALTER TABLE outbox ADD COLUMN room BLOB NOT NULL DEFAULT x'';
ALTER TABLE message ADD COLUMN nick TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN notice_nicks BLOB NOT NULL DEFAULT x'';

-- Commits by which this device asks to come into rooms, until the relay has them or refuses them.
CREATE TABLE room_join (
    group_id     BLOB PRIMARY KEY,
    message_id   BLOB NOT NULL,
    payload      BLOB NOT NULL,
    after_commit INTEGER NOT NULL,
    group_info   BLOB NOT NULL,
    link_secret  BLOB NOT NULL,
    group_state  BLOB NOT NULL,
    incarnation  BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
