-- What an operator did about an account, and which invitation let it in.
ALTER TABLE accounts ADD COLUMN suspended_at INTEGER;
ALTER TABLE accounts ADD COLUMN suspended_note TEXT NOT NULL DEFAULT '';

-- A deleted account is a number under which its last entries lie, and goes with the last of them.
ALTER TABLE accounts ADD COLUMN deleted_at INTEGER;

-- An account comes in once, so with one invitation at most.
CREATE TABLE invite_uses (
    account    INTEGER PRIMARY KEY REFERENCES accounts,
    token_hash BLOB NOT NULL REFERENCES invites,
    used_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX invite_uses_by_invite ON invite_uses (token_hash);

-- For the quota of a maker, and so that deleting a device does not read every log.
CREATE INDEX logs_by_maker ON logs (maker) WHERE maker IS NOT NULL;
