"""A service's HTTPS endpoint: a JSON document, signed with a secret that the service and the relay share.

The signature covers the moment too, so a service refuses what is old; an ID that all tries of one message share lets it
recognise a repeat.
"""

from __future__ import annotations

import hmac
import json
from functools import partial
from typing import Final

from tacit.clock import Clock
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.net.posting import PostFailed, post
from tacit.relay.delivery.sending import TIMEOUT_S, Again, NotDelivered, Undeliverable, trying

TIMESTAMP: Final = "Tacit-Timestamp"
SIGNATURE: Final = "Tacit-Signature"

BAD_NUMBER: Final = 422
LATER: Final = frozenset({408, 425, 429})
"""Statuses by which a service asks for patience; those of 500 and above do too."""

_ID_BYTES: Final = 16


class WebhookDelivery:
    """Posts messages to one endpoint."""

    def __init__(self, url: str, secret: Secret, clock: Clock, entropy: Entropy) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._entropy = entropy

    async def deliver(self, number: str, text: str) -> None:
        """Post a message, again where that may help. Raises ``NotDelivered``."""
        message = {"id": self._entropy(_ID_BYTES).hex(), "number": number, "text": text}
        body = json.dumps(message).encode()
        await trying(partial(self._once, body), self._clock, self._entropy)

    async def _once(self, body: bytes) -> None:
        timestamp = str(int(self._clock.now_s()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, body),
        }
        try:
            status = await post(self._url, body, headers, TIMEOUT_S)
        except PostFailed as error:
            raise Again(error.detail) from None
        if status in LATER or status >= 500:
            raise Again(str(status))
        if status == BAD_NUMBER:
            raise Undeliverable
        if not 200 <= status < 300:
            raise NotDelivered(str(status))


def signature(secret: Secret, timestamp: str, body: bytes) -> str:
    """What a service compares: HMAC-SHA256 of timestamp, a dot and the body, in hexadecimal digits."""
    return hmac.new(secret.reveal(), timestamp.encode() + b"." + body, "sha256").hexdigest()
