from __future__ import annotations

import pytest

from tacit import limits
from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import BadRequest, TooLarge
from tacit.wire.operations import REQUESTS
from tacit.wire.shapes import MAX_INVITE_CHARS, MAX_SEQ, MAX_SIGNATURE_BYTES, check_shape

ID = b"i" * 16
TOKEN = b"t" * 32
DEVICE = pb.Device(account_id=ID, device_id=ID)
OTHER = pb.Device(account_id=ID, device_id=b"o" * 16)
MESSAGE, COMMIT, WELCOME = pb.ENTRY_KIND_MESSAGE, pb.ENTRY_KIND_COMMIT, pb.ENTRY_KIND_WELCOME


def append(**changes):
    return pb.Append(**({"log_id": ID, "message_id": ID, "kind": MESSAGE} | changes))


def invitation(payload):
    return pb.Append(inbox=pb.Device(account_id=ID, device_id=ID), message_id=ID, kind=WELCOME, payload=payload)


def lost(**changes):
    return pb.BringBack(**({"log_id": ID, "message_id": ID, "seq": 1, "kind": MESSAGE} | changes))


def position(**changes):
    return pb.Position(**({"log_id": ID, "seq": 1} | changes))


GOOD = [
    ("register", pb.Register(account_key=b"k", device_certificate=b"c")),
    ("login", pb.Login(account_id=ID, device_id=ID)),
    ("publish_keys", pb.PublishKeys(key_packages=[pb.KeyPackage(suite=1, key_package=b"k")])),
    ("recipient_keys", pb.RecipientKeysRequest(who=pb.Who(account_id=ID), suite=0xFFFF)),
    ("sender_keys", pb.SenderKeysRequest(who=pb.Who(handle="bob"))),
    ("create_log", pb.CreateLog(log_id=ID)),
    ("append", append(payload=b"x" * limits.MAX_MESSAGE_BYTES)),
    ("append", append(kind=COMMIT, payload=b"x" * limits.MAX_COMMIT_BYTES, readers_added=[DEVICE])),
    ("append", invitation(b"x" * limits.MAX_WELCOME_BYTES)),
    ("append", append(kind=COMMIT, readers_added=[DEVICE], readers_removed=[OTHER], after_commit=MAX_SEQ)),
    ("append", pb.Append(inbox=DEVICE, message_id=ID, kind=WELCOME)),
    ("append", pb.Append(inbox=DEVICE, message_id=ID, kind=MESSAGE)),
    ("acknowledge", pb.Acknowledge()),
    ("acknowledge", pb.Acknowledge(positions=[position(seq=MAX_SEQ)])),
    ("listen", pb.Listen(after=[position()] * limits.MAX_LISTEN_LOGS)),
    ("revoke_device", pb.RevokeDevice(device_id=ID, signature=b"s" * 64)),
    ("register", pb.Register(phone="+391234567890123", otp_request="r" * 64)),
    ("submit_otp", pb.SubmitOtp(request="r" * 64, code="123 456")),
    ("sender_keys", pb.SenderKeysRequest(who=pb.Who(phone="+391234567890"))),
    ("create_log", pb.CreateLog(log_id=ID, room=pb.Room(join_token_hash=TOKEN, group_info=b"g"))),
    ("append", append(kind=COMMIT, room=pb.Room(group_info=b"g"), join_token=TOKEN)),
    ("enter_room", pb.EnterRoom(log_id=ID, join_token=TOKEN)),
    ("enter_room", pb.EnterRoom(name="lobby")),
    ("open_rendezvous", pb.OpenRendezvous()),
    ("join_rendezvous", pb.JoinRendezvous(name="A3F2B1")),
    ("pass_on", pb.PassOn(payload=b"x" * limits.MAX_MESSAGE_BYTES)),
    ("dismiss", pb.Dismiss(close=True)),
    ("bring_back", pb.BringBack(log_id=ID)),
    ("bring_back", lost(payload=b"x" * limits.MAX_MESSAGE_BYTES, author=DEVICE)),
    ("bring_back", lost(kind=COMMIT, seq=MAX_SEQ, readers_added=[DEVICE], readers_removed=[OTHER])),
]

