"""Points of an Edwards curve, written out here to find the small ones without trusting the constants under test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


@dataclass(frozen=True)
class Edwards:
    """The curve ``a x^2 + y^2 = 1 + d x^2 y^2`` over a prime; ``order`` is of its large subgroup. RFC 8032 §5"""

    prime: int
    a: int
    d: int
    order: int
    size: int
    """Bytes of an encoded point."""

    def add(self, first: Point, second: Point) -> Point:
        (x1, y1), (x2, y2) = first, second
        k = self.d * x1 * x2 * y1 * y2
        x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, self.prime)
        y = (y1 * y2 - self.a * x1 * x2) * pow(1 - k, -1, self.prime)
        return x % self.prime, y % self.prime

    def multiply(self, point: Point, factor: int) -> Point:
        total = NEUTRAL
        while factor:
            if factor & 1:
                total = self.add(total, point)
            point, factor = self.add(point, point), factor >> 1
        return total

    def encode(self, y: int, sign: int) -> bytes:
        return (y | sign << (8 * self.size - 1)).to_bytes(self.size, "little")

    def small_order_points(self, point_with_y: Callable[[int], Point | None], cofactor: int) -> set[Point]:
        """All of them, as multiples of one of order ``cofactor``: a point times the order of the large subgroup."""
        for y in range(2, 100):
            point = point_with_y(y)
            if point is None:
                continue
            torsion = self.multiply(point, self.order)
            if self.multiply(torsion, cofactor // 2) != NEUTRAL:
                return {self.multiply(torsion, factor) for factor in range(cofactor)}
        raise AssertionError("no point of that order found")
