-- How many messages went to phones in each hour of the last day, so that a restart does not begin the day anew.
CREATE TABLE phone_sends (
    hour     INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL
) STRICT;
