from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives import hpke as library
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey

from tacit.crypto.aead import AES_256_GCM
from tacit.crypto.hpke import Hpke
from tacit.crypto.kdf import HKDF_SHA384
from tacit.errors import CryptoError
from tests.vectors.kems import MLKEM768, MLKEM1024, MLKEM1024_P384, REFERENCE_KEMS, ReferenceKem
from tests.vectors.ml_kem import ML_KEM_768, ML_KEM_1024, MlKem

LIBRARY = [
    pytest.param(ML_KEM_768, MLKEM768PrivateKey, id="ML-KEM-768"),
    pytest.param(ML_KEM_1024, MLKEM1024PrivateKey, id="ML-KEM-1024"),
]


@pytest.mark.parametrize(("ours", "private_type"), LIBRARY)
def test_the_reference_agrees_with_the_library_both_ways(ours: MlKem, private_type) -> None:
    entropy = random.Random(1)
    for _ in range(3):
        seed = entropy.randbytes(64)
        theirs = private_type.from_seed_bytes(seed)
        public, private = ours.key_pair(seed)
        assert public == theirs.public_key().public_bytes_raw()
        secret, ciphertext = theirs.public_key().encapsulate()
        assert ours.decapsulate(private, ciphertext) == secret
        secret, ciphertext = ours.encapsulate(public, entropy.randbytes(32))
        assert theirs.decapsulate(ciphertext) == secret
        changed = bytes((ciphertext[0] ^ 1,)) + ciphertext[1:]
        assert ours.decapsulate(private, changed) == theirs.decapsulate(changed) != secret


@pytest.mark.parametrize("kem", REFERENCE_KEMS, ids=lambda kem: f"0x{kem.id:04x}")
def test_tacits_hpke_opens_what_it_seals_over_every_kem_of_the_vectors(kem: ReferenceKem) -> None:
    hpke = Hpke(kem, HKDF_SHA384, AES_256_GCM)
    pair = kem.derive_key_pair(b"\x01" * 64)
    assert (len(pair.private), len(pair.public)) == (kem.private_key_size, kem.public_key_size)
    kem_output, ciphertext = hpke.seal(pair.public, b"info", b"plaintext")
    assert len(kem_output) == kem.output_size
    assert hpke.open(pair.private, kem_output, b"info", ciphertext) == b"plaintext"
    changed = bytes((kem_output[0] ^ 1,)) + kem_output[1:]
    for bad_output, info in ((kem_output, b"other"), (kem_output[1:], b"info"), (changed, b"info")):
        with pytest.raises(CryptoError):
            hpke.open(pair.private, bad_output, info, ciphertext)


def test_the_library_opens_what_tacits_hpke_seals_where_it_has_the_kem() -> None:
    for kem, number, private_type in (
        (MLKEM768, library.KEM.MLKEM768, MLKEM768PrivateKey),
        (MLKEM1024, library.KEM.MLKEM1024, MLKEM1024PrivateKey),
    ):
        pair = kem.derive_key_pair(b"\x02" * 64)
        sealed = b"".join(Hpke(kem, HKDF_SHA384, AES_256_GCM).seal(pair.public, b"info", b"plaintext"))
        suite = library.Suite(number, library.KDF.HKDF_SHA384, library.AEAD.AES_256_GCM)
        assert suite.decrypt(sealed, private_type.from_seed_bytes(pair.private), b"info") == b"plaintext"


def test_the_library_opens_what_tacits_hpke_seals_to_a_hybrid_key() -> None:
    kem = MLKEM1024_P384
    pair = kem.derive_key_pair(b"\x03" * 64)
    sealed = b"".join(Hpke(kem, HKDF_SHA384, AES_256_GCM).seal(pair.public, b"info", b"plaintext"))
    ml_kem_seed, scalar = kem._halves(pair.private)
    private = library.MLKEM1024P384PrivateKey(
        MLKEM1024PrivateKey.from_seed_bytes(ml_kem_seed),
        ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP384R1()),
    )
    suite = library.Suite(library.KEM.MLKEM1024_P384, library.KDF.HKDF_SHA384, library.AEAD.AES_256_GCM)
    assert suite.decrypt(sealed, private, b"info") == b"plaintext"
