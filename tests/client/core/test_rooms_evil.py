"""Rooms against relays, members, strangers and people who were put out: nothing changes, and everybody is told why."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tacit import mls
from tacit.client.core import room_keys, room_size
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, GroupKind, encode_group_info
from tacit.client.core.joining import Entrance, NoPlace, RoomDamaged, RoomOld, RoomSuite, check_way_back
from tacit.client.core.nicks import NICK_EXTENSION
from tacit.client.core.policy import Rejected
from tacit.client.core.room_size import LARGEST_LEAF_BYTES
from tacit.client.core.rooms import EXTENSION_TYPES, with_nick
from tacit.client.core.state import EntryKind, LogEntry, Me
from tacit.client.model import IntentKind, MessageId
from tacit.crypto.eddsa import ED25519
from tacit.identity import AccountKey, DeviceCertificate, device_id
from tacit.testing.entropy import SeededEntropy
from tests.client.core.members import NOW_S, Member, group_of, people
from tests.client.core.rooms import Room, nicks, room_of


def external_commit(
    room: Room, who: Member, group_info: bytes, *, psks: Sequence[tuple[bytes, bytes]] = (), nick: str | None = "eve"
) -> bytes:
    """Let somebody without manners make a commit out of a group info; ``psks`` are IDs and keys."""
    known = dict(psks)
    context = mls.read_group_info(group_info).group_context
    named = [mls.PreSharedKeyID.fresh(context.cipher_suite, mls.ExternalPSK(psk_id), who.entropy) for psk_id, _ in psks]

    def find(asked: mls.PreSharedKeyID) -> bytes | None:
        assert isinstance(asked.key, mls.ExternalPSK)
        return known.get(asked.key.psk_id)

    joined = mls.join_externally(
        group_info,
        who.me.certificate,
        who.me.signature_private,
        psks=named,
        authenticate=lambda old, new: None,
        policy=mls.Policy(find_psk=find),
        extensions=() if nick is None else with_nick((), nick),
        extension_types=EXTENSION_TYPES,
        now_s=who.now_s,
        entropy=who.entropy,
    )
    assert joined.group.group_id == room.id
    return joined.commit


def plain_group_info(room: Room, by: Member) -> bytes:
    """What stands in the room's seal."""
    return room_keys.open_group_info(room.link_secret(by), room.id, room.kept.group_info)


def right_psk(room: Room, by: Member) -> tuple[bytes, bytes]:
    """What the link gives."""
    link_epoch = by.group.info.link_epoch
    return room_keys.psk_id(room.id, link_epoch), room_keys.psk(room.link_secret(by), room.id)


def post(room: Room, author: Member, payload: bytes, *to: Member) -> None:
    """Have the relay take anything for a commit."""
    entry = LogEntry(len(room.entries) + 1, MessageId(author.entropy(16)), EntryKind.COMMIT, payload)
    room.entries.append(entry)
    room.authors.append(author)
    for member in to:
        room.show(member, entry)


def unmoved(room: Room, *members: Member) -> None:
    """They are where they were, and go on together."""
    assert {m.group.group.epoch for m in members} == {members[0].group.group.epoch}
    first, *others = members
    room.change(first, first.commit())
    room.post(first, first.text("we go on"))
    for other in others:
        assert other.said()[-1] == "we go on"
        assert other.group.group.epoch_authenticator == first.group.group.epoch_authenticator


def test_the_relay_cannot_come_into_its_own_room() -> None:
    """It has all that it stores and everything that went by; not even the tree is there to be read."""
    room, (alice, bob) = room_of("alice", "bob")
    (relay,) = people("relay", seed=9)
    stored = [room.kept.group_info, room.kept.join_token_hash, *(entry.payload for entry in room.entries)]
    guesses = [room.kept.join_token_hash, room.id * 2, bytes(32), *(data[:32].ljust(32, b"\x00") for data in stored)]
    for guess in guesses:
        with pytest.raises(RoomDamaged):
            room.ask(relay, "relay", guess)
    assert room.kept.link_secret == b""
    unmoved(room, alice, bob)


