from __future__ import annotations

import math

import pytest

from tacit.crypto.padme import padme


@pytest.mark.parametrize(
    ("length", "padded"), [(0, 0), (1, 1), (2, 2), (8, 8), (9, 10), (17, 18), (33, 36), (1000, 1024), (1025, 1088)]
)
def test_examples(length: int, padded: int):
    assert padme(length) == padded


def test_a_length_never_shrinks_never_grows_by_more_than_12_percent_and_is_stable():
    for length in range(1, 70_000):
        padded = padme(length)
        assert length <= padded <= length * 1.12 + 1
        assert padme(padded) == padded


def test_lengths_fall_on_few_steps():
    steps = {padme(length) for length in range(1, 65_537)}
    assert len(steps) <= 16 * 2 * math.log2(65_536)


def test_it_is_the_algorithm_of_the_paper():
    for length in range(2, 5_000):
        exponent = math.floor(math.log2(length))
        size_of_exponent = math.floor(math.log2(exponent)) + 1
        mask = (1 << (exponent - size_of_exponent)) - 1 if exponent > size_of_exponent else 0
        assert padme(length) == (length + mask) & ~mask
