"""A relay that lies: forks, false winners, ghosts, replays, swapped keys. Hazards A7 to A10, A13, A15 to A17, A22, A24.

It has every frame and no key. Each story says what it tries, and that nobody is fooled, nothing is silent, and honest
traffic goes on.
"""

from __future__ import annotations

from tacit import mls
from tacit.client.content import Content, Text, build_content
from tacit.client.core.authority import check_leaf
from tacit.crypto.eddsa import ED25519
from tacit.crypto.suites import DEFAULT_SUITE
from tacit.identity import AccountKey, DeviceCertificate
from tacit.testing.actor import Actor
from tacit.testing.entropy import SeededEntropy
from tacit.testing.evil import push, rewrite, rewrite_request
from tacit.testing.story import story
from tacit.testing.world import World
from tacit.wire import relay_pb2 as pb
from tests.stories.test_groups import all_see

MESSAGE, COMMIT, WELCOME = pb.ENTRY_KIND_MESSAGE, pb.ENTRY_KIND_COMMIT, pb.ENTRY_KIND_WELCOME
A_DAY_AND_MORE_S = 25 * 3600
"""After this long, whoever speaks first commits fresh keys."""


async def a_group(world: World, *names: str) -> tuple[list[Actor], str]:
    """A group in which everybody has spoken, and nobody has anything left to commit."""
    people = await world.friends(*names)
    chat = await people[0].creates("friends", *people[1:])
    await world.shortly()
    for person in people:
        await person.says(chat, f"{person.name} is here")
        await world.advance(30)
    return people, chat


def sent(actor: Actor, kind: int) -> list[pb.Append]:
    """What an actor has appended."""
    return [p.body for p in actor.way.passed if p.name == "append" and p.body.kind == kind]


def got(actor: Actor, kind: int) -> list[pb.Entry]:
    """What the relay has really pushed to an actor."""
    return [p.body for p in actor.way.passed if p.name == "entry" and p.body.kind == kind]


def alarmed(lines: list[str]) -> bool:
    """Whether the history has a line about something that is not as it should be."""
    return any(line.startswith(("-- undecryptable", "-- fork", "-- invalid-commit", "-- gap")) for line in lines)


class Withheld:
    """Keeps commits from an actor until they are wanted."""

    def __init__(self, actor: Actor) -> None:
        self.entries: list[pb.Entry] = []
        self._actor = actor
        self._remove = actor.way.meddle(rewrite("entry", self._take))

    def release(self) -> None:
        """Deliver what was withheld, and everything from now on."""
        self._remove()
        for entry in self.entries:
            push(self._actor.way, entry)

    def exchange(self, for_append: pb.Append, *, own: bool) -> None:
        """Deliver another commit in the place of the one that was withheld."""
        self._remove()
        (entry,) = self.entries
        entry.message_id, entry.payload, entry.own = for_append.message_id, for_append.payload, own
        push(self._actor.way, entry)

    def _take(self, entry: pb.Entry) -> pb.Entry | None:
        if entry.kind != COMMIT:
            return entry
        self.entries.append(entry)
        return None


def lie_that_it_won(actor: Actor, seq: int) -> None:
    """Tell an actor that its commit was taken, whatever the relay says."""

    def lie(error: pb.Error) -> pb.Error | pb.Appended:
        return pb.Appended(seq=seq) if error.code == "commit-conflict" else error

    actor.way.meddle(rewrite("error", lie))


async def two_commits_at_once(world: World, alice: Actor, bob: Actor, chat: str) -> int:
    """Alice's commit is in the log, Bob is told that his is; returns the number that both claim."""
    await world.leap(A_DAY_AND_MORE_S)
    await alice.client.rename(chat, "renamed")
    await world.settle()
    seq = got(alice, COMMIT)[-1].seq
    lie_that_it_won(bob, seq)
    await bob.says(chat, "bob speaks")
    await world.settle()
    assert sent(bob, COMMIT)[-1].payload != sent(alice, COMMIT)[-1].payload
    return seq


