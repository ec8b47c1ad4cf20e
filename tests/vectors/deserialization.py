"""Family deserialization: length prefixes."""

from __future__ import annotations

from typing import Any

from tacit.codec import decode_varint, encode_varint
from tests.vectors.expect import Options, expect, un


def check(case: Any, options: Options) -> None:
    """The prefix means the length, and the length has that prefix."""
    del options
    header = un(case["vlbytes_header"])
    expect("length", decode_varint(header, 0), (case["length"], len(header)))
    expect("vlbytes_header", encode_varint(case["length"]), header)
