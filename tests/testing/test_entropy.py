"""Seeded entropy repeats itself and nothing else."""

from __future__ import annotations

from tacit.testing.entropy import SeededEntropy


def test_the_same_seed_and_name_give_the_same_bytes() -> None:
    first, second = SeededEntropy(7, "alice"), SeededEntropy(7, "alice")
    assert [first(n) for n in (0, 1, 16, 5000)] == [second(n) for n in (0, 1, 16, 5000)]


def test_other_seeds_names_and_calls_give_other_bytes() -> None:
    entropy = SeededEntropy(7, "alice")
    drawn = {entropy(32), entropy(32), SeededEntropy(7, "bob")(32), SeededEntropy(8, "alice")(32), SeededEntropy(7)(32)}
    assert len(drawn) == 5


def test_the_size_is_what_was_asked_for() -> None:
    assert [len(SeededEntropy(1)(n)) for n in (0, 1, 33)] == [0, 1, 33]
