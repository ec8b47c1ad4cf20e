-- What was sent of late to each number and to each block of numbers, so that a restart does not begin that anew either.
CREATE TABLE phone_rests (
    hash    BLOB PRIMARY KEY,
    rest_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX phone_rests_by_time ON phone_rests (rest_at);
