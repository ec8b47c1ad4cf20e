"""A relay in the middle that guesses, changes, holds back and invents; and a peer whose program was changed.

Mallory is the relay: she leads Bob, who comes with Alice's code, to a rendezvous of her own, pairs with each of them
as far as her guess carries her, and reads what both say if it does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from tacit import limits, mls
from tacit.client.content import Content, Receipt, build_content
from tacit.client.core.authority import check_leaf
from tacit.client.errors import UnexpectedAnswer
from tacit.client.session import talk as groups
from tacit.client.session.errors import (
    CodeBurned,
    OtherSideLeft,
    PairingFailed,
    PairingTooSlow,
    SessionOver,
    WrongWords,
)
from tacit.client.session.line import Line
from tacit.client.session.pairing import Means, Met, pair_as_creator, pair_as_joiner
from tacit.client.session.talk import NotOfTwo, ThrowAway, enter_group, make_group
from tacit.clock import SystemClock
from tacit.crypto.eddsa import ED25519
from tacit.crypto.hashes import sha256
from tacit.crypto.keys import KeyPair
from tacit.crypto.secret import Secret
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.entropy import system_entropy
from tacit.errors import TacitError
from tacit.identity import RelayLink, format_link
from tacit.identity.pairing import Failure
from tacit.identity.pairing_codes import PairingCode, parse_code
from tacit.identity.pairing_messages import Offer, encode_message
from tacit.net.errors import LinkClosed
from tacit.net.links import FrameLink
from tacit.net.memory import memory_pair
from tacit.sdk.parts import Parts
from tacit.sdk.session import GuestFailed, Session, SessionEnded, SessionText
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tacit.wire.frames import decode_request, decode_response, encode_response
from tacit.wire.signing import hello_tbs
from tests.client.session.table_for_two import QUICK, TIMEOUT_S, Change, Meddled, Table, ending, events, table

MEANS = Means(SystemClock(), system_entropy, QUICK)


class Mallory:
    """Sits between one who waits under a name and one who comes with it."""

    def __init__(self, here: Table, name: str) -> None:
        self.here = here
        self.name = name

    async def line(self) -> Line:
        link = self.here.world.raw_link()
        hello = await link.receive()
        return Line(link, decode_response(hello).body.relay_key)

    async def trap(self) -> str:
        """Open a rendezvous of her own; its name stands in for the one that Bob was told."""
        self.trapping = await self.line()
        return (await self.trapping.ask(pb.OpenRendezvous(), pb.RendezvousOpened)).name

    def lead_astray(self, trap: str):
        """What is done to Bob's frames."""
        return lambda name, body: [pb.JoinRendezvous(name=trap)] if name == "join_rendezvous" else None

    async def meet_bob(self, guess: Secret) -> Any:
        assert isinstance(await self.trapping.pushed(), pb.Met)
        return await pair_as_creator(self.trapping, PairingCode(self.name, guess), MEANS)

    async def meet_alice(self, guess: Secret) -> Any:
        self.visiting = await self.line()
        await self.visiting.ask(pb.JoinRendezvous(name=self.name), pb.RendezvousJoined)
        return await pair_as_joiner(self.visiting, PairingCode(self.name, guess), MEANS)

    async def close(self) -> None:
        for line in (getattr(self, "trapping", None), getattr(self, "visiting", None)):
            if line is not None:
                await line.close()


@asynccontextmanager
async def mallory(here: Table, code: str) -> AsyncIterator[Mallory]:
    between = Mallory(here, code.split("-")[0])
    try:
        yield between
    finally:
        await between.close()


def wrong(code: str) -> Secret:
    return Secret(b"-".join(reversed(parse_code(code).words.reveal().split(b"-"))) + b"s")


