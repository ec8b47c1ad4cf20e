"""ML-KEM written out from the standard, in no constant time: ``cryptography`` has no ML-KEM-512, which one case needs.

What it gives for ML-KEM-768 and ML-KEM-1024 is compared with ``cryptography`` by ``test_kems``.
Source: FIPS 203 §4 to §6
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

Q: Final = 3329
N: Final = 256
ROOT: Final = 17
INVERSE_OF_128: Final = 3303

Polynomial = list[int]


def _reversed_7(i: int) -> int:
    return int(f"{i:07b}"[::-1], 2)


ZETAS: Final = [pow(ROOT, _reversed_7(i), Q) for i in range(128)]
GAMMAS: Final = [pow(ROOT, 2 * _reversed_7(i) + 1, Q) for i in range(128)]


@dataclass(frozen=True, slots=True)
class MlKem:
    """One parameter set; names as in the standard."""

    k: int
    eta_1: int
    eta_2: int
    d_u: int
    d_v: int

    def key_pair(self, seed: bytes) -> tuple[bytes, bytes]:
        """The encapsulation key and the expanded decapsulation key of a seed d || z. Source: FIPS 203 §6.1"""
        d, z = seed[:32], seed[32:]
        rho, sigma = _g(d + bytes((self.k,)))
        s = [_ntt(_noise(sigma, n, self.eta_1)) for n in range(self.k)]
        e = [_ntt(_noise(sigma, self.k + n, self.eta_1)) for n in range(self.k)]
        t = [_add(_dot(row, s), error) for row, error in zip(self._matrix(rho), e, strict=True)]
        public = b"".join(_pack(poly, 12) for poly in t) + rho
        return public, b"".join(_pack(poly, 12) for poly in s) + public + _h(public) + z

    def encapsulate(self, public: bytes, m: bytes) -> tuple[bytes, bytes]:
        """The shared secret and its ciphertext, from 32 bytes of randomness. Source: FIPS 203 §6.2"""
        secret, r = _g(m + _h(public))
        return secret, self._encrypt(public, m, r)

    def decapsulate(self, private: bytes, ciphertext: bytes) -> bytes:
        """The shared secret; another one for a ciphertext that was tampered with. Source: FIPS 203 §6.3"""
        at = 384 * self.k
        public, z = private[at : 2 * at + 32], private[-32:]
        m = self._decrypt(private[:at], ciphertext)
        secret, r = _g(m + private[2 * at + 32 : 2 * at + 64])
        if self._encrypt(public, m, r) != ciphertext:
            return hashlib.shake_256(z + ciphertext).digest(32)
        return secret

    def _encrypt(self, public: bytes, m: bytes, r: bytes) -> bytes:
        t, rho = _unpack_each(public[: 384 * self.k], 12), public[384 * self.k :]
        y = [_ntt(_noise(r, n, self.eta_1)) for n in range(self.k)]
        columns = zip(*self._matrix(rho), strict=True)
        u = [
            _add(_inverse_ntt(_dot(list(column), y)), _noise(r, self.k + n, self.eta_2))
            for n, column in enumerate(columns)
        ]
        v = _add(_inverse_ntt(_dot(t, y)), _noise(r, 2 * self.k, self.eta_2))
        v = _add(v, [_decompress(bit, 1) for bit in _unpack(m, 1)])
        packed = [_pack([_compress(x, self.d_u) for x in poly], self.d_u) for poly in u]
        return b"".join(packed) + _pack([_compress(x, self.d_v) for x in v], self.d_v)

    def _decrypt(self, private: bytes, ciphertext: bytes) -> bytes:
        at = 32 * self.d_u * self.k
        u = [[_decompress(x, self.d_u) for x in poly] for poly in _unpack_each(ciphertext[:at], self.d_u)]
        v = [_decompress(x, self.d_v) for x in _unpack(ciphertext[at:], self.d_v)]
        noisy = _inverse_ntt(_dot(_unpack_each(private, 12), [_ntt(poly) for poly in u]))
        return _pack([_compress((a - b) % Q, 1) for a, b in zip(v, noisy, strict=True)], 1)

    def _matrix(self, rho: bytes) -> list[list[Polynomial]]:
        return [[_uniform(rho + bytes((j, i))) for j in range(self.k)] for i in range(self.k)]


ML_KEM_512: Final = MlKem(2, 3, 2, 10, 4)
ML_KEM_768: Final = MlKem(3, 2, 2, 10, 4)
ML_KEM_1024: Final = MlKem(4, 2, 2, 11, 5)


def _g(data: bytes) -> tuple[bytes, bytes]:
    digest = hashlib.sha3_512(data).digest()
    return digest[:32], digest[32:]


def _h(data: bytes) -> bytes:
    return hashlib.sha3_256(data).digest()


def _uniform(seed: bytes) -> Polynomial:
    """SampleNTT. Source: FIPS 203, algorithm 7"""
    stream = hashlib.shake_128(seed).digest(3 * 600)
    found: Polynomial = []
    for at in range(0, len(stream), 3):
        a, b, c = stream[at : at + 3]
        found += [x for x in (a + 256 * (b % 16), b // 16 + 16 * c) if x < Q]
    return found[:N]


def _noise(seed: bytes, number: int, eta: int) -> Polynomial:
    """SamplePolyCBD of the seed's pseudorandom bits. Source: FIPS 203, algorithm 8"""
    bits = int.from_bytes(hashlib.shake_256(seed + bytes((number,))).digest(64 * eta), "little")
    mask = (1 << eta) - 1
    poly = []
    for _ in range(N):
        poly.append(((bits & mask).bit_count() - (bits >> eta & mask).bit_count()) % Q)
        bits >>= 2 * eta
    return poly