def test_even_with_the_group_info_nobody_comes_in_without_the_secret() -> None:
    """As if the seal were broken: the pre-shared key stands in the way of its own."""
    room, (alice, bob) = room_of("alice", "bob")
    (relay,) = people("relay", seed=9)
    info = plain_group_info(room, alice)
    psk_id, psk = right_psk(room, alice)
    tries = {
        "rejected-commit/room-psk": external_commit(room, relay, info),
        "invalid-commit/psk-unavailable": external_commit(room, relay, info, psks=[(b"mine", bytes(32))]),
        "invalid-commit/6.1/confirmation-tag": external_commit(room, relay, info, psks=[(psk_id, bytes(32))]),
    }
    for told, commit in tries.items():
        for member in (alice, bob):
            member.effects.clear()
        post(room, relay, commit, alice, bob)
        assert alice.notices() == bob.notices() == [told]
    with_both = external_commit(room, relay, info, psks=[(psk_id, psk), (psk_id, psk)])
    alice.effects.clear()
    post(room, relay, with_both, alice, bob)
    assert alice.notices() == ["rejected-commit/room-psk"]
    unmoved(room, alice, bob)


def test_the_key_of_a_link_that_has_ended_is_good_for_nothing() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    old = right_psk(room, carol)
    room.wish(alice, IntentKind.REMOVE, who=[carol.id])
    for member in (alice, bob):
        member.effects.clear()
    commit = external_commit(room, carol, plain_group_info(room, alice), psks=[old], nick="carol")
    post(room, carol, commit, alice, bob)
    assert alice.notices() == bob.notices() == ["invalid-commit/psk-unavailable"]
    post(room, carol, room_keys.seal_commit(old[1], room.id, commit, carol.entropy), alice, bob)
    assert alice.notices()[1:] == bob.notices()[1:] == ["invalid-commit/malformed"]
    unmoved(room, alice, bob)


@pytest.mark.parametrize(
    ("nick", "reason"),
    [("bob", "nick-taken"), ("B0B", "nick-taken"), ("bоb", "nick-taken"), (None, "bad-nick"), ("", "bad-nick")]
    + [(bad, "bad-nick") for bad in ("a b", "-_-", "x" * 25, "a\u200db", "\u202ebob", "e\u0301", "ａ", "😀")],
)
def test_a_newcomer_without_a_name_of_its_own_stays_outside(nick: str | None, reason: str) -> None:
    room, (alice, bob) = room_of("alice", "bob")
    (eve,) = people("eve", seed=9)
    commit = external_commit(room, eve, plain_group_info(room, bob), psks=[right_psk(room, bob)], nick=nick)
    post(room, eve, room_keys.seal_commit(room.link_secret(bob), room.id, commit, eve.entropy), alice, bob)
    assert alice.notices() == bob.notices() == [f"rejected-commit/{reason}"]
    assert nicks(alice) == ["alice", "bob"]
    unmoved(room, alice, bob)


def test_a_newcomer_who_knows_everything_comes_in_sealed_or_not() -> None:
    """What the tests above change is what keeps the others out."""
    room, (alice, bob) = room_of("alice", "bob")
    (eve,) = people("eve", seed=9)
    commit = external_commit(room, eve, plain_group_info(room, bob), psks=[right_psk(room, bob)])
    post(room, eve, commit, alice, bob)
    assert alice.notices() == bob.notices() == ["joined"]


def with_leaf(member: Member, *extensions: mls.Extension) -> bytes:
    """A commit by which a member shows anything in its leaf."""
    own = member.group.group.member(member.group.group.own_leaf)
    assert own is not None
    others = tuple(e for e in own.extensions if e.extension_type != NICK_EXTENSION)
    _, pending = member.group.group.create_commit(
        (),
        leaf_extensions=(*extensions, *others),
        entropy=member.entropy,
        now_s=member.now_s,
        authenticate=lambda old, new: None,
    )
    return pending.commit


