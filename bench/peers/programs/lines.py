"""What every peer in Python shares: one JSON object each way, and how a median is taken. Needs no package."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Request = Mapping[str, Any]
Answer = Mapping[str, Any]


def serve(operations: Mapping[str, Callable[[Request], Answer]]) -> None:
    """Answer requests in order until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = operations[request["op"]](request)
        except Exception as error:  # noqa: BLE001 - whatever a peer cannot do is what its answer says
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def median(calls: int, work: Callable[[int], object]) -> Answer:
    """Median seconds of one call; each is timed by itself."""
    took = []
    for call in range(calls):
        began = time.perf_counter()
        work(call)
        took.append(time.perf_counter() - began)
    return {"seconds": statistics.median(took)}
