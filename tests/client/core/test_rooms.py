"""Rooms in the core: coming in, names, the link, and what members refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit import mls
from tacit.client.core import room_keys
from tacit.client.core.commits import propose_leaving
from tacit.client.core.effects import AddMessage
from tacit.client.core.joining import NickInUse, RoomDamaged, RoomOld, RoomSuite, ask_in
from tacit.client.core.policy import Rejected
from tacit.client.core.state import LogEntry, Me
from tacit.client.model import ConversationStatus, IntentKind, Notice
from tacit.crypto.eddsa import ED25519
from tacit.crypto.suites import X25519_SUITE
from tacit.identity import AccountKey, DeviceCertificate, device_id
from tacit.mls.messages import decode_message
from tacit.testing.entropy import SeededEntropy
from tests.client.core.members import NOW_S, Member, people
from tests.client.core.rooms import Room, nicks, room_of
from tests.client.core.test_conversation import in_step


def notices(member: Member) -> list[Notice]:
    """The lines that nobody wrote."""
    found = (e.message.notice for e in member.effects if isinstance(e, AddMessage))
    return [notice for notice in found if notice is not None]


def agree(room: Room, *members: Member) -> None:
    """All see the same room."""
    in_step(*members)
    assert len({tuple(nicks(m)) for m in members}) == 1
    assert len({m.group.roster for m in members}) == 1
    assert len({m.group.conversation.link_secret for m in members}) == 1
    for member in members:
        room_keys.open_group_info(room.link_secret(member), room.id, room.kept.group_info)


def test_newcomers_and_old_members_agree_and_read_each_other() -> None:
    room, members = room_of("alice", "bob", "carol", "dave")
    agree(room, *members)
    assert nicks(members[3]) == ["alice", "bob", "carol", "dave"]
    for member in members:
        room.post(member, member.text(f"from {member.name}"))
    for member in members:
        assert member.said() == [f"from {other.name}" for other in members if other is not member]
        assert member.notices() == []


def test_coming_in_is_a_line_that_names_the_newcomer() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    (carol,) = people("carol", seed=8)
    room.members.append(carol)
    room.join(carol, "maya", room.link_secret(bob))
    for member in (alice, bob):
        assert notices(member) == [Notice("joined", by=carol.id, nicks=((carol.id, "maya"),))]
    assert [n.code for n in notices(carol)] == ["joined"]
    agree(room, alice, bob, carol)


def test_nothing_readable_of_a_newcomer_goes_by_the_relay() -> None:
    """Neither the name nor the account nor the tree: what it sees of a room is sealed, whoever wrote it."""
    room, (alice, bob) = room_of("alice", "bob")
    (carol,) = people("carol", seed=8)
    join = room.ask(carol, "maya", room.link_secret(alice))
    for seen in (join.payload, join.group_info, room.kept.group_info):
        for secret in (b"maya", carol.me.account_key[-32:], carol.me.certificate, alice.me.certificate, b"alice"):
            assert secret not in seen
    opened = room_keys.open_commit(room.link_secret(bob), room.id, join.payload)
    assert b"maya" in opened
    assert isinstance(decode_message(opened), mls.PublicMessage)


def test_who_commits_without_sure_keys_shows_the_relay_nothing_either() -> None:
    """A commit that MLS does not encrypt is sealed like that of a newcomer."""
    room, (alice, bob) = room_of("alice", "bob")
    alice.state = replace(alice.group, conversation=replace(alice.group.conversation, keys_from=b"another life"))
    rows = alice.commit()
    assert room_keys.is_sealed(rows[0].payload)
    room.change(alice, rows)
    assert bob.notices() == []
    agree(room, alice, bob)


def test_a_name_that_is_taken_is_refused_before_anything_is_sent() -> None:
    room, (alice, _) = room_of("alice", "maya")
    (carol,) = people("carol", seed=8)
    for wanted in ("maya", "MAYA", "mауа", "rnaya"):
        with pytest.raises(NickInUse) as refused:
            room.ask(carol, wanted, room.link_secret(alice))
        assert refused.value.free == f"{wanted}2"


def test_a_name_is_changed_by_its_owner() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    room.wish(bob, IntentKind.NICK, text="bobby")
    assert nicks(alice) == nicks(bob) == ["alice", "bobby"]
    for member in (alice, bob):
        assert notices(member) == [Notice("nick", by=bob.id, name="bobby", nicks=((bob.id, "bob"),))]
    room.change(bob, bob.commit())
    assert nicks(alice) == ["alice", "bobby"], "a commit for fresh keys keeps it"
    agree(room, alice, bob)


def test_an_own_change_to_a_taken_name_is_not_even_made() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    with pytest.raises(Rejected, match="nick-taken"):
        bob.wish(IntentKind.NICK, text="Аlice")
    assert len(room.entries) == 1
    assert nicks(alice) == ["alice", "bob"]


def test_a_kick_renews_the_link_and_the_kicked_one_knows_neither_it_nor_what_is_said() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    old = room.link_secret(carol)
    room.wish(alice, IntentKind.REMOVE, who=[carol.id])
    assert [n.code for n in notices(bob)] == ["removed"]
    assert carol.group.conversation.status is ConversationStatus.REMOVED
    assert room.link_secret(alice) == room.link_secret(bob) != old
    assert room.kept.join_token_hash == room_keys.join_token_hash(room.link_secret(bob), room.id)
    with pytest.raises(RoomDamaged):
        room.ask(carol, "carol", old)
    agree(room, alice, bob)
    room.join(carol, "carol", room.link_secret(bob))
    agree(room, alice, bob, carol)


def test_only_admins_put_out_and_lock() -> None:
    room, (_, bob, carol) = room_of("alice", "bob", "carol")
    with pytest.raises(Rejected, match="remove-by-non-admin"):
        bob.wish(IntentKind.REMOVE, who=[carol.id])
    with pytest.raises(Rejected, match="change-info-by-non-admin"):
        bob.wish(IntentKind.LOCK)
    assert len(room.entries) == 2


def test_a_locked_room_takes_nobody_in_and_an_unlocked_one_does_again() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    (carol,) = people("carol", seed=8)
    room.members.append(carol)
    early = room.ask(carol, "carol", room.link_secret(bob))
    room.wish(alice, IntentKind.LOCK)
    assert room.kept.join_token_hash == b""
    assert [n.code for n in notices(bob)] == ["locked"]
    late = room.ask(carol, "carol", room.link_secret(bob))
    for join in (late, early):
        entry = LogEntry(len(room.entries) + 1, join.message_id, 2, join.payload)
        room.entries.append(entry)
        room.authors.append(carol)
        for member in (alice, bob):
            room.show(member, entry)
    assert bob.notices()[1:] == ["rejected-commit/room-locked", "invalid-commit/old-epoch"]
    room.wish(alice, IntentKind.UNLOCK)
    assert notices(bob)[-1].code == "unlocked"
    room.join(carol, "carol", room.link_secret(bob))
    agree(room, alice, bob, carol)


def test_leaving_takes_the_name_along_and_leaves_the_link() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    secret = room.link_secret(alice)
    room.post(bob, bob.take(propose_leaving(bob.group, bob.ctx)))
    room.change(alice, alice.commit())
    assert [(n.code, n.nicks) for n in notices(carol)] == [("left", ((bob.id, "bob"),))]
    assert room.link_secret(carol) == secret
    assert nicks(carol) == ["alice", "carol"]
    room.join(bob, "robert", secret)
    agree(room, alice, bob, carol)
    assert nicks(alice) == ["alice", "carol", "robert"]


def test_a_device_that_has_lost_its_place_comes_back_in_the_place_of_its_old_self() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    (row,) = alice.commit()
    (entry,) = room.append(alice, [row])
    for member in (alice, carol):
        room.show(member, entry)
    assert row.room is not None
    room.kept = row.room
    assert alice.group.group.epoch == carol.group.group.epoch > bob.group.group.epoch
    room.join(bob, "bob", room.link_secret(bob))
    agree(room, alice, bob, carol)
    assert notices(alice) == []
    assert nicks(alice) == ["alice", "bob", "carol"]


def test_into_a_locked_room_comes_only_who_is_in_it_in_his_own_place() -> None:
    room, (alice, bob, carol) = room_of("alice", "bob", "carol")
    room.wish(alice, IntentKind.LOCK)
    epoch = alice.group.group.epoch
    room.join(carol, "carol", room.link_secret(bob))
    agree(room, alice, bob, carol)
    assert alice.group.group.epoch == epoch + 1
    assert bob.group.info.locked
    assert notices(bob)[1:] == []
    room.wish(alice, IntentKind.REMOVE, who=[carol.id])
    with pytest.raises(RoomDamaged):
        room.ask(carol, "carol", room.link_secret(carol))  # the link was renewed
    join = room.ask(carol, "carol", room.link_secret(bob))  # even if somebody hands it the new one
    room.entries.append(LogEntry(len(room.entries) + 1, join.message_id, 2, join.payload))
    room.authors.append(carol)
    for member in (alice, bob):
        room.show(member, room.entries[-1])
    assert [m.notices()[-1] for m in (alice, bob)] == ["rejected-commit/room-locked"] * 2


def test_a_relay_that_shows_the_room_as_it_was_is_found_out_by_whoever_was_there() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    old = room.kept
    for _ in range(3):
        room.change(alice, alice.commit())
    room.kept = old
    with pytest.raises(RoomOld):
        room.ask(bob, "bob", room.link_secret(bob))


def test_a_room_of_other_ciphers_is_not_entered() -> None:
    room, (alice,) = room_of("alice")
    (bob,) = people("bob", seed=8)
    entrance = room.entrance(room.link_secret(alice))
    with pytest.raises(RoomSuite):
        ask_in(entrance, "bob", bob.ctx)
    assert ask_in(entrance, "bob", bob.ctx, suite_id=X25519_SUITE).group_id == room.id


def test_what_the_relay_keeps_must_be_of_this_room_and_whole() -> None:
    room, (alice, _) = room_of("alice", "bob")
    other, (mallory, _) = room_of("mallory", "trent")
    (carol,) = people("carol", seed=8)
    secret = room.link_secret(alice)
    whole = room.kept.group_info
    foreign = room_keys.seal_group_info(
        secret,
        room.id,
        room_keys.open_group_info(other.link_secret(mallory), other.id, other.kept.group_info),
        carol.entropy,
    )
    for garbage in (b"", whole[:-1], bytes(len(whole)), whole + b"\x00", other.kept.group_info, foreign):
        room.kept = replace(room.kept, group_info=garbage)
        with pytest.raises(RoomDamaged):
            room.ask(carol, "carol", secret)
    room.kept = replace(room.kept, group_info=whole)
    room.members.append(carol)
    room.join(carol, "carol", secret)
    agree(room, alice, carol)


def test_further_devices_of_somebody_come_in_under_the_same_name() -> None:
    room, (alice, bob) = room_of("alice", "bob")
    entropy = SeededEntropy(11, "bob's other device")
    account, devices = AccountKey.generate(entropy), [ED25519.generate(entropy) for _ in range(2)]
    one, other = (
        Member(
            name,
            entropy,
            Me(
                account.id,
                device_id(device.public),
                account.public,
                DeviceCertificate.issue(account, device.public, NOW_S).encode(),
                device.private,
            ),
        )
        for name, device in zip(("one", "other"), devices, strict=True)
    )
    room.members += [one, other]
    room.join(one, "maya", room.link_secret(alice))
    for member in (alice, bob, one):
        member.effects.clear()
    room.join(other, "somebody-else", room.link_secret(alice))
    agree(room, alice, bob, one, other)
    assert nicks(bob) == ["alice", "bob", "maya"]
    assert bob.notices() == []
    room.wish(other, IntentKind.NICK, text="tara")  # its own leaf is all that a device can change
    room.join(other, "tara", room.link_secret(alice))
    assert {m.nick for m in bob.group.roster.of(account.id)} == {"maya"}, "who comes back takes the name of the first"
    room.wish(alice, IntentKind.REMOVE, who=[account.id])
    assert nicks(bob) == ["alice", "bob"]
    assert {m.group.conversation.status for m in (one, other)} == {ConversationStatus.REMOVED}