BAD = [
    ("create_log", pb.CreateLog(log_id=ID, room=pb.Room(join_token_hash=b"short"))),
    ("append", append(kind=COMMIT, join_token=b"short")),
    ("append", append(join_token=TOKEN)),
    ("append", append(room=pb.Room(group_info=b"g"))),
    ("append", append(kind=COMMIT, room=pb.Room(readers=[pb.Device()]))),
    ("enter_room", pb.EnterRoom()),
    ("enter_room", pb.EnterRoom(log_id=b"x")),
    ("enter_room", pb.EnterRoom(log_id=ID, join_token=b"short")),
    ("join_rendezvous", pb.JoinRendezvous(name="A3F2B")),
    ("bring_back", pb.BringBack()),
    ("bring_back", lost(message_id=ID[:15])),
    ("bring_back", lost(kind=WELCOME)),
    ("bring_back", lost(seq=0)),
    ("bring_back", lost(seq=MAX_SEQ + 1)),
    ("bring_back", lost(author=pb.Device(account_id=ID))),
    ("bring_back", lost(readers_added=[DEVICE])),
    ("bring_back", lost(kind=COMMIT, readers_added=[DEVICE], readers_removed=[DEVICE])),
    ("login", pb.Login(account_id=ID[:15], device_id=ID)),
    ("login", pb.Login(account_id=ID, device_id=ID + b"x")),
    ("publish_keys", pb.PublishKeys(key_packages=[pb.KeyPackage(suite=1)])),
    ("publish_keys", pb.PublishKeys(key_packages=[pb.KeyPackage(suite=0x10000, key_package=b"k")])),
    ("recipient_keys", pb.RecipientKeysRequest(suite=1)),
    ("recipient_keys", pb.RecipientKeysRequest(who=pb.Who(account_id=b"short"))),
    ("recipient_keys", pb.RecipientKeysRequest(who=pb.Who(account_id=ID), suite=0x10000)),
    ("sender_keys", pb.SenderKeysRequest(who=pb.Who())),
    ("create_log", pb.CreateLog()),
    ("append", append(message_id=b"")),
    ("append", append(kind=0)),
    ("append", append(kind=77)),
    ("append", append(log_id=b"x")),
    ("append", pb.Append(message_id=ID, kind=MESSAGE)),
    ("append", append(kind=WELCOME)),
    ("append", pb.Append(inbox=DEVICE, message_id=ID, kind=COMMIT)),
    ("append", pb.Append(inbox=pb.Device(account_id=ID), message_id=ID, kind=WELCOME)),
    ("append", append(after_commit=1)),
    ("append", append(readers_added=[DEVICE])),
    ("append", append(readers_removed=[DEVICE, OTHER])),
    ("append", append(kind=COMMIT, readers_added=[pb.Device()])),
    ("append", append(kind=COMMIT, readers_added=[DEVICE], readers_removed=[OTHER, DEVICE])),
    ("append", append(kind=COMMIT, after_commit=MAX_SEQ + 1)),
    ("acknowledge", pb.Acknowledge(positions=[position(seq=MAX_SEQ + 1)])),
    ("listen", pb.Listen(after=[position(log_id=b"")])),
    ("revoke_device", pb.RevokeDevice(device_id=b"")),
]

TOO_LARGE = [
    ("register", pb.Register(phone="+3912345678901234")),
    ("register", pb.Register(otp_request="r" * 65)),
    ("submit_otp", pb.SubmitOtp(request="r" * 65)),
    ("submit_otp", pb.SubmitOtp(code="1" * 17)),
    ("create_log", pb.CreateLog(log_id=ID, room=pb.Room(group_info=b"g" * (limits.MAX_ROOM_INFO_BYTES + 1)))),
    ("create_log", pb.CreateLog(log_id=ID, room=pb.Room(name="n" * 33))),
    ("create_log", pb.CreateLog(log_id=ID, room=pb.Room(link_secret=b"s" * 33))),
    ("enter_room", pb.EnterRoom(name="n" * 33)),
    ("append", append(kind=COMMIT, room=pb.Room(readers=[DEVICE] * (limits.MAX_READERS_PER_LOG + 1)))),
    ("pass_on", pb.PassOn(payload=b"x" * (limits.MAX_MESSAGE_BYTES + 1))),
    ("register", pb.Register(account_key=b"k" * (limits.MAX_ACCOUNT_KEY_BYTES + 1))),
    ("register", pb.Register(device_certificate=b"c" * (limits.MAX_CERTIFICATE_BYTES + 1))),
    ("register", pb.Register(signature=b"s" * (MAX_SIGNATURE_BYTES + 1))),
    ("register", pb.Register(handle="h" * (limits.MAX_HANDLE_CHARS + 1))),
    ("register", pb.Register(invite="i" * (MAX_INVITE_CHARS + 1))),
    ("publish_keys", pb.PublishKeys(device_certificate=b"c" * (limits.MAX_CERTIFICATE_BYTES + 1))),
    ("publish_keys", pb.PublishKeys(key_packages=[pb.KeyPackage(suite=1, key_package=b"k")] * 101)),
    ("publish_keys", pb.PublishKeys(key_packages=[pb.KeyPackage(suite=1, key_package=b"k" * (16 * 1024 + 1))])),
    ("sender_keys", pb.SenderKeysRequest(who=pb.Who(handle="h" * 33))),
    ("append", append(payload=b"x" * (limits.MAX_MESSAGE_BYTES + 1))),
    ("append", append(kind=COMMIT, payload=b"x" * (limits.MAX_COMMIT_BYTES + 1))),
    ("append", invitation(b"x" * (limits.MAX_WELCOME_BYTES + 1))),
    ("append", append(kind=COMMIT, readers_removed=[DEVICE] * (limits.MAX_READERS_PER_LOG + 1))),
    ("listen", pb.Listen(after=[position()] * (limits.MAX_LISTEN_LOGS + 1))),
    ("revoke_device", pb.RevokeDevice(device_id=ID, signature=b"s" * (MAX_SIGNATURE_BYTES + 1))),
]


@pytest.mark.parametrize(("name", "body"), GOOD)
def test_a_request_in_shape_passes(name, body):
    check_shape(name, body)


@pytest.mark.parametrize(("name", "body"), BAD)
def test_a_request_that_makes_no_sense_is_refused(name, body):
    with pytest.raises(BadRequest):
        check_shape(name, body)


@pytest.mark.parametrize(("name", "body"), TOO_LARGE)
def test_a_request_past_a_bound_is_refused(name, body):
    with pytest.raises(TooLarge):
        check_shape(name, body)


def test_every_request_that_can_be_served_has_its_shape_checked():
    assert {name for name, _ in GOOD} == REQUESTS.keys()
