"""Chat servers of others at the same work, one after the other, each alone on the relay's core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.measure import Row
from bench.peers.environments import Missing
from bench.relay.notes import loop_note
from bench.relay.pairs import PAIRS, PAYLOAD_BYTES, WINDOW
from bench.relay.processes import Failed, generator
from bench.relay.stage import Stage
from bench.relay.xmpp.servers import DOMAIN, Server, running

AIM_TIMES = 2.0

FETCHED_IN_S = 600.0
"""The longest that fetching and starting a server may take."""


def rows(stage: Stage) -> Iterator[Row]:
    """What each server that can be had comes to, and how much faster the relay is."""
    peers: dict[str, Any] = stage.figures["peers"]
    times: dict[str, float] = stage.figures["times_as_fast_as"]
    for place, server in enumerate(stage.plan.peers):
        # Fetching one must not take the time of those behind it.
        within_s = min(FETCHED_IN_S, stage.left_s() / (len(stage.plan.peers) - place))
        stage.say(f"{server.name} at the same work")
        try:
            told = _closed(stage, server, within_s)
        except (Missing, Failed) as error:
            peers[server.name] = str(error)
            yield Row(f"peer: {server.name}", 0.0, "messages/s", note=f"missing: {error}")
            continue
        peers[server.name] = round(told["per_s"], 1)
        yield Row(f"peer: {server.name}", told["per_s"], "messages/s", note=_note(stage, server, told))
        ours = stage.figures.get("delivered_per_s")
        if ours and told["per_s"]:
            times[server.name] = round(ours / told["per_s"], 2)
            verdict = "reached" if times[server.name] >= AIM_TIMES else "MISSED"
            yield Row(
                f"pairs: as fast as {server.name}", ours / told["per_s"], "times", aim=AIM_TIMES, note=f"aim: {verdict}"
            )


def _closed(stage: Stage, server: Server, within_s: float) -> dict[str, Any]:
    plan = stage.plan
    folder = stage.folder / server.name.replace(" ", "-")
    with (
        running(server, folder, stage.cores.server, within_s=within_s, patience=stage.patience) as there,
        generator(stage.cores.generator, stage.patience) as load,
    ):
        load.ask("chat", name="pairs", address=list(there.address), domain=DOMAIN, pairs=PAIRS, payload=PAYLOAD_BYTES)
        return load.ask(
            "closed",
            name="pairs",
            window=WINDOW,
            warm_s=plan.warm_s,
            seconds=plan.seconds * server.longer,
            pids=there.pids,
        )


def _note(stage: Stage, server: Server, told: dict[str, Any]) -> str:
    return (
        f"{PAIRS} pairs, window {WINDOW}, {PAYLOAD_BYTES} characters, {loop_note(stage, told, 'server')}; "
        f"archive: {server.archive}; acknowledged by XEP-0198"
    )