@story
async def test_a9_a_fork_is_noticed_by_everyone_at_the_first_message_across_it(world: World) -> None:
    (alice, bob, carol, dave), chat = await a_group(world, "alice", "bob", "carol", "dave")
    held = {person.name: Withheld(person) for person in (bob, dave)}
    await two_commits_at_once(world, alice, bob, chat)
    forged = sent(bob, COMMIT)[-1]
    held["bob"].exchange(forged, own=True)
    held["dave"].exchange(forged, own=False)
    await world.advance(60)
    assert "bob: bob speaks" in await dave.hears(chat), "Dave follows Bob into the fork"
    for person in (alice, carol):
        assert "bob: bob speaks" not in await person.hears(chat)
        assert alarmed(await person.sees(chat)), person.name
    await alice.says(chat, "alice speaks")
    await world.advance(60)
    assert "alice: alice speaks" in await carol.hears(chat)
    for person in (bob, dave):
        assert "alice: alice speaks" not in await person.hears(chat)
        assert alarmed(await person.sees(chat)), person.name


@story
async def test_a10_a_commit_that_was_told_to_have_won_is_applied_only_when_the_log_says_so(world: World) -> None:
    people, chat = await a_group(world, "alice", "bob", "carol")
    alice, bob, carol = people
    held = Withheld(bob)
    await two_commits_at_once(world, alice, bob, chat)
    held.release()
    await world.advance(60)
    await all_see(people, chat, ["alice", "bob", "carol"])
    assert (await bob.chat(chat)).title == "renamed"
    for person in (alice, carol):
        assert (await person.hears(chat)).count("bob: bob speaks") == 1
        assert not alarmed(await person.sees(chat))


@story
async def test_a15_no_welcome_leaves_before_its_commit_has_come_back(world: World) -> None:
    (alice, *_), chat = await a_group(world, "alice", "bob")
    carol, dave = await world.people("carol", "dave")
    before = len(alice.way.passed)
    for other in (carol, dave):
        await alice.client.invite(chat, other.at)
    await world.advance(30)
    names = [
        "welcome" if p.name == "append" and p.body.kind == WELCOME else "echo"
        for p in alice.way.passed[before:]
        if (p.name == "append" and p.body.kind == WELCOME) or (p.name == "entry" and p.body.kind == COMMIT)
    ]
    assert names == ["echo", "welcome"] * 2


@story
async def test_a13_a_ghost_that_the_relay_adds_by_itself_gets_nowhere(world: World) -> None:
    people, chat = await a_group(world, "alice", "bob")
    alice, bob = people
    epoch = (await bob.chat(chat)).epoch
    ghost_commit = commit_of_a_ghost(bytes.fromhex(chat.removeprefix("group:")), epoch, int(world.clock.now_s()))

    def haunt(entry: pb.Entry) -> pb.Entry:
        if not entry.own and entry.payload != ghost_commit and entry.seq == target:
            entry.kind, entry.payload = COMMIT, ghost_commit
        return entry

    target = got(bob, MESSAGE)[-1].seq + 2  # the receipts of what was said last have gone by then
    await world.advance(60)
    target = max(entry.seq for entry in got(bob, MESSAGE)) + 1
    remove = bob.way.meddle(rewrite("entry", haunt))
    await alice.says(chat, "this one is replaced")
    await world.advance(60)
    remove()
    await alice.says(chat, "and the talk goes on")
    await world.advance(60)
    assert await bob.members(chat) == ["alice", "bob"]
    assert (await bob.chat(chat)).epoch == epoch
    assert any(line.startswith("-- invalid-commit") for line in await bob.sees(chat))
    assert (await bob.hears(chat))[-1] == "alice: and the talk goes on"


