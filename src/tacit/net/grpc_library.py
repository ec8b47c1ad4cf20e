"""The way to grpcio: loaded only where gRPC is spoken, told to be quiet, and what it is told of a relay's service."""

from __future__ import annotations

import os
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


def load_grpc() -> Any:
    """Grpcio with its part for asyncio; a tenth of a second and 20 MB that others do not pay."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import grpc
    import grpc.aio

    return grpc
