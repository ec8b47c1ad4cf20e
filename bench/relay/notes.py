"""What the note beside a figure says about how it was come by."""

from __future__ import annotations

from typing import Any

from bench.relay.stage import Stage


def loop_note(stage: Stage, told: dict[str, Any], server: str = "relay") -> str:
    """How long a loop ran, how busy both sides were, and what went wrong."""
    trouble = "".join(f"; {count} times: {what}" for what, count in told["refused"].items())
    trouble += f"; {told['lost']} LOST" if told["lost"] else ""
    return (
        f"TLS, {stage.pinned}, {told['seconds']:.0f} s; {server} {told['cpu_share']:.0%} of a core, "
        f"generator {told['generator_share']:.0%}{trouble}"
    )