def commit_of_a_ghost(group_id: bytes, epoch: int, now_s: int) -> bytes:
    """The best that somebody outside can do: a commit in a group of the same ID and epoch that adds the ghost."""
    entropy = SeededEntropy(666, "ghost")
    device = ED25519.generate(entropy)
    certificate = DeviceCertificate.issue(AccountKey.generate(entropy), device.public, now_s).encode()
    suite = DEFAULT_SUITE
    group = mls.create_group(group_id, suite, certificate, device.private, now_s=now_s, entropy=entropy)
    bundle = mls.create_key_package(suite, certificate, device.private, now_s=now_s, entropy=entropy)
    for _ in range(epoch):
        group, pending = group.create_commit([], now_s=now_s, entropy=entropy, authenticate=check_leaf)
        group = group.merge(pending)
    other = mls.create_key_package(suite, ghost_certificate(entropy, now_s), entropy(32), now_s=now_s, entropy=entropy)
    del bundle
    group, pending = group.create_commit(
        [mls.Add(other.key_package)], now_s=now_s, entropy=entropy, authenticate=lambda _old, _new: None
    )
    return pending.commit


def ghost_certificate(entropy: SeededEntropy, now_s: int) -> bytes:
    """A device that nobody knows."""
    return DeviceCertificate.issue(AccountKey.generate(entropy), ED25519.generate(entropy).public, now_s).encode()


@story
async def test_a15_a_welcome_shown_again_opens_nothing(world: World) -> None:
    (alice, bob), chat = await a_group(world, "alice", "bob")
    chats = len(await bob.client.chats())
    (welcome,) = got(bob, WELCOME)
    welcome.seq += 1
    welcome.message_id = b"r" * 16
    push(bob.way, welcome)
    await world.shortly()
    assert bob.problems() == ["welcome-invalid"]
    assert len(await bob.client.chats()) == chats
    await alice.says(chat, "still here")
    await world.shortly()
    assert (await bob.hears(chat))[-1] == "alice: still here"


@story
async def test_a15_a_welcome_shown_again_after_its_group_has_ended_opens_nothing(world: World) -> None:
    """The KeyPackage's private half went with the join, so there is nothing left to open it with."""
    (alice, bob), chat = await a_group(world, "alice", "bob")
    (welcome,) = got(bob, WELCOME)
    await alice.client.remove(chat, bob.at)
    await world.advance(30)
    welcome.seq += 1
    welcome.message_id = b"r" * 16
    push(bob.way, welcome)
    await world.shortly()
    assert bob.problems() == ["welcome-invalid"]
    assert (await bob.chat(chat)).status == "ended"


@story
async def test_a24_somebody_elses_welcome_opens_nothing(world: World) -> None:
    _, chat = await a_group(world, "alice", "bob")
    carol = await world.person("carol")
    welcome = got(world.actors["bob"], WELCOME)[0]
    welcome.log_id, welcome.seq = got_inbox(carol), 1
    push(carol.way, welcome)
    await world.shortly()
    assert carol.problems() == ["welcome-invalid"]
    assert await carol.client.chats() == []
    assert chat


def got_inbox(actor: Actor) -> bytes:
    """The log ID of an actor's inbox: the one that is listened to first."""
    listens = [p.body for p in actor.way.passed if p.name == "listen"]
    inbox: bytes = listens[0].after[0].log_id
    return inbox


@story
async def test_a24_the_queue_of_somebody_else_opens_nothing_and_is_told(world: World) -> None:
    """The relay mixes two accounts up: what waits for Bob goes to Carol, in his logs and in hers."""
    alice, bob, carol = await world.friends("alice", "bob", "carol")
    await alice.says(carol, "for carol")
    await alice.says(bob, "for bob")
    await world.advance(60)
    hers, his = got(carol, MESSAGE)[-1].log_id, got(bob, MESSAGE)[-1]

    def swap(entry: pb.Entry) -> list[pb.Entry]:
        if entry.own or entry.log_id != hers:
            return [entry]
        in_his_log = pb.Entry()
        in_his_log.CopyFrom(his)
        entry.message_id, entry.kind, entry.payload = his.message_id, his.kind, his.payload
        return [in_his_log, entry]

    remove = carol.way.meddle(rewrite("entry", swap))
    await alice.says(carol, "lost on the way")
    await world.advance(60)
    remove()
    await alice.says(carol, "and on")
    await world.advance(60)
    heard = await carol.hears(alice)
    assert "alice: for bob" not in heard
    assert "alice: and on" in heard
    assert alarmed(await carol.sees(alice))
    assert await carol.hears(bob) == [], "nothing of it got into a chat with Bob"


