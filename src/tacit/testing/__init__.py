"""A world of clients and a relay for tests: in one process, on virtual time, from a seed, with every fault on demand.

For tacit's own tests and for whoever builds on the SDK. Start at ``tacit.testing.story``; ``World`` and ``Actor`` are
what a story is told in, ``faults`` and ``evil`` what happens to it. Never for anything that is to stay secret.
"""