def _ntt(poly: Polynomial) -> Polynomial:
    out, i, length = list(poly), 1, 128
    while length >= 2:
        for start in range(0, N, 2 * length):
            for j in range(start, start + length):
                t = ZETAS[i] * out[j + length]
                out[j + length], out[j] = (out[j] - t) % Q, (out[j] + t) % Q
            i += 1
        length //= 2
    return out


def _inverse_ntt(poly: Polynomial) -> Polynomial:
    out, i, length = list(poly), 127, 2
    while length <= 128:
        for start in range(0, N, 2 * length):
            for j in range(start, start + length):
                t = out[j]
                out[j], out[j + length] = (t + out[j + length]) % Q, ZETAS[i] * (out[j + length] - t) % Q
            i -= 1
        length *= 2
    return [x * INVERSE_OF_128 % Q for x in out]


def _dot(left: list[Polynomial], right: list[Polynomial]) -> Polynomial:
    """The sum of the products, all of them in the NTT domain. Source: FIPS 203, algorithms 11 and 12"""
    out = [0] * N
    for a, b in zip(left, right, strict=True):
        for i, gamma in enumerate(GAMMAS):
            a_0, a_1, b_0, b_1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
            out[2 * i] = (out[2 * i] + a_0 * b_0 + a_1 * b_1 * gamma) % Q
            out[2 * i + 1] = (out[2 * i + 1] + a_0 * b_1 + a_1 * b_0) % Q
    return out


def _add(left: Polynomial, right: Polynomial) -> Polynomial:
    return [(a + b) % Q for a, b in zip(left, right, strict=True)]


def _compress(x: int, bits: int) -> int:
    return ((x << bits) + Q // 2) // Q % (1 << bits)


def _decompress(x: int, bits: int) -> int:
    return (x * Q + (1 << (bits - 1))) >> bits


def _pack(poly: Polynomial, bits: int) -> bytes:
    return sum(x << (bits * i) for i, x in enumerate(poly)).to_bytes(32 * bits, "little")


def _unpack(data: bytes, bits: int) -> Polynomial:
    number = int.from_bytes(data, "little")
    return [number >> (bits * i) & ((1 << bits) - 1) for i in range(N)]


def _unpack_each(data: bytes, bits: int) -> list[Polynomial]:
    return [_unpack(data[at : at + 32 * bits], bits) for at in range(0, len(data), 32 * bits)]
