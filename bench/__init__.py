"""Measures tacit and prints tables, each figure a median, with a floor beside it where one is known.

A floor is what the work cannot do without, measured in the same run on the same machine: machines differ, ratios
travel. Every module of this package but ``measure``, ``machine`` and ``echo`` is one table.
"""
