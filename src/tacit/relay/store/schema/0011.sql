-- What is past its time is found without a look at the rest: a sweep that read every KeyPackage would hold all writers up.
CREATE INDEX key_packages_by_expiry ON key_packages (expires_at);
CREATE INDEX answers_by_age ON answers (dropped_at);
CREATE INDEX brought_by_age ON brought (brought_at);
