"""Test vectors: one check for each family, found by structure, run by ``./dev vectors`` and by pytest alike.

A family's module has ``check(case, options)``, which raises unless everything that the format describes is as tacit has
it: ``Mismatch`` where values differ, ``Unsupported`` where tacit lacks what the case needs, or tacit's own refusal.
"""
