"""What a relay's process asks of the interpreter, and what makes that safe."""

from __future__ import annotations

import gc
import subprocess
import sys

from tests.relay.peers import running

SETTLED = """
import gc, sys
from tacit.relay import process
process.settle()
print(gc.isenabled(), gc.get_freeze_count() > 1000, gc.get_threshold()[0] == process.YOUNG_OBJECTS,
      round(sys.getswitchinterval(), 6) == process.SWITCH_S)
"""


def test_what_is_there_at_the_start_is_not_looked_through_again() -> None:
    said = subprocess.run([sys.executable, "-c", SETTLED], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["True"] * 4


async def test_neither_messages_nor_connections_leave_work_for_the_collector() -> None:
    """Every cycle that they leave would stay in memory for long: the collector of a relay's process comes seldom."""
    async with running(None) as relay:
        reader = await relay.join()
        log_id = await reader.create_log()
        await reader.listen(log_id)
        gc.collect()
        gc.disable()
        try:
            for number in range(50):
                await reader.append(log_id, b"%d" % number)
            await reader.take(50)
            await reader.acknowledge(log_id, 50)
            for _ in range(5):
                peer = await relay.join()
                await peer.close()
                await relay.one_gone()
                del peer
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [type(found).__name__ for found in gc.garbage if type(found).__module__.startswith("tacit.relay")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert left == []
