-- Whoever came into a room by its link is on probation until a member's commit names it among those in the group.
ALTER TABLE readers ADD COLUMN probation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE readers ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;
