"""Account keys as PEM files: read in any form that OpenSSL knows, written as PKCS#8, sealed with a passphrase or not.

``cryptography`` writes PKCS#8 with 2,048 rounds of PBKDF2, which stopped being enough long ago. The file is therefore
put together here, with as many rounds as OWASP asks for and salt and IV as arguments; any tool that knows PKCS#8 reads
it. Source: RFC 8018 §6.2, §A.4; RFC 5958; RFC 7468
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tacit.crypto import account_keys
from tacit.crypto.errors import BadKey, UnsupportedKey, WrongPassphrase
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.errors import UsageError

PBKDF2_ROUNDS: Final = 600_000
"""PBKDF2 with HMAC-SHA-256, a few tenths of a second."""

MAX_PEM_BYTES: Final = 64 * 1024

_SALT_SIZE: Final = 16
_IV_SIZE: Final = 16
_KEY_SIZE: Final = 32
_LINE: Final = 64

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_NULL: Final = bytes.fromhex("0500")
_OID_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_OID_PBKDF2: Final = bytes.fromhex("06092a864886f70d01050c")
_OID_HMAC_SHA256: Final = bytes.fromhex("06082a864886f70d0209")
_OID_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")


class BadPem(UsageError):
    """That is not a private key in a PEM file."""

    code = "bad-pem"
    hint = "Of a key in OpenSSH's own form, 'ssh-keygen -p -m PKCS8 -f COPY' makes one that can be read."


def account_key_to_pem(private: Secret, passphrase: bytes, entropy: Entropy) -> bytes:
    """The account key sealed with a passphrase, which must not be empty."""
    if not passphrase:
        raise WrongPassphrase("it is empty")
    salt, iv = entropy(_SALT_SIZE), entropy(_IV_SIZE)
    key = hashlib.pbkdf2_hmac("sha256", passphrase, salt, PBKDF2_ROUNDS, _KEY_SIZE)
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(private.reveal()) + padder.finalize()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    sealed = encryptor.update(padded) + encryptor.finalize()
    return _pem("ENCRYPTED PRIVATE KEY", _sequence(_pbes2(salt, iv), _der(_OCTETS, sealed)))


def account_key_to_open_pem(private: Secret) -> bytes:
    """The account key as it is: whoever has the file is the account."""
    return _pem("PRIVATE KEY", private.reveal())


def is_sealed(pem: bytes) -> bool:
    """Whether a PEM file says that a passphrase opens it, in its PKCS#8 form or in the traditional one."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in pem or b"Proc-Type: 4,ENCRYPTED" in pem


def account_key_from_pem(pem: bytes, passphrase: bytes | None) -> Secret:
    """The account key in a PEM file of any kind that OpenSSL reads; ``None`` for one that is not sealed.

    Raises ``BadPem``, ``WrongPassphrase``, or ``UnsupportedKey``, with the reason, for keys that no account can have.
    """
    if len(pem) > MAX_PEM_BYTES or b"PRIVATE KEY-----" not in pem:
        raise BadPem
    try:
        key = load_pem_private_key(pem, passphrase, unsafe_skip_rsa_key_validation=True)  # that is done below
    except TypeError:
        raise WrongPassphrase("the file is not sealed" if passphrase else "it is missing") from None
    except UnsupportedAlgorithm:
        raise UnsupportedKey from None
    except ValueError:
        raise (BadPem if passphrase is None else WrongPassphrase)() from None
    if not isinstance(key, account_keys.AccountPrivateKey):
        raise UnsupportedKey
    private = account_keys.encode_private(key)
    try:
        account_keys.check_private_key(private)
    except BadKey as error:
        raise UnsupportedKey(error.detail) from None
    return private


def _pbes2(salt: bytes, iv: bytes) -> bytes:
    rounds = _der(_INTEGER, PBKDF2_ROUNDS.to_bytes(3, "big"))
    pbkdf2 = _sequence(_OID_PBKDF2, _sequence(_der(_OCTETS, salt), rounds, _sequence(_OID_HMAC_SHA256, _NULL)))
    cipher = _sequence(_OID_AES_256_CBC, _der(_OCTETS, iv))
    return _sequence(_OID_PBES2, _sequence(pbkdf2, cipher))


def _sequence(*parts: bytes) -> bytes:
    return _der(_SEQUENCE, b"".join(parts))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + content


def _pem(what: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----", ""]).encode()
