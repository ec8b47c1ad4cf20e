"""Measures tacit and prints tables, each figure a median, with a floor beside it where one is known.

A floor is what the work cannot do without, measured in the same run on the same machine: machines differ, ratios
travel. ``crypto``, ``mls`` and ``relay`` are the tables; the rest is what they stand on.
"""
