"""Primitives: hashes, KDFs, AEADs, HPKE, signatures, cipher suites, account keys, certificates, passphrases.

The only room that imports ``cryptography`` and ``argon2``. Keys are raw bytes in the form that the RFCs put on the
wire; everything received is checked when it is loaded, and every failure is a ``CryptoError``. Knows no messages and
no people.

Randomness is an argument, with one exception: HPKE's sender takes its ephemeral keys from OpenSSL's own generator,
which offers no other way.
"""