def test_a_member_takes_no_name_that_is_taken_and_does_not_hide_its_own() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    for data, reason in ((b"AL1CE", "nick-taken"), (b"\xff", "bad-nick"), (b"a b", "bad-nick")):
        post(room, carol, with_leaf(carol, mls.Extension(NICK_EXTENSION, data)), alice, bob)
        assert alice.notices()[-1] == bob.notices()[-1] == f"rejected-commit/{reason}"
    post(room, carol, with_leaf(carol), alice, bob)
    assert alice.notices()[-1] == bob.notices()[-1] == "rejected-commit/bad-nick"
    assert nicks(alice) == ["alice", "bob", "carol"]
    unmoved(room, alice, bob)


def info_of(member: Member, **changed: object) -> mls.Proposal:
    """A new description of the room."""
    info: GroupInfo = replace(member.group.info, **changed)  # type: ignore[arg-type]  # fields by name
    return mls.GroupContextExtensions((mls.Extension(GROUP_INFO_EXTENSION, encode_group_info(info)),))


def test_an_admin_without_manners_is_held_to_the_rules_of_the_link() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    epoch = alice.group.group.epoch
    tries: list[tuple[list[mls.Proposal], str]] = [
        ([mls.Remove(alice.leaf(carol.id))], "kick-keeps-link"),
        ([info_of(alice, link_epoch=epoch)], "link-epoch"),
        ([info_of(alice, link_epoch=epoch + 2)], "link-epoch"),
        ([info_of(alice, public=True)], "fixed-info"),
        ([info_of(alice, kind=GroupKind.GROUP, version=1)], "fixed-info"),
        ([mls.Add(mls.read_key_package(people("dave", seed=9)[0].key_package(), now_s=alice.now_s,
                                       authenticate=lambda old, new: None))], "add-in-room"),
    ]  # fmt: skip
    for proposals, reason in tries:
        rows = alice.force(*proposals)
        post(room, alice, rows[0].payload, bob, carol)
        assert bob.notices()[-1] == carol.notices()[-1] == f"rejected-commit/{reason}"
        alice.state = replace(alice.group, own_commit=None)
        alice.outbox.clear()
    assert bob.group.group.epoch == carol.group.group.epoch == epoch


def test_what_a_member_proposes_never_stands_in_the_way_of_a_commit() -> None:
    """A leaf that is only proposed could show a taken name, and every commit that takes it up would fail."""
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    group, update = carol.group.group.propose_update(entropy=carol.entropy)
    carol.state = replace(carol.group, group=replace(group, pending_proposals=()))
    entry = LogEntry(len(room.entries) + 1, MessageId(carol.entropy(16)), EntryKind.MESSAGE, update)
    room.entries.append(entry)
    room.authors.append(carol)
    for member in (alice, bob):
        room.show(member, entry)
        assert member.notices() == ["rejected-commit/update-in-room"]
        assert not member.group.group.pending_proposals
    unmoved(room, alice, bob)


