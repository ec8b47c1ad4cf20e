"""G7, G8: bytes in the store of a relay process that change by themselves, and a clock that jumps under one."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tacit import limits
from tacit.relay.store.database import FILE_NAME
from tacit.wire import relay_pb2 as pb
from tests.processes.programs import Program, Relay, run
from tests.relay.hazards.guests import Guests, timed_at
from tests.relay.peers import Peer, Someone, commit, key_package, to_inbox

pytestmark = pytest.mark.processes


async def fill(guests: Guests, waits: int) -> tuple[Peer, Someone, bytes]:
    """Somebody who writes, somebody who is away, and a conversation in which so much waits for her."""
    alice, bob = await guests.member(), await guests.member()
    assert bob.someone is not None
    await bob.ask(pb.PublishKeys(key_packages=[key_package(b"one", expires_in_s=60 * limits.DAY_S)]))
    await bob.close()
    log = await alice.create_log()
    await alice.ask(commit(log, b"", 0, readers_added=[bob.someone.address]))
    for n in range(waits):
        await alice.append(log, b"entry %d" % n)
    await alice.ask(to_inbox(bob.someone, b"in the inbox"))
    return alice, bob.someone, log


async def test_g7_an_entry_that_has_rotted_is_told_to_its_reader_and_the_operator_and_never_served(
    tmp_path: Path,
) -> None:
    with Relay(tmp_path) as relay:
        async with Guests(relay.port) as guests:
            _, bob, log = await fill(guests, 5)
        relay.end()
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
            spoilt = db.execute("UPDATE entries SET payload = ? WHERE payload = ?", (b"entry 9", b"entry 2"))
            assert spoilt.rowcount == 1
        relay.start()
        async with Guests(relay.port) as guests:
            back = await guests.peer()
            await back.login(bob)
            await back.listen(log)
            read = await back.take(5)
            await back.append(log, b"behind it")
        assert [entry.payload for entry in read] == [b"entry 0", b"entry 1", b"", b"entry 3", b"entry 4"]
        assert [entry.seq for entry in read if entry.damaged] == [4]
        assert run("relay", "stats", "--json", env={"TACIT_SERVE_DATA": str(tmp_path)}).value["damaged"] == 1
        assert '"event": "damaged"' in relay.running.said


async def test_g8_a_clock_that_jumps_ten_years_there_and_back_empties_nothing_and_delays_nobody(tmp_path: Path) -> None:
    years = ("10", "-10", "0")
    with Program(str(tmp_path), *years, module="tests.relay.hazards.small_relay") as program:
        port = await next_number(program)
        async with timed_at(port, program.pid) as honest, Guests(port) as guests:
            alice, bob, log = await fill(guests, 3)
            for number, wrong_by in enumerate(years, 1):
                os.kill(program.pid, signal.SIGUSR1)
                assert await next_number(program) == int(wrong_by)
                back = await guests.peer()
                await back.login(bob)
                await back.listen(log, bob.certificate.device_id)
                read = await back.take(3 + number)
                said = [b"entry %d" % n for n in range(3)] + [b"jump %d" % n for n in range(1, number)]
                assert [entry.payload for entry in read if entry.log_id == log] == said
                assert [entry.payload for entry in read if entry.log_id != log] == [b"in the inbox"]
                await alice.append(log, b"jump %d" % number)
                await back.close()
            await honest.under("G8 a clock that has jumped")
            claimed = await alice.ask(pb.RecipientKeysRequest(who=pb.Who(account_id=bob.account.id), suite=1))
            assert claimed.devices[0].key_package.key_package == b"one"
        ended = program.end(signal.SIGTERM)
        assert ended is not None
        assert (ended.code, ended.err) == (0, "")


async def next_number(program: Program) -> int:
    """What the relay says next."""
    number: object = await program.line_async(lambda _: True)
    assert isinstance(number, int)
    return number
