"""A group of up to twelve devices that lives a random life over a relay that delivers late, twice or never.

``devices`` holds what a device has in memory and on its disk, ``relay`` puts commits into one order, ``world`` does
what can be done and asserts what must come of it, ``life`` lets Hypothesis choose. ``python -m tests.mls.machine`` runs
as long as one likes.
"""