async def test_who_has_the_words_is_in_the_middle_and_the_check_phrase_tells():
    """The one way in: having heard the code. Then the phrases that the two compare are different ones."""
    async with table() as here, here.create() as alice, mallory(here, alice.code) as between:
        words = parse_code(alice.code).words
        trap = await between.trap()
        with_bob = asyncio.create_task(between.meet_bob(words))
        async with here.join(alice.code, to_relay=between.lead_astray(trap)) as bob:
            with_alice = await between.meet_alice(words)
            assert isinstance(with_alice, Met)
            assert isinstance(await with_bob, Met)
            await alice.ready()
            await alice.send("for Bob alone")
            pushed = await between.visiting.pushed()
            _, heard = with_alice.talk.hear(pushed.payload)
            assert heard.text == "for Bob alone", "she reads it"
            assert alice.check_phrase != bob.check_phrase, "and those who compare know it"


async def test_who_guesses_wrong_gets_nothing_from_either_side():
    async with table() as here, here.create() as alice, mallory(here, alice.code) as between:
        guess = wrong(alice.code)
        trap = await between.trap()
        with_bob = asyncio.create_task(between.meet_bob(guess))

        async def bob():
            async with here.join(alice.code, to_relay=between.lead_astray(trap)):
                raise AssertionError("Bob took Mallory for Alice")

        coming = asyncio.create_task(bob())
        assert await with_bob is Failure.WRONG_WORDS
        await between.trapping.ask(pb.Dismiss(), pb.Dismissed)
        with pytest.raises(WrongWords):
            await coming
        assert await between.meet_alice(guess) is Failure.WRONG_WORDS
        failed = await events(alice, GuestFailed)
        assert (failed.code, failed.left) == ("wrong-words", 2)
        assert alice.check_phrase == ()


async def test_three_guesses_and_the_code_is_burned():
    """One guess for each guest, and no more guests than three. (D4)"""
    async with table() as here, here.create() as alice, mallory(here, alice.code) as between:
        for number in range(limits.PAIRING_ATTEMPTS):
            outcome = await between.meet_alice(Secret(b"maple-orbit-lanter%d" % number))
            assert outcome is Failure.WRONG_WORDS
        with pytest.raises(CodeBurned):
            await alice.ready()
        with pytest.raises(TacitError):
            await between.meet_alice(parse_code(alice.code).words)


async def test_a_relay_that_brings_guest_after_guest_has_three_guesses_too():
    """She is the relay, so no bound of a relay holds her; who waits counts for itself."""
    key = ED25519.generate(system_entropy)
    ours, theirs = memory_pair()
    crooked = asyncio.create_task(endless_guests(theirs, key))

    async def connect(*_: Any) -> FrameLink:
        return ours

    place = format_link(RelayLink("relay.test", 8765, sha256(key.public)))
    async with Session.create(place, parts=Parts(connect=connect), hardness=QUICK) as alice:
        with pytest.raises(CodeBurned):
            await alice.ready()
        failed = [event async for event in alice.events() if isinstance(event, GuestFailed)]
    assert [(event.code, event.left) for event in failed] == [("wrong-words", left) for left in (2, 1, 0)]
    assert await crooked == limits.PAIRING_ATTEMPTS


async def test_a_relay_cannot_fill_the_memory_of_who_waits():
    """A28: what is larger than any message is not kept until somebody takes it; the line ends there and then."""
    ours, theirs = memory_pair()
    line = Line(ours, b"")
    asked = asyncio.create_task(line.ask(pb.OpenRendezvous(), pb.RendezvousOpened))
    await theirs.receive()
    largest = pb.Passage(payload=bytes(limits.MAX_MESSAGE_BYTES))
    await theirs.send(encode_response(0, largest))
    await theirs.send(encode_response(0, pb.Parted(code="x" * 2 * limits.MAX_MESSAGE_BYTES)))
    with pytest.raises(UnexpectedAnswer):
        await asked
    assert await line.pushed() == largest
    with pytest.raises(UnexpectedAnswer):
        await line.pushed()
    with pytest.raises(LinkClosed):
        await theirs.send(b"more")
    await line.close()