def test_nobody_lets_himself_into_what_is_no_room() -> None:
    log, (alice, bob) = group_of("alice", "bob")
    (eve,) = people("eve", seed=9)
    joined = mls.join_externally(
        alice.group.group.group_info(),
        eve.me.certificate,
        eve.me.signature_private,
        authenticate=lambda old, new: None,
        extensions=with_nick((), "eve"),
        extension_types=EXTENSION_TYPES,
        now_s=eve.now_s,
        entropy=eve.entropy,
    )
    entry = LogEntry(len(log.entries) + 1, MessageId(eve.entropy(16)), EntryKind.COMMIT, joined.commit)
    log.entries.append(entry)
    log.authors.append(eve)
    for member in (alice, bob):
        log.show(member, entry)
    assert alice.notices() == bob.notices() == ["invalid-commit/outsider-refused"]


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """The same with a few bytes changed, cut, doubled or put in."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place : place + rng.randrange(1, 40)] = b""
            case 2:
                changed[place:place] = changed[place : place + rng.randrange(1, 40)]
            case _:
                changed[place] = rng.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xFF))
        if not changed:
            changed = bytearray(b"\x00")
    return bytes(changed) if changed != data else spoilt(data, rng)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_holder_of_the_link_leaves_at_the_door_has_a_name(seed: int) -> None:
    """He can seal what he likes. A newcomer is told what is wrong with it, or comes into what is whole."""
    room, (alice, _) = room_of("alice", "bob")
    (carol,) = people("carol", seed=8)
    rng = random.Random(seed)
    secret, plain = room.link_secret(alice), plain_group_info(room, alice)
    refused = 0
    for _ in range(150):
        left = spoilt(plain, rng)
        room.kept = replace(room.kept, group_info=room_keys.seal_group_info(secret, room.id, left, carol.entropy))
        try:
            room.ask(carol, "carol", secret)
        except (RoomDamaged, RoomSuite):
            refused += 1
    assert refused > 140


@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_for_a_commit_changes_nothing(seed: int) -> None:
    room, (alice, bob) = room_of("alice", "bob")
    (carol,) = people("carol", seed=8)
    rng = random.Random(seed)
    secret = room.link_secret(alice)
    plain = room_keys.open_commit(secret, room.id, room.ask(carol, "carol", secret).payload)
    before = alice.group.group
    for _ in range(100):
        commit = spoilt(plain, rng)
        payload = room_keys.seal_commit(secret, room.id, commit, carol.entropy) if rng.randrange(2) else commit
        post(room, carol, payload, alice)
    assert alice.group.group.epoch == before.epoch
    assert len(alice.notices()) >= 100
    room.catch_up(bob)
    unmoved(room, alice, bob)


def test_nobody_goes_by_himself_where_the_door_leads_to_others() -> None:
    """What is at the door may be anybody's who has the link: with its own admins, of an earlier epoch, without ours."""
    room, (alice, bob) = room_of("alice", "bob")
    (eve,) = people("eve", seed=9)
    secret = room.link_secret(alice)

    def shown(*, by: Member, info: GroupInfo, epochs: int) -> Entrance:
        """A group of somebody's own under the ID of the room."""
        group = mls.create_group(
            room.id,
            bob.group.group.suite.id,
            by.me.certificate,
            by.me.signature_private,
            extensions=(mls.Extension(GROUP_INFO_EXTENSION, encode_group_info(info)),),
            extension_types=EXTENSION_TYPES,
            leaf_extensions=with_nick((), by.name),
            entropy=by.entropy,
            now_s=by.now_s,
        )
        for _ in range(epochs):
            alone, pending = group.create_commit([], entropy=by.entropy, now_s=by.now_s, authenticate=lambda o, n: None)
            group = alone.merge(pending)
        return Entrance(room.id, room_keys.seal_group_info(secret, room.id, group.group_info(), by.entropy), 1, secret)

    ours = bob.group.info
    with pytest.raises(RoomDamaged, match="admins, or another link"):
        check_way_back(shown(by=eve, info=replace(ours, admins=(eve.me.account_id,)), epochs=5), bob.group)
    with pytest.raises(RoomDamaged, match="admins, or another link"):
        check_way_back(shown(by=eve, info=replace(ours, link_epoch=3), epochs=5), bob.group)
    with pytest.raises(RoomDamaged, match="lost its admins"):
        check_way_back(shown(by=eve, info=ours, epochs=5), bob.group)
    with pytest.raises(RoomOld):
        check_way_back(shown(by=alice, info=ours, epochs=bob.group.group.epoch), bob.group)
    with pytest.raises(RoomOld):
        check_way_back(room.entrance(secret), bob.group)
    check_way_back(shown(by=alice, info=ours, epochs=bob.group.group.epoch + 1), bob.group)


