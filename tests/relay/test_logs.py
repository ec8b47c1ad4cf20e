from __future__ import annotations

import asyncio
import os

import pytest

from tacit.wire import errors
from tacit.wire import relay_pb2 as pb
from tests.relay.peers import Someone, commit, message, running, to_inbox


async def test_what_one_writes_reaches_every_listening_reader_in_order(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add bob", 0, readers_added=[bob.someone.address]))
        await alice.listen(log)
        await bob.listen(log, after=1)
        await asyncio.gather(*(alice.append(log, bytes([n])) for n in range(20)))
        first = await alice.entry()
        assert (first.seq, first.kind, first.own) == (1, pb.ENTRY_KIND_COMMIT, True)
        to_alice, to_bob = await alice.take(20), await bob.take(20)
        assert [entry.payload for entry in to_bob] == [bytes([n]) for n in range(20)]
        assert [entry.seq for entry in to_bob] == list(range(2, 22))
        assert all(entry.own for entry in to_alice)
        assert not any(entry.own for entry in to_bob)


async def test_a_reader_who_was_away_gets_everything_after_its_cursor_and_then_listening(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        for n in range(300):
            await alice.begin(message(log, b"%d" % n))
        await alice.append(log, b"last")
        again = await world.back(alice.someone)
        (state,) = await again.listen(log, after=100)
        assert (state.first_seq, state.last_seq, state.own_last_seq, state.readable) == (1, 301, 301, True)
        assert again.log == ["logged_in"] + ["entry"] * 201 + ["listening"]
        assert [entry.seq for entry in await again.take(201)] == list(range(101, 302))


async def test_whoever_is_past_every_number_gets_nothing_of_any_log(tmp_path):
    """The number after the last one is in no log, neither in this one again nor in the next."""
    async with running(tmp_path) as world:
        alice = await world.join()
        logs = [await alice.create_log() for _ in range(4)]
        for log in logs:
            await alice.append(log, b"one")
        again = await world.back(alice.someone)
        await again.listen(*logs, after=2**32 - 1)
        for _ in range(2):  # the store is read behind the first answer at the latest
            await again.ask(pb.Acknowledge())
        assert "entry" not in again.log


async def test_a_repeat_of_a_message_id_yields_one_entry_and_the_first_answer(tmp_path):
    """Hazard G4."""
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        append = message(log, b"once")
        assert [(await alice.ask(append)).seq for _ in range(3)] == [1, 1, 1]
        assert await alice.append(log, b"next") == 2
        again = await world.back(alice.someone)
        assert (await again.ask(append)).seq == 1
        await again.listen(log)
        assert [entry.payload for entry in await again.take(2)] == [b"once", b"next"]


async def test_a_repeated_commit_that_won_is_told_so_and_not_called_a_conflict(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        won = commit(log, b"first", 0)
        assert (await alice.ask(won)).seq == 1
        assert (await alice.ask(won)).seq == 1


async def test_the_same_message_id_in_two_logs_or_of_two_authors_is_two_messages(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        one, two = await alice.create_log(), await alice.create_log()
        same = os.urandom(16)
        await alice.ask(commit(one, b"", 0, readers_added=[bob.someone.address]))
        assert await alice.append(one, b"a", message_id=same) == 2
        assert await alice.append(two, b"a", message_id=same) == 1
        assert await bob.append(one, b"b", message_id=same) == 3


async def test_of_100_racing_commits_exactly_one_wins_each_round(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        others = [await world.join() for _ in range(9)]
        await alice.ask(commit(log, b"add", 0, readers_added=[peer.someone.address for peer in others]))
        members, last_commit = [alice, *others], 1
        for round_number in range(3):
            racing = [
                await members[n % 10].begin(commit(log, b"%d %d" % (round_number, n), last_commit)) for n in range(100)
            ]
            answers = await asyncio.gather(*racing)
            won = [answer.seq for answer in answers if isinstance(answer, pb.Appended)]
            lost = [answer for answer in answers if isinstance(answer, pb.Error)]
            assert (len(won), len(lost)) == (1, 99)
            assert {(error.code, error.last_commit_seq) for error in lost} == {("commit-conflict", won[0])}
            last_commit = won[0]
        (state,) = await alice.listen(log)
        assert (state.last_seq, state.last_commit_seq) == (4, 4)


async def test_messages_between_commits_do_not_make_a_commit_late(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"one", 0))
        await alice.append(log, b"chatter")
        assert (await alice.ask(commit(log, b"two", 1))).seq == 3


async def test_an_added_reader_reads_from_after_its_commit_a_removed_one_up_to_it(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.append(log, b"before")
        with pytest.raises(errors.NotAReader):
            await bob.append(log, b"not yet")
        (state,) = await bob.listen(log)
        assert not state.readable
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        (state,) = await bob.listen(log)
        assert (state.readable, state.first_seq, state.last_seq) == (True, 3, 2)
        await alice.append(log, b"hello bob")
        await alice.ask(commit(log, b"remove", 2, readers_removed=[bob.someone.address]))
        await alice.append(log, b"after")
        assert [entry.payload for entry in await bob.take(2)] == [b"hello bob", b"remove"]
        with pytest.raises(errors.NotAReader):
            await bob.append(log, b"no more")
        (state,) = await bob.listen(log)
        assert (state.readable, state.first_seq, state.last_seq, state.last_commit_seq) == (True, 3, 4, 4)
        assert [entry.payload for entry in await bob.take(2)] == [b"hello bob", b"remove"]
        assert bob.entries.empty()


async def test_one_who_was_removed_while_away_collects_up_to_its_end_and_is_then_forgotten(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await bob.close()
        await alice.append(log, b"missed")
        await alice.ask(commit(log, b"remove", 1, readers_removed=[bob.someone.address]))
        await alice.append(log, b"not for bob")
        bob = await world.back(bob.someone)
        await bob.listen(log)
        assert [entry.payload for entry in await bob.take(2)] == [b"missed", b"remove"]
        await bob.acknowledge(log, 3)
        (state,) = await bob.listen(log)
        assert not state.readable
        assert bob.entries.empty()


async def test_one_who_was_removed_and_added_again_while_away_reads_both_stretches(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        await bob.append(log, b"first stretch")
        await bob.close()
        await alice.ask(commit(log, b"remove", 1, readers_removed=[bob.someone.address]))
        await alice.append(log, b"between")
        await alice.ask(commit(log, b"add again", 3, readers_added=[bob.someone.address]))
        await alice.append(log, b"second stretch")
        bob = await world.back(bob.someone)
        (state,) = await bob.listen(log)
        assert (state.first_seq, state.last_seq, state.own_last_seq) == (2, 6, 0)
        read = await bob.take(3)
        assert [entry.payload for entry in read] == [b"first stretch", b"remove", b"second stretch"]
        await alice.append(log, b"live again")
        assert (await bob.entry()).payload == b"live again"


async def test_readers_do_not_change_when_their_commit_loses_the_race(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"first", 0))
        with pytest.raises(errors.CommitConflict) as conflict:
            await alice.ask(commit(log, b"late", 0, readers_added=[bob.someone.address]))
        assert conflict.value.last_commit_seq == 1
        (state,) = await bob.listen(log)
        assert not state.readable
        (state,) = await alice.listen(log)
        assert (state.last_seq, state.own_last_seq) == (1, 1)


async def test_a_commit_that_adds_a_device_nobody_knows_changes_nothing(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        stranger = Someone.new().address
        with pytest.raises(errors.NoSuchAccount):
            await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address, stranger]))
        mixed = pb.Device(account_id=bob.someone.account.id, device_id=stranger.device_id)
        with pytest.raises(errors.NoSuchDevice):
            await alice.ask(commit(log, b"add", 0, readers_added=[mixed]))
        assert (await alice.ask(commit(log, b"add", 0))).seq == 1
        assert not (await bob.listen(log))[0].readable


async def test_who_is_no_reader_learns_nothing_and_changes_nothing(tmp_path):
    async with running(tmp_path) as world:
        alice, eve = await world.join(), await world.join()
        log = await alice.create_log()
        with pytest.raises(errors.NotAReader):
            await eve.ask(commit(log, b"let me in", 0, readers_added=[eve.someone.address]))
        with pytest.raises(errors.LogTaken):
            await eve.ask(pb.CreateLog(log_id=log))
        with pytest.raises(errors.UnknownLog):
            await eve.append(os.urandom(16), b"")
        await eve.acknowledge(log, 99)
        assert not (await eve.listen(log))[0].readable
        assert await alice.append(log, b"first") == 1


async def test_making_a_log_is_idempotent_for_its_maker(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.append(log, b"kept")
        assert (await alice.ask(pb.CreateLog(log_id=log))).log_id == log
        assert (await alice.listen(log))[0].last_seq == 1


async def test_an_inbox_takes_from_anyone_and_shows_itself_to_its_device_only(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        inbox = bob.someone.certificate.device_id
        await bob.listen(inbox)
        welcome = to_inbox(bob.someone, b"welcome")
        assert (await alice.ask(welcome)).seq == 1
        assert (await alice.ask(welcome)).seq == 1
        entry = await bob.entry()
        assert (entry.log_id, entry.seq, entry.kind, entry.own) == (inbox, 1, pb.ENTRY_KIND_WELCOME, False)
        assert not (await alice.listen(inbox))[0].readable
        with pytest.raises(errors.UnknownLog):
            await alice.append(inbox, b"by its ID, as a conversation")


async def test_a_repeat_is_known_even_after_the_entry_was_collected_and_dropped(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        inbox = bob.someone.certificate.device_id
        welcome = to_inbox(bob.someone, b"welcome")
        await alice.ask(welcome)
        await bob.acknowledge(inbox, 1)
        assert (await alice.ask(welcome)).seq == 1
        (state,) = await bob.listen(inbox)
        assert (state.first_seq, state.last_seq) == (2, 1)
        assert bob.entries.empty()


async def test_entries_go_when_every_reader_has_acknowledged_them(tmp_path):
    async with running(tmp_path) as world:
        alice, bob = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[bob.someone.address]))
        for n in range(5):
            await alice.append(log, b"%d" % n)
        await alice.acknowledge(log, 6)
        (state,) = await alice.listen(log)
        assert state.first_seq == 2, "the first commit was never for bob"
        await bob.acknowledge(log, 4)
        assert (await alice.listen(log))[0].first_seq == 5
        await bob.acknowledge(log, 99)
        await bob.acknowledge(log, 1)
        (state,) = await alice.listen(log)
        assert (state.first_seq, state.last_seq) == (7, 6)
        assert await bob.append(log, b"the numbers go on") == 7


async def test_an_unreasonable_position_gets_only_what_comes_after_it(tmp_path):
    """Hazard A25 from the relay's side: a client that has seen more than this relay remembers."""
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.append(log, b"1")
        (state,) = await alice.listen(log, after=3)
        assert state.last_seq == 1
        for n in range(2, 6):
            await alice.append(log, b"%d" % n)
        assert [entry.seq for entry in await alice.take(2)] == [4, 5]
        assert alice.entries.empty()


async def test_listening_again_begins_anew_without_doubling_the_flow(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        await alice.append(log, b"1")
        await alice.listen(log)
        await alice.listen(log)
        await alice.append(log, b"2")
        assert [entry.seq for entry in await alice.take(3)] == [1, 1, 2]
        assert alice.entries.empty()


async def test_requests_of_one_connection_take_effect_in_their_order(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = os.urandom(16)
        asked = [
            await alice.begin(body)
            for body in (
                pb.CreateLog(log_id=log),
                *(message(log, b"%d" % n) for n in range(10)),
                pb.Acknowledge(positions=[pb.Position(log_id=log, seq=5)]),
                pb.Listen(after=[pb.Position(log_id=log, seq=0)]),
            )
        ]
        answers = await asyncio.gather(*asked)
        assert [answer.seq for answer in answers[1:11]] == list(range(1, 11))
        assert (answers[-1].logs[0].first_seq, answers[-1].logs[0].last_seq) == (6, 10)


async def test_one_who_is_removed_while_a_listen_is_on_its_way_gets_nothing_of_what_follows(tmp_path):
    async with running(tmp_path) as world:
        alice, eve = await world.join(), await world.join()
        log = await alice.create_log()
        await alice.ask(commit(log, b"add", 0, readers_added=[eve.someone.address]))
        store = world.relay._context.store
        looked, go_on, query = asyncio.Event(), asyncio.Event(), store.query

        async def late(wanted):
            answer = await query(wanted)
            looked.set()
            await go_on.wait()
            return answer

        store.query = late
        listening = await eve.begin(pb.Listen(after=[pb.Position(log_id=log, seq=0)]))
        await looked.wait()
        store.query = query
        await alice.ask(commit(log, b"remove", 1, readers_removed=[eve.someone.address]))
        go_on.set()
        await listening
        await alice.append(log, b"without eve")
        await alice.listen(log, after=2)
        await alice.take(1)
        await eve.ask(pb.Acknowledge())
        assert [entry.payload for entry in await eve.take(eve.entries.qsize())] == [b"remove"]


async def test_a_listen_that_is_overtaken_by_another_is_still_answered_after_the_entries(tmp_path):
    async with running(tmp_path) as world:
        alice = await world.join()
        log = await alice.create_log()
        for n in range(20):
            await alice.append(log, b"%d" % n)
        again = await world.back(alice.someone)
        again.log.clear()
        listens = [await again.begin(pb.Listen(after=[pb.Position(log_id=log, seq=0)])) for _ in range(5)]
        for listen in listens:
            await listen
        await again.ask(pb.Acknowledge())
        first = again.log.index("listening")
        assert again.log[:first].count("entry") >= 20