async def endless_guests(link: FrameLink, key: KeyPair) -> int:
    """A relay made for guessing: whoever is sent away comes back. Returns how many guesses it had."""
    fields: dict[str, Any] = {
        "protocol_min": 1, "protocol_max": 1, "challenge": bytes(32), "certificate_hash": b"", "relay_key": key.public,
    }  # fmt: skip
    signature = ED25519.sign(key.private, hello_tbs(**fields))
    await link.send(encode_response(0, pb.Hello(**fields, signature=signature)))
    guesses = 0
    with suppress(LinkClosed):
        while True:
            frame = decode_request(await link.receive())
            match frame.body:
                case pb.OpenRendezvous():
                    await link.send(encode_response(frame.request_id, pb.RendezvousOpened(name="A3F2B1")))
                    await link.send(encode_response(0, pb.Met()))
                case pb.PassOn():
                    guesses += 1
                    guess = Offer(bytes(32), bytes(32), b"kp", bytes([guesses] * 48))
                    await link.send(encode_response(frame.request_id, pb.Passed()))
                    await link.send(encode_response(0, pb.Passage(payload=encode_message(guess))))
                case pb.Dismiss():
                    await link.send(encode_response(frame.request_id, pb.Dismissed()))
                    await link.send(encode_response(0, pb.Met()))
    return guesses


async def test_two_codes_paired_with_at_once_show_two_phrases():
    """Unknown key share: Alice and Bob each made a code, Mallory got both; each sees a phrase of its own. (D9)"""
    async with (
        table() as here,
        here.create() as alice,
        here.create() as bob,
        here.join(alice.code) as left,
        here.join(bob.code) as right,
    ):
        assert await alice.ready() == left.check_phrase
        assert await bob.ready() == right.check_phrase
        assert alice.check_phrase != bob.check_phrase


async def test_phrases_do_not_come_twice():
    async with table() as here:
        seen = set()
        for _ in range(8):
            async with here.pair() as (one, _):
                seen.add(one.check_phrase)
        assert len(seen) == 8