def fat_newcomer(room: Room, who: Member, by: Member, size: int) -> bytes:
    """The commit of somebody whose leaf has something of a size in it that nobody has asked for."""
    psk_id, key = right_psk(room, by)
    suite = by.group.group.suite.id
    joined = mls.join_externally(
        plain_group_info(room, by),
        who.me.certificate,
        who.me.signature_private,
        psks=[mls.PreSharedKeyID.fresh(suite, mls.ExternalPSK(psk_id), who.entropy)],
        authenticate=lambda old, new: None,
        policy=mls.Policy(find_psk=lambda asked: key),
        extensions=(*with_nick((), who.name), mls.Extension(0xFAFA, b"x" * size)),
        extension_types=(*EXTENSION_TYPES, 0xFAFA),
        now_s=who.now_s,
        entropy=who.entropy,
    )
    return joined.commit


def test_a_leaf_that_would_fill_the_room_is_refused() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    eve, carol = people("eve", "carol", seed=9)
    post(room, eve, fat_newcomer(room, eve, alice, LARGEST_LEAF_BYTES), alice, bob)
    assert alice.notices() == bob.notices() == ["rejected-commit/leaf-too-large"]
    unmoved(room, alice, bob)
    post(room, carol, fat_newcomer(room, carol, alice, LARGEST_LEAF_BYTES // 2), alice, bob)
    assert nicks(alice) == nicks(bob) == ["alice", "bob", "carol"]


def test_a_full_room_takes_nobody_in_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has lost his place in it comes back, and there is always room for putting somebody out."""
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    (eve,) = people("eve", seed=9)
    secret = room.link_secret(alice)
    asked = room.ask(eve, "eve", secret)
    monkeypatch.setattr(room_size, "FEW", 2)
    monkeypatch.setattr(room_size, "FULL_BYTES", room_size.largest_bytes(alice.group.group))
    with pytest.raises(NoPlace):
        room.ask(eve, "eve", secret)
    post(room, eve, asked.payload, alice, bob, carol)
    for member in (alice, bob, carol):
        assert member.notices()[-1] == "rejected-commit/room-full"
    unmoved(room, alice, bob, carol)
    monkeypatch.setattr(room_size, "FULL_BYTES", room_size.FULL_BYTES - 1)
    with pytest.raises(Rejected, match="room-full"):
        bob.wish(IntentKind.NICK, text="robert")
    room.join(bob, "bob", secret)
    assert nicks(alice) == nicks(carol) == ["alice", "bob", "carol"]
    room.wish(alice, IntentKind.REMOVE, who=[carol.me.account_id])
    assert nicks(alice) == nicks(bob) == ["alice", "bob"]


def test_as_many_as_are_never_counted_always_fit() -> None:
    largest = LARGEST_LEAF_BYTES + 1216 + room_size.HASHES_BYTES
    assert room_size.FEW * largest < room_size.FULL_BYTES


def test_nobody_has_two_names_in_a_room() -> None:
    """With one device for each, somebody could keep many names from others."""
    room, (alice, bob) = room_of("alice", "bob")
    entropy = SeededEntropy(12, "two devices")
    account = AccountKey.generate(entropy)
    devices: list[Member] = []
    for name in ("one", "other"):
        key = ED25519.generate(entropy)
        certificate = DeviceCertificate.issue(account, key.public, NOW_S).encode()
        me = Me(account.id, device_id(key.public), account.public, certificate, key.private)
        devices.append(Member(name, entropy, me))
    one, other = devices
    room.members.append(one)
    room.join(one, "maya", room.link_secret(alice))
    named = [right_psk(room, alice)]
    commit = external_commit(room, other, plain_group_info(room, alice), psks=named, nick="tara")
    post(room, other, commit, alice, bob, one)
    for member in (alice, bob, one):
        assert member.notices()[-1] == "rejected-commit/bad-nick"
    assert nicks(alice) == ["alice", "bob", "maya"]
    unmoved(room, alice, bob, one)
