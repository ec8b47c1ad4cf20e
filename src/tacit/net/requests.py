"""How aiohttp reads a request on any port of ours: small headers, one request, and no word in a log."""

from __future__ import annotations

import logging
from typing import Any, Final

MAX_HEADER_LINE_BYTES: Final = 4_096

_NO_LOGGER: Final = logging.Logger("tacit.net.http")
"""Outside the tree of loggers, and writes nothing: aiohttp's words hold peers' addresses."""
_NO_LOGGER.disabled = True


def small_requests(max_headers: int) -> dict[str, Any]:
    """What ``web.RequestHandler`` is told so that a request has at most so many headers, and is the last one."""
    return {
        "keepalive_timeout": 0,
        "logger": _NO_LOGGER,
        "access_log": None,  # documented: None turns it off
        "max_line_size": MAX_HEADER_LINE_BYTES,
        "max_field_size": MAX_HEADER_LINE_BYTES,
        "max_headers": max_headers,
        "lingering_time": 0,
    }
