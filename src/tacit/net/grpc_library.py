"""The way to grpcio: loaded only where gRPC is spoken, told to be quiet, and what it is told of a relay's service."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

SERVICE: Final = "tacit.relay.v1.Relay"
METHOD: Final = "Connect"
"""One stream in both directions; each message is a frame."""

_SETTINGS: Final = {
    # Its words go to standard error, with addresses in them.
    "GRPC_VERBOSITY": "NONE",
    # Nothing forks once it is loaded, and the handlers for that would wait for threads.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}

_LONGEST_PLACE: Final = 74
"""Bytes of the place for temporary files; with ours behind it, a Unix socket's address has some hundred."""


def make_socket_folder() -> Path:
    """Make a folder that only this user can enter, whose path leaves room for the names of sockets."""
    usual = tempfile.gettempdir()
    place = usual if len(os.fsencode(usual)) <= _LONGEST_PLACE else "/tmp"  # noqa: S108 - the folder in it is new
    return Path(tempfile.mkdtemp(prefix="tacit-grpc-", dir=place))


def load_grpc() -> Any:
    """Grpcio with its part for asyncio; a tenth of a second and 20 MB that others do not pay."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import grpc
    import grpc.aio

    return grpc
