"""``python -m tests.relay.hazards.attacker ATTACK PORT SECONDS SOURCE [FRAME]``: one attack, in a process of its own.

Knows sockets, TLS and nothing of tacit. Says ``{}`` once the attack is under way, and what it came to when its time is
up. Lives by the standard library alone, so that it starts at once.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import sys
import time
from collections import Counter

TIMEOUT_S = 20.0
CROWD = 400
CLIENT_HELLO = bytes.fromhex("1603010200010001fc0303")
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def main(attack: str, port: int, seconds: float, source: str, frame: bytes) -> None:
    tell({})
    until = time.monotonic() + seconds
    tell(dict(ATTACKS[attack](port, until, source, frame)))


def tell(what: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def dial(port: int, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S, source_address=(source, 0))


def tls(port: int, source: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(dial(port, source))


def slow(port: int, until: float, source: str, frame: bytes) -> Counter[str]:
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

    while time.monotonic() < until:
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


def connects(port: int, until: float, source: str, frame: bytes) -> Counter[str]:
    """Connections as fast as they are taken: three hundred that say nothing, then each with TLS if it gets that far."""
    count: Counter[str] = Counter()
    for _ in range(300):
        dial(port, source).close()
    while time.monotonic() < until:
        count["tried"] += 1
        try:
            with tls(port, source):
                count["let in"] += 1
        except OSError:
            count["refused"] += 1
    return count


def requests(port: int, until: float, source: str, frame: bytes) -> Counter[str]:
    """A connection after the other, with the most costly frame that a stranger can send, as often as it is taken."""
    count: Counter[str] = Counter()
    header = b"\x82\xfe" + len(frame).to_bytes(2, "big") + bytes(4)
    while time.monotonic() < until:
        try:
            with tls(port, source) as link:
                link.sendall(UPGRADE)
                link.recv(65_536)
                for _ in range(4):
                    link.sendall(header + frame)
                    count["asked"] += 1
                while link.recv(65_536):
                    count["answered"] += 1
        except OSError:
            count["refused"] += 1
    return count


ATTACKS = {"slow": slow, "connects": connects, "requests": requests}

if __name__ == "__main__":
    name, to_port, for_s, from_address, *frames = sys.argv[1:]
    main(name, int(to_port), float(for_s), from_address, bytes.fromhex("".join(frames)))
