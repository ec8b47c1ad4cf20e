"""The TLS presentation language as MLS uses it: integers, vectors with variable-size lengths, optional values, structs.

Knows no protocol. Every value has exactly one encoding; anything else raises ``DecodeError`` and nothing but it.
Source: RFC 9420 §2.1
"""

from __future__ import annotations

from tacit.codec.errors import EncodeError
from tacit.codec.reader import Reader
from tacit.codec.structs import Struct, decode, encode
from tacit.codec.varint import MAX_VARINT, decode_varint, encode_varint
from tacit.codec.writer import Writer, encode_opaque

__all__ = [
    "MAX_VARINT",
    "EncodeError",
    "Reader",
    "Struct",
    "Writer",
    "decode",
    "decode_varint",
    "encode",
    "encode_opaque",
    "encode_varint",
]
