"""One writer and its readers, and how many messages are on the way between them.

A message is done when it was acknowledged and has come to every reader. With a window a conversation is a closed loop:
a message that is done makes room for the next one. Without, whoever drives it says when to write. Times are kept for
each message by its number, so nothing has to be looked up.
"""

from __future__ import annotations

import time
from array import array
from typing import Protocol


class Writer(Protocol):
    """Sends messages of one conversation."""

    def write(self, count: int) -> None:
        """Send so many messages at once, each with a number of its own."""
        ...


class Conversation:
    """Counts what is sent, acknowledged and delivered; a writer's and readers' connections call it."""

    __slots__ = ("_left", "_readers", "_sent_at", "acknowledged", "delivered", "latencies", "sent", "window", "writer")

    def __init__(self, writer: Writer, readers: int) -> None:
        self.writer = writer
        self._readers = readers
        self.window = 0
        """How many messages may be on the way; 0 to send none by itself."""
        self.sent = 0
        self.acknowledged = 0
        self.delivered = 0
        """Messages that every reader has."""
        self.latencies: array[float] | None = None
        """Seconds from sending to delivery, one for each reader, while somebody wants them."""
        self._left: list[int] = []
        """For each message how many readers do not have it."""
        self._sent_at = array("d")

    @property
    def on_the_way(self) -> int:
        """Messages that are not done."""
        return self.sent - min(self.acknowledged, self.delivered)

    def go_on(self) -> None:
        """Send what the window has room for."""
        room = self.window - self.on_the_way
        if room > 0:
            self.send(room, time.perf_counter())

    def send(self, count: int, at_s: float) -> None:
        """Send so many messages, which were due at this time."""
        self.sent += count
        self._sent_at.extend([at_s] * count)
        if self._readers > 1:
            self._left += [self._readers] * count
        self.writer.write(count)

    def on_acknowledged(self, count: int) -> None:
        """Take note of answers."""
        self.acknowledged += count
        if self.window:
            self.go_on()

    def on_delivered(self, first: int, count: int) -> None:
        """Take note that one reader has got ``count`` messages from the one with number ``first`` on, 0 the first."""
        if self.latencies is not None:
            now_s = time.perf_counter()
            self.latencies.extend([now_s - at_s for at_s in self._sent_at[first : first + count]])
        if self._readers == 1:
            self.delivered += count
        else:
            for number in range(first, first + count):
                self._left[number] -= 1
                self.delivered += not self._left[number]
        if self.window:
            self.go_on()
