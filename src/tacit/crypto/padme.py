"""Padmé: lengths rounded up so that they say little, for at most 12 % more bytes.

A length is rounded so that only its leading bits survive, as many as its logarithm has bits; all lengths up to L so
fall on a number of steps that grows with the logarithm of L, not with L. Source: Nikitin et al., Reducing Metadata
Leakage from Encrypted Files and Communication with PURBs, PoPETs 2019, algorithm 1
"""

from __future__ import annotations


def padme(length: int) -> int:
    """The padded length for ``length`` bytes: never smaller, and the same for many."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    free_bits = exponent - exponent.bit_length()
    mask = (1 << free_bits) - 1
    return (length + mask) & ~mask
