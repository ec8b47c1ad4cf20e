from __future__ import annotations

import pytest

from tacit.errors import DecodeError
from tacit.mls.messages import (
    decode_message,
)
from tests.vectors.messages import MESSAGES
from tests.vectors.official import official_cases

un = bytes.fromhex


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_trailing_and_missing_bytes_are_malformed(name: str) -> None:
    data = un(official_cases("messages")[0][name])
    for broken in (data + b"\0", data[:-1], b"", b"\0\2" + data[2:], data[:2] + b"\0\0" + data[4:]):
        with pytest.raises(DecodeError):
            decode_message(broken)
