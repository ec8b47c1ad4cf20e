"""A bridge for judges: MLS as one JSON line each way, so that any other implementation can be run against this one.

``python -m tacit.mls.bridge`` reads requests from its standard input and answers each on its standard output, in order.
One process plays any number of clients, all in memory. A request that fails gets an error and changes nothing. Keys and
secrets cross the line in the clear: this is for tests, not for anybody's messages. Every verb: docs/mls-bridge.md

    arguments   the typed reading of a request
    clients     what one client has: keys, key packages, groups, a commit under way
    membership  the verbs that make, join and change groups
    messages    the verbs that send, read and look
    session     from a line to a line
    __main__    the shell: the only place in ``tacit.mls`` that has streams, a clock and the system's randomness
"""