@story
async def test_a16_a_key_package_of_the_relays_own_making_is_refused(world: World) -> None:
    alice, bob = await world.friends("alice", "bob")
    entropy, now_s = SeededEntropy(666, "relay"), int(world.clock.now_s())
    device = ED25519.generate(entropy)
    certificate = DeviceCertificate.issue(AccountKey.generate(entropy), device.public, now_s).encode()
    own = mls.create_key_package(DEFAULT_SUITE, certificate, device.private, now_s=now_s, entropy=entropy)

    def swap(answer: pb.RecipientKeys) -> pb.RecipientKeys:
        answer.devices[0].key_package.key_package = own.key_package_bytes
        return answer

    remove = alice.way.meddle(rewrite("recipient_keys", swap))
    await alice.says(bob, "a secret")
    await world.advance(30)
    assert "false-answer" in alice.problems()
    assert "-- not-sent (1) [false-answer]" in await alice.sees(bob)
    assert sent(alice, WELCOME) == []
    assert sent(alice, MESSAGE) == []
    assert await alice.state_of(bob, "a secret") == "failed"
    remove()
    await alice.says(bob, "a secret, to the real Bob")
    await world.advance(60)
    assert await bob.hears(alice) == ["alice: a secret, to the real Bob"]


@story
async def test_a16_a_handle_that_points_to_somebody_else_than_before_is_loud(world: World) -> None:
    alice, bob, mallory = await world.people("alice", "bob", "mallory")
    await alice.client.add_contact(bob.at)
    answers = [p.body for p in alice.way.passed if p.name == "sender_keys" and not p.to_relay]
    assert answers
    await mallory.client.add_contact(alice.at)
    await alice.client.add_contact(mallory.at)
    of_mallory = [p.body for p in alice.way.passed if p.name == "sender_keys" and not p.to_relay][-1]

    def impostor(answer: pb.SenderKeys) -> pb.SenderKeys:
        answer.CopyFrom(of_mallory)
        answer.handle = "bob"
        return answer

    alice.way.meddle(rewrite("sender_keys", impostor))
    assert await alice.refused(alice.client.add_contact(bob.at)) in {"", "handle-changed"}
    await alice.says(bob, "to the real one")
    await world.advance(30)
    assert await mallory.client.chats() == []


@story
async def test_a17_a_key_package_given_out_twice_fails_the_second_time_and_is_reported(world: World) -> None:
    alice, bob, dave = await world.friends("alice", "bob", "dave")
    await alice.says(bob, "hi from alice")
    await world.shortly()
    (given,) = [p.body for p in alice.way.passed if p.name == "recipient_keys" and not p.to_relay]

    def again(answer: pb.RecipientKeys) -> pb.RecipientKeys:
        answer.CopyFrom(given)
        return answer

    dave.way.meddle(rewrite("recipient_keys", again))
    await dave.says(bob, "hi from dave")
    await world.advance(30)
    assert "welcome-invalid" in bob.problems()
    assert await bob.hears(dave) == []
    assert await bob.hears(alice) == ["alice: hi from alice"]


@story
async def test_a7_a_message_of_another_group_opens_nothing(world: World) -> None:
    (alice, bob), chat = await a_group(world, "alice", "bob")
    await alice.says(bob, "in private")
    await world.advance(30)
    stolen = sent(alice, MESSAGE)[-1].payload
    await world.advance(60)

    def mix_up(entry: pb.Entry) -> pb.Entry:
        if not entry.own and entry.log_id == bytes.fromhex(chat.removeprefix("group:")):
            entry.payload = stolen
        return entry

    remove = bob.way.meddle(rewrite("entry", mix_up))
    await alice.says(chat, "to the group")
    await world.advance(30)
    remove()
    assert "alice: in private" not in await bob.hears(chat)
    assert any(line.startswith("-- undecryptable") for line in await bob.sees(chat))