@pytest.mark.parametrize("lost", range(4))
@story
async def test_a_message_held_back_pairs_nobody(world: World, lost: int) -> None:
    """Key confirmation is not skipped: with any of the four held back, who waits never trusts a key. (D7)"""

    class Thief:
        def __init__(self, which):
            self.seen, self.which = 0, which

        def __call__(self, name, body):
            if name != "passage":
                return None
            self.seen += 1
            return [] if self.seen == self.which else None

    at_joiner, at_creator = (Thief(lost // 2 + 1), None) if lost % 2 == 0 else (None, Thief(lost // 2 + 1))
    here = TableInWorld(world)
    async with here.create(to_client=at_creator) as alice:
        try:
            async with here.join(alice.code, to_client=at_joiner) as bob:
                assert lost == 3
                *_, last = [event async for event in bob.events()]
                assert last.code in ("left", "relay-lost")
        except (PairingTooSlow, WrongWords, PairingFailed, OtherSideLeft):
            assert lost < 3
        assert (await events(alice, GuestFailed)).left == 2
        assert alice.check_phrase == ()


class TableInWorld(Table):
    """One at which nobody is too slow because the machine is."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def link(self) -> str:
        return self._world.relay.link

    def parts(self, to_client: Change | None = None, to_relay: Change | None = None) -> Parts:
        async def connect(*_: Any) -> FrameLink:
            return cast("FrameLink", Meddled(await self._world.relay.dial(), to_client, to_relay))

        return Parts(connect=connect, clock=self._world.clock)


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("side", ["alice", "bob"])
async def test_a_message_changed_on_its_way_pairs_nobody(which, side):
    chance = secrets.SystemRandom()
    state = {"seen": 0}

    def change(name, body):
        if name != "passage":
            return None
        state["seen"] += 1
        if state["seen"] != which:
            return None
        changed = bytearray(body.payload)
        changed[chance.randrange(3, len(changed))] ^= 1 << chance.randrange(8)
        return [pb.Passage(payload=bytes(changed))]

    async with table() as here, here.create(to_client=change if side == "alice" else None) as alice:
        try:
            async with here.join(alice.code, to_client=change if side == "bob" else None) as bob:
                assert await ending(bob) in ("left", "relay-lost", "closed")
                assert (side, which) == ("alice", 2), "only the last word goes unanswered"
        except (WrongWords, PairingFailed):
            pass
        assert (await events(alice, GuestFailed)).left == 2
        assert alice.check_phrase == ()


# ---- after pairing ----


class Post:
    """What is done to passages once there has been so much talk."""

    def __init__(self) -> None:
        self.meddle: Any = None
        self.held: list[bytes] = []

    def __call__(self, name, body):
        if name != "passage" or self.meddle is None:
            return None
        return self.meddle(body)


async def talk_through(meddle, lines=("one", "two", "three")):
    """What Bob hears of Alice through a relay that does something, and how it ends."""
    post = Post()
    async with table() as here, here.pair(joiner={"to_client": post}) as (alice, bob):
        post.meddle = meddle
        with suppress(SessionOver):
            for line in lines:
                await alice.send(line)
        heard = []
        async with asyncio.timeout(TIMEOUT_S):
            async for event in bob.events():
                if isinstance(event, SessionText):
                    heard.append(event.text)
                if heard == list(lines):
                    await alice.end()
        return heard, event.code


async def test_an_honest_relay_for_comparison():
    assert await talk_through(lambda body: None) == (["one", "two", "three"], "goodbye")


async def test_a_line_that_comes_twice_ends_it_with_a_warning():
    assert await talk_through(lambda body: [body, body]) == (["one"], "broken")


async def test_a_line_that_is_kept_back_ends_it_with_a_warning():
    seen = []

    def drop_second(body):
        seen.append(body)
        return [] if len(seen) == 2 else None

    assert await talk_through(drop_second) == (["one"], "broken")


async def test_lines_in_another_order_end_it_with_a_warning():
    held = []

    def swap(body):
        held.append(body)
        return [] if len(held) == 1 else [body, held[0]]

    assert await talk_through(swap) == ([], "broken")


async def test_a_line_that_was_changed_or_invented_ends_it_with_a_warning():
    def change(body):
        return [pb.Passage(payload=body.payload[:-1] + bytes([body.payload[-1] ^ 1]))]

    assert await talk_through(change) == ([], "broken")
    assert await talk_through(lambda body: [pb.Passage(payload=b"hello from the relay")]) == ([], "broken")


async def test_ones_own_line_sent_back_ends_it_with_a_warning():
    """Reflection: Alice's own words come back to her as Bob's."""
    post, said = Post(), []

    def note(name, body):
        if name == "pass_on":
            said.append(body.payload)

    async with table() as here, here.pair(creator={"to_client": post, "to_relay": note}) as (alice, bob):
        await alice.send("mine")
        post.meddle = lambda body: [pb.Passage(payload=said[-1])]
        await bob.send("yours")
        assert await ending(alice) == "broken"


async def test_a_relay_cannot_say_goodbye_for_anybody():
    post = Post()
    async with table() as here, here.pair(joiner={"to_client": post}) as (alice, bob):
        post.meddle = lambda body: [pb.Parted(code="left")]
        await alice.send("x")
        assert await ending(bob) == "left"


# ---- a peer whose program was changed ----


def _other_person():
    me = ThrowAway.make(now_s=SystemClock().now_s(), entropy=system_entropy)
    bundle = me.key_package(now_s=SystemClock().now_s(), entropy=system_entropy)
    return me, bundle, bundle.key_package


def _raw(session, payload):
    return session._inner._line.ask(pb.PassOn(payload=payload), pb.Passed)


async def test_who_proposes_a_third_ends_the_session_loudly():
    async with table() as here, here.pair() as (alice, bob):
        _, _, theirs = _other_person()
        _, proposal = bob._inner._talk.group.propose(mls.Add(theirs), entropy=system_entropy)
        await _raw(bob, proposal)
        assert await ending(alice) == "third"


async def test_who_commits_a_third_ends_the_session_loudly():
    async with table() as here, here.pair() as (alice, bob):
        _, _, theirs = _other_person()
        _, pending = bob._inner._talk.group.create_commit(
            [mls.Add(theirs)], entropy=system_entropy, now_s=SystemClock().now_s(), authenticate=check_leaf
        )
        await _raw(bob, pending.commit)
        ended = await events(alice, SessionEnded)
        assert ended.code == "third"
        assert "third" in ended.sentence


@pytest.mark.parametrize("what", ["new keys", "removing the other", "no text", "a receipt"])
async def test_whatever_is_no_text_and_no_goodbye_ends_it(what):
    async with table() as here, here.pair() as (alice, bob):
        group, now_s = bob._inner._talk.group, SystemClock().now_s()
        match what:
            case "new keys":
                _, pending = group.create_commit([], entropy=system_entropy, now_s=now_s, authenticate=check_leaf)
                payload = pending.commit
            case "removing the other":
                _, payload = group.propose(mls.Remove(bob._inner._talk.other), entropy=system_entropy)
            case "no text":
                _, payload = group.seal(b"not content", entropy=system_entropy)
            case _:
                content = Content(bytes(16), 0, 1, 0, b"", Receipt())
                _, payload = group.seal(build_content(content), entropy=system_entropy)
        await _raw(bob, payload)
        assert await ending(alice) == "broken"


# ---- the group that a joiner enters ----


PSK_ID, PSK = b"i" * 32, Secret(b"k" * 48)


def _pair_of_people():
    now_s = SystemClock().now_s()
    return ThrowAway.make(now_s=now_s, entropy=system_entropy), _other_person()[1], now_s


def _group_by_hand(me, bundle, now_s, *, proposals=(), **how):
    group = mls.create_group(
        bytes(16), how.pop("suite_id", DEFAULT_SUITE), me.certificate, me.private.reveal(), entropy=system_entropy,
        now_s=now_s, **how,
    )  # fmt: skip
    finder = groups._Finder(PSK_ID, PSK)
    _, pending = group.create_commit(
        [mls.Add(bundle.key_package), *(make(group) for make in proposals)],
        entropy=system_entropy,
        now_s=now_s,
        authenticate=check_leaf,
        policy=mls.Policy(find_psk=finder),
    )
    return pending.welcome


def _with_psk(group):
    return group.name_psk(mls.ExternalPSK(PSK_ID), entropy=system_entropy)


def test_an_honest_group_is_entered_for_comparison():
    me, bundle, now_s = _pair_of_people()
    made, welcome = make_group(me, bundle.key_package_bytes, PSK_ID, PSK, now_s=now_s, entropy=system_entropy)
    entered = enter_group(bundle, me.certificate, welcome, PSK_ID, PSK)
    assert entered.authenticator == made.authenticator
    by_hand = _group_by_hand(me, bundle, now_s, proposals=[_with_psk])
    assert enter_group(bundle, me.certificate, by_hand, PSK_ID, PSK)


@pytest.mark.parametrize("what", ["no psk", "psk twice", "a third", "somebody else", "extensions", "other psk"])
def test_a_group_that_is_not_of_just_these_two_and_their_words_is_not_entered(what):
    me, bundle, now_s = _pair_of_people()
    identity, psk, more, proposals = me.certificate, PSK, {}, [_with_psk]
    match what:
        case "no psk":
            proposals = []
        case "psk twice":
            proposals = [_with_psk, _with_psk]
        case "a third":
            proposals = [_with_psk, lambda group: mls.Add(_other_person()[2])]
        case "somebody else":
            identity = _other_person()[0].certificate
        case "extensions":
            more = {"extensions": (mls.Extension(0xF7FF, b"x"),), "extension_types": (0xF7FF,)}
        case "other psk":
            psk = Secret(b"K" * 48)
    try:
        welcome = _group_by_hand(me, bundle, now_s, proposals=proposals, **more)
    except TacitError:
        assert what in ("extensions", "psk twice"), "MLS itself refuses to make it"
        return
    with pytest.raises(TacitError):
        enter_group(bundle, identity, welcome, PSK_ID, psk)


def test_a_key_package_of_another_suite_or_of_oneself_is_not_added():
    me, _, now_s = _pair_of_people()
    classical = mls.create_key_package(1, me.certificate, me.private.reveal(), now_s=now_s, entropy=system_entropy)
    own = me.key_package(now_s=now_s, entropy=system_entropy)
    for bundle in (classical, own):
        with pytest.raises(NotOfTwo):
            make_group(me, bundle.key_package_bytes, PSK_ID, PSK, now_s=now_s, entropy=system_entropy)
    with pytest.raises(TacitError):
        make_group(me, b"no key package", PSK_ID, PSK, now_s=now_s, entropy=system_entropy)
