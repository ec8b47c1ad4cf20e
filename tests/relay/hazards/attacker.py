"""``python -m tests.relay.hazards.attacker ATTACK PORT SECONDS SOURCE [FRAME...]``: one attack, in its own process.

Knows sockets, TLS and nothing of tacit. Says ``{}`` once the attack is under way, and what it came to when its time is
up. Lives by the standard library alone, so that it starts at once.
"""

from __future__ import annotations

import itertools
import json
import re
import select
import selectors
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

TIMEOUT_S = 20.0
CROWD = 400
PAIRS = 16
ANY_NAME = b"NAME-X"
"""Stands in a frame where the name of a rendezvous belongs."""

CLIENT_HELLO = bytes.fromhex("1603010200010001fc0303")
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def main(attack: str, port: int, seconds: float, source: str, frames: Sequence[bytes]) -> None:
    tell(dict(ATTACKS[attack](port, seconds, source, frames)))


def tell(what: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Lasting:
    """How long an attack goes on; a machine that stands still meanwhile takes little of that."""

    MOST_S = 0.5
    """What counts at most between two looks."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds
        self._began_s = self._at_s = time.monotonic()

    @property
    def lasted_s(self) -> float:
        """By the clock on the wall."""
        return time.monotonic() - self._began_s

    def goes_on(self) -> bool:
        at_s = time.monotonic()
        self._left_s -= min(at_s - self._at_s, self.MOST_S)
        self._at_s = at_s
        return self._left_s > 0


def begin(seconds: float) -> Lasting:
    """Say that it begins."""
    tell({})
    return Lasting(seconds)


def dial(port: int, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S, source_address=(source, 0))


def tls(port: int, source: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(dial(port, source))


def message(frame: bytes) -> bytes:
    """One WebSocket message."""
    length = bytes((0x80 | len(frame),)) if len(frame) < 126 else b"\xfe" + len(frame).to_bytes(2, "big")
    return b"\x82" + length + bytes(4) + frame


def slow(port: int, seconds: float, source: str, frames: Sequence[bytes]) -> Counter[str]:
    """Four hundred sockets: silent ones, half a TLS handshake, a byte of it now and then; each lost one is replaced."""
    count: Counter[str] = Counter()
    held: dict[int, socket.socket] = {}
    poll = select.poll()

    def open_one() -> None:
        opened = dial(port, source)
        held[opened.fileno()] = opened
        poll.register(opened, select.POLLIN | select.POLLHUP)
        count["opened"] += 1
        if count["opened"] % 3:
            opened.sendall(CLIENT_HELLO[: count["opened"] % len(CLIENT_HELLO)])

    attack = begin(seconds)
    while attack.goes_on():
        while len(held) < CROWD:
            open_one()
        time.sleep(0.1)
        for descriptor, _ in poll.poll(0):
            poll.unregister(descriptor)
            held.pop(descriptor).close()
            count["lost"] += 1
    for opened in held.values():
        opened.close()
    return count


def connects(port: int, seconds: float, source: str, frames: Sequence[bytes]) -> Counter[str]:
    """Connections as fast as they are taken: three hundred that say nothing, then each with TLS if it gets that far."""
    count: Counter[str] = Counter()
    attack = begin(seconds)
    for _ in range(300):
        dial(port, source).close()
    while attack.goes_on():
        count["tried"] += 1
        try:
            with tls(port, source):
                count["let in"] += 1
        except OSError:
            count["refused"] += 1
    return count


def requests(port: int, seconds: float, source: str, frames: Sequence[bytes]) -> Counter[str]:
    """A connection after the other, with the most costly frame that a stranger can send, as often as it is taken."""
    count: Counter[str] = Counter()
    attack = begin(seconds)
    while attack.goes_on():
        try:
            with tls(port, source) as link:
                link.sendall(UPGRADE)
                link.recv(65_536)
                for _ in range(4):
                    link.sendall(message(frames[0]))
                    count["asked"] += 1
                # Whoever waits for the end of a link on which it says no goodbye waits for long.
                count["answered"] += sum(bool(link.recv(65_536)) for _ in range(3))
        except OSError:
            count["refused"] += 1
    return count


def nonsense(port: int, seconds: float, source: str, frames: Sequence[bytes]) -> Counter[str]:
    """One connection after the other, from one address after the other, on which one of these is said; some without
    TLS. ``source`` is what the addresses begin with.
    """
    count: Counter[str] = Counter()
    attack = begin(seconds)
    for number in itertools.count():
        if not attack.goes_on():
            return count
        address, said = f"{source}{number % 250 + 1}", frames[number % len(frames)]
        try:
            with dial(port, address) if number % 4 == 0 else tls(port, address) as link:
                link.settimeout(0.05)
                link.sendall(said)
                link.recv(65_536)
        except OSError:
            count["lost"] += 1
        count["said without TLS" if number % 4 == 0 else "said"] += 1
    raise AssertionError("counted to the end")


def talks(port: int, seconds: float, source: str, frames: Sequence[bytes]) -> Counter[str]:
    """Strangers at rendezvous: each has one frame, and says it as fast as it can.

    The first frame opens a rendezvous; the second, if it is any, goes to one; the last is what is said.
    """
    links = []
    for _ in range(PAIRS):
        host, answer = ask(port, source, frames[0])
        links.append(host)
        if frames[1]:
            name = re.search(rb"[0-9A-F]{6}", answer)
            assert name is not None, answer
            links.append(ask(port, source, frames[1].replace(ANY_NAME, name[0]))[0])
    return shout(links, begin(seconds), message(frames[2]))


def ask(port: int, source: str, frame: bytes) -> tuple[ssl.SSLSocket, bytes]:
    """A connection that has been greeted and has asked one thing, and what was answered."""
    link, heard = tls(port, source), bytearray()
    link.sendall(UPGRADE)
    while b"\r\n\r\n" not in heard:
        heard += link.recv(65_536)
    del heard[: heard.index(b"\r\n\r\n") + 4]
    hear(link, heard)
    link.sendall(message(frame))
    return link, hear(link, heard)


def hear(link: ssl.SSLSocket, heard: bytearray) -> bytes:
    """The next message."""
    while True:
        if len(heard) >= 4:
            begin, end = (4, int.from_bytes(heard[2:4], "big")) if heard[1] == 126 else (2, heard[1])
            if len(heard) >= begin + end:
                said = bytes(heard[begin : begin + end])
                del heard[: begin + end]
                return said
        more = link.recv(65_536)
        if not more:
            raise ConnectionResetError
        heard += more


def shout(links: Sequence[ssl.SSLSocket], attack: Lasting, said: bytes) -> Counter[str]:
    """Say the same on all connections as fast as it is taken, and listen to nothing."""
    count: Counter[str] = Counter()
    chunk = said * max(1, 16_000 // len(said))
    selector = selectors.DefaultSelector()
    for link in links:
        link.setblocking(False)
        selector.register(link, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while attack.goes_on() and selector.get_map():
        for key, _ in selector.select(0.1):
            link = key.fileobj
            assert isinstance(link, ssl.SSLSocket)
            try:
                with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    count["bytes said"] += link.send(chunk)
                with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    while heard := len(link.recv(65_536)):
                        count["bytes heard"] += heard
                    raise ConnectionResetError
            except OSError:
                selector.unregister(link)
                count["lost"] += 1
    return count


def calls(port: int, seconds: float, source: str, frames: Sequence[bytes]) -> Counter[str]:
    """gRPC calls, as many as are taken and each as soon as one has ended; the first frame is the path.

    A connection that is lost is opened again.
    """
    count: Counter[str] = Counter()
    attack = begin(seconds)
    while attack.goes_on():
        try:
            with tls(port, source) as link:
                count["let in"] += 1
                link.sendall(PREFACE)
                link.setblocking(False)
                call(link, attack, frames[0], count)
        except OSError:
            count["lost"] += 1
    return count


def call(link: ssl.SSLSocket, attack: Lasting, path: bytes, count: Counter[str]) -> None:
    """Begin one stream after the other on an HTTP/2 connection, and be polite otherwise."""
    fields = b"\x83\x87\x01\x01x\x04" + bytes((len(path),)) + path
    fields += b"\x0f\x10\x10application/grpc\x00\x02te\x08trailers"
    poll, stream, free, leaving, heard = select.poll(), 1, 8, b"", bytearray()
    poll.register(link, select.POLLIN | select.POLLOUT)
    while attack.goes_on():
        poll.poll(100)
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while more := link.recv(65_536):
                heard += more
            raise ConnectionResetError
        while len(heard) >= 9 and len(heard) >= (size := 9 + int.from_bytes(heard[:3], "big")):
            if heard[3] in (SETTINGS, PING) and not heard[4]:
                leaving += h2(heard[3], 1, 0, bytes(heard[9:17]) if heard[3] == PING else b"")
            free += heard[3] == RESET or (heard[3] == HEADERS and heard[4] & 1)
            del heard[:size]
        for _ in range(free):
            leaving += h2(HEADERS, 4, stream, fields) + h2(DATA, 1, stream, bytes(5))
            stream += 2
            count["called"] += 1
        free = 0
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            leaving = leaving[link.send(leaving[:16_000]) :]


def h2(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2. Source: RFC 9113 §4.1."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


DATA, HEADERS, RESET, SETTINGS, PING = 0, 1, 3, 4, 6
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2(SETTINGS, 0, 0, b"")

ATTACKS = {
    "slow": slow,
    "connects": connects,
    "requests": requests,
    "nonsense": nonsense,
    "talks": talks,
    "calls": calls,
}

if __name__ == "__main__":
    name, to_port, for_s, from_address, *said = sys.argv[1:]
    main(name, int(to_port), float(for_s), from_address, [bytes.fromhex(frame) for frame in said])