@story
async def test_a8_an_old_commit_shown_again_changes_nothing(world: World) -> None:
    people, chat = await a_group(world, "alice", "bob", "carol")
    alice, bob, _ = people
    old = got(bob, COMMIT)[0]

    def replay(entry: pb.Entry) -> pb.Entry:
        if not entry.own:
            entry.kind, entry.payload = old.kind, old.payload
        return entry

    await world.advance(60)
    remove = bob.way.meddle(rewrite("entry", replay))
    await alice.says(chat, "replaced for bob")
    await world.settle()
    remove()
    await world.advance(60)
    await all_see(people, chat, ["alice", "bob", "carol"])
    assert alarmed(await bob.sees(chat))
    await alice.says(chat, "goes on")
    await world.advance(30)
    assert (await bob.hears(chat))[-1] == "alice: goes on"


@story
async def test_a12_while_a_removal_is_held_back_nothing_is_said_to_the_removed(world: World) -> None:
    (alice, bob, carol), chat = await a_group(world, "alice", "bob", "carol")
    remove = alice.way.meddle(rewrite_request("append", lambda a: None if a.kind == COMMIT else a))
    await alice.client.remove(chat, carol.at)
    await alice.says(chat, "now that carol is gone")
    await world.advance(20)
    assert await alice.state_of(chat, "now that carol is gone") == "queued"
    remove()
    await world.advance(300)
    assert (await bob.hears(chat))[-1] == "alice: now that carol is gone"
    assert "alice: now that carol is gone" not in await carol.hears(chat)
    assert (await carol.chat(chat)).status == "ended"


@story
async def test_b14_a_members_copy_of_what_somebody_else_said_is_not_shown(world: World) -> None:
    (alice, bob, mallory), chat = await a_group(world, "alice", "bob", "mallory")
    text_id = await alice.says(chat, "what I said")
    await world.advance(30)

    def copy(append: pb.Append) -> pb.Append:
        group = mallory.group(append.log_id)
        if append.kind == MESSAGE and group is not None:
            now_ms = int(world.clock.now_s() * 1000)
            content = Content(bytes.fromhex(text_id), now_ms, 2**40, 0, b"", Text("what I never said"))
            append.payload = group.seal(build_content(content), entropy=SeededEntropy(666, "mallory"))[1]
        return append

    mallory.way.meddle(rewrite_request("append", copy))
    await mallory.says(chat, "carries the copy")
    await world.advance(30)
    assert (await bob.hears(chat)).count("alice: what I said") == 1
    for person in (alice, bob):
        assert [line for line in await person.sees(chat) if "never said" in line] == []


@story
async def test_a22_a_commit_that_is_none_wedges_nobody(world: World) -> None:
    people, chat = await a_group(world, "alice", "bob", "mallory")
    alice, bob, mallory = people

    def spoil(append: pb.Append) -> pb.Append:
        if append.kind == COMMIT:
            append.payload = append.payload[:200] + bytes(len(append.payload) - 200)
        return append

    await world.leap(A_DAY_AND_MORE_S)
    remove = mallory.way.meddle(rewrite_request("append", spoil))
    before = len(sent(mallory, COMMIT))
    await mallory.says(chat, "with a broken commit before it")
    await world.advance(30)
    for person in (alice, bob):
        assert any(line.startswith("-- invalid-commit") for line in await person.sees(chat)), person.name
    await alice.client.rename(chat, "unharmed")
    await world.advance(30)
    assert (await bob.chat(chat)).title == "unharmed"
    assert len(sent(mallory, COMMIT)) - before <= 3, "who is always spoilt does not try for ever without a pause"
    remove()
    await world.advance(180)
    await all_see(people, chat, ["alice", "bob", "mallory"])
    assert (await bob.hears(chat))[-1] == "mallory: with a broken commit before it"
