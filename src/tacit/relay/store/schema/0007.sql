-- Numbers that were proved, as hashes under the relay's key. They go with their account.
CREATE TABLE phones (
    account    INTEGER PRIMARY KEY REFERENCES accounts,
    phone_hash BLOB NOT NULL UNIQUE,
    findable   INTEGER NOT NULL
) STRICT;
