"""WebSocket frames of the listener's side, as bytes: what it writes, and what it makes of what it reads.

Reading is aiohttp's parser, compiled, that also checks what RFC 6455 asks of a client's frames, but for the mask, which
``ws_gate`` sees to. Here it is given a queue that only collects, so that everything of one read is there at once and no
task is woken for each frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, cast

from aiohttp import WebSocketError, WSMessage, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketReader

from tacit.net.links import CloseCode
from tacit.net.ws_link import fit_reason

PING: Final = bytes((0x89, 0))

_BINARY, _PONG, _CLOSE = b"\x82", b"\x8a", b"\x88"
_SHORT: Final = tuple(_BINARY + bytes((size,)) for size in range(126))


def encode_frames(frames: Iterable[bytes]) -> bytes:
    """Binary messages, one frame each, unmasked as a server's are. Source: RFC 6455 §5.2."""
    pieces: list[bytes] = []
    for frame in frames:
        pieces.append(_header(len(frame)))
        pieces.append(frame)
    return b"".join(pieces)


def encode_pong(payload: bytes) -> bytes:
    """The answer to a ping, whose payload is at most 125 bytes."""
    return _PONG + bytes((len(payload),)) + payload


def encode_close(code: int, reason: str) -> bytes:
    """A goodbye; a long reason loses its end."""
    payload = code.to_bytes(2, "big") + fit_reason(reason)
    return _CLOSE + bytes((len(payload),)) + payload


class Collected(WebSocketDataQueue):
    """Takes what a parser finds; one is enough for many parsers, as each read is taken out at once."""

    def __init__(self) -> None:
        super().__init__(cast(Any, None), 0, loop=asyncio.get_running_loop())
        self._messages: list[WSMessage] = []

    def feed_data(self, data: Any, size: Any) -> None:
        """Collect one message, or control frame."""
        self._messages.append(data)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Collect what ends the link, as the last message."""
        code = exc.code if isinstance(exc, WebSocketError) else CloseCode.PROTOCOL_ERROR
        self._messages.append(WSMessage(WSMsgType.ERROR, code, None))

    def take(self) -> list[WSMessage]:
        """All that was collected since the last call."""
        messages, self._messages = self._messages, []
        return messages


def make_parser(collected: Collected, max_frame: int) -> WebSocketReader:
    """A parser of one connection's bytes that refuses larger messages before it holds them."""
    return WebSocketReader(collected, max_frame + 1, compress=False, decode_text=False)


def _header(size: int) -> bytes:
    if size < 126:
        return _SHORT[size]
    if size < 65_536:
        return b"\x82\x7e" + size.to_bytes(2, "big")
    return b"\x82\x7f" + size.to_bytes(8, "big")
